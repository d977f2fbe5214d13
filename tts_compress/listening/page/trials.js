// What trials of all kinds have around their sounds: practice or not, sentence, question, comment.
"use strict";

const LONGEST_COMMENT = 5000; // characters

Listen.pages.trial = (page, values, context) => {
  const view = Listen.trials[page.kind](page, values, context);
  const comment = page.comment ? Listen.element("textarea", { rows: 2, maxlength: LONGEST_COMMENT }) : null;
  if (comment) {
    comment.value = values.comment ?? "";
    comment.addEventListener("input", context.changed);
  }
  const optional = ["Comment", Listen.element("span", { class: "hint" }, " (optional)")];
  return {
    ...view,
    body: [
      page.sentence && Listen.element("blockquote", {}, page.sentence),
      Listen.element("p", { class: "question" }, page.question),
      ...view.body,
      comment && Listen.field(optional, comment),
    ],
    values: () => {
      return comment?.value ? { ...view.values(), comment: comment.value } : view.values();
    },
  };
};

/** Ids of what is heard on a page. */
Listen.soundsOf = (page) => {
  const stimuli = (page.stimuli ?? []).map(({ id }) => id);
  const checks = (page.trials ?? []).map(({ audio }) => audio);
  return [page.audio, page.reference, page.unknown, ...stimuli, ...checks].filter(Boolean);
};
