// Questions of five types: text, long, number, choice, multiple.
"use strict";

const LONGEST_TEXT = { text: 1000, long: 10_000 }; // characters

const title = (question) => [
  question.label,
  !question.required && Listen.element("span", { class: "hint" }, " (optional)"),
].filter(Boolean);

function typed(question, value, changed) {
  const long = question.type === "long";
  const input = Listen.element(long ? "textarea" : "input", {
    ...(long ? { rows: 4 } : { type: "text", autocomplete: "off" }),
    maxlength: LONGEST_TEXT[question.type],
    oninput: changed,
  });
  input.value = value ?? "";
  return { node: Listen.field(title(question), input), value: () => input.value || undefined };
}

function number(question, value, changed) {
  const { min, max } = question;
  const input = Listen.element("input", {
    type: "number", inputmode: "decimal", step: "any", min, max, oninput: changed,
  });
  input.value = value ?? "";
  const problem = () => {
    if (input.validity.badInput) return `Give a number for “${question.label}”.`;
    if (input.validity.rangeUnderflow) return `“${question.label}”: ${min} or more.`;
    if (input.validity.rangeOverflow) return `“${question.label}”: ${max} or less.`;
    return null;
  };
  const entered = () => (input.value === "" ? undefined : Number(input.value));
  return { node: Listen.field(title(question), input), value: entered, problem };
}

function choice(question, value, changed) {
  const multiple = question.type === "multiple";
  const group = Listen.choices({
    legend: title(question),
    options: question.choices.map((label) => ({ value: label, label })),
    chosen: [value ?? []].flat(),
    kind: multiple ? "checkbox" : "radio",
    onchange: changed,
  });
  const chosen = () => (multiple ? group.chosen() : group.chosen()[0]);
  return { node: group.node, value: () => (chosen()?.length ? chosen() : undefined) };
}

const MAKERS = { text: typed, long: typed, number, choice, multiple: choice };

Listen.pages.questionnaire = (page, values, { changed }) => {
  const fields = page.questions.map((question) => [
    question,
    MAKERS[question.type](question, values.answers?.[question.id], changed),
  ]);
  const given = () =>
    fields.map(([{ id }, field]) => [id, field.value()]).filter(([, value]) => value !== undefined);
  const problem = ([question, field]) => {
    const wrong = field.problem?.();
    if (wrong) return wrong;
    const empty = !String(field.value() ?? "").trim();
    return question.required && empty ? `Answer “${question.label}”.` : null;
  };
  return {
    body: fields.map(([, field]) => field.node),
    values: () => ({ answers: Object.fromEntries(given()) }),
    missing: () => fields.map(problem).find(Boolean) ?? null,
  };
};
