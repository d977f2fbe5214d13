// The last page: waits until everything is sent, then shows the code, or the file of answers to send.
"use strict";

Listen.pages.finish = (page, values, { backend, restart }) => {
  const place = Listen.element("div", { class: "ending" }, "Sending your answers.");
  backend
    .finish()
    .then((end) => {
      if (end.missing) return restart(); // the server lacks a page: it is asked again
      const saved = Listen.element("p", {}, "All your answers are saved. You may close this page.");
      place.replaceChildren(end.file ? file(end.file) : saved, ...(end.code ? [code(end.code)] : []));
      Listen.say(end.code ? `Your completion code is ${[...end.code].join(" ")}` : "All is saved.");
    })
    .catch((error) => place.replaceChildren(Listen.element("p", { class: "trouble" }, error.message)));
  return { body: [place], values: () => ({}), missing: () => null, last: true };
};

function code(text) {
  const shown = Listen.element("input", { readonly: true, class: "code", value: text });
  return Listen.element(
    "div",
    { class: "panel" },
    Listen.field("Your completion code", shown),
    Listen.copyButton(shown, "Copy the code"),
  );
}

function file({ name, text }) {
  const link = Listen.element("a", { class: "button", download: name }, "Save the file of answers");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const shown = Listen.element("textarea", { readonly: true, rows: 5, spellcheck: "false" });
  shown.value = text;
  return Listen.element(
    "div",
    { class: "panel steps" },
    Listen.element("p", {}, `Save the file ${name}, and send it to whoever gave you this test.`),
    link,
    Listen.element(
      "details",
      {},
      Listen.element("summary", {}, "Saving does not work?"),
      Listen.field("Copy this text and send it instead", shown),
      Listen.copyButton(shown, "Copy the answers"),
    ),
  );
}
