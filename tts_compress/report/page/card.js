"use strict";

/* The card of the selected run, and the list of columns. */

function drawColumns() {
  const boxes = voice().measures.map((name) =>
    make(
      "label",
      { class: "check" },
      make("input", {
        type: "checkbox",
        checked: view.columns.includes(name),
        "data-focus": name,
        onchange: (event) => {
          const kept = voice().measures.filter((other) =>
            other === name ? event.target.checked : view.columns.includes(other),
          );
          change({ columns: kept });
        },
      }),
      measure(name).label,
    ),
  );
  redraw(find("#columns"), ...boxes);
}

/** All measures of the selected run: value, interval, and difference to dense. */
function drawCard() {
  const run = runOf(view.selected);
  const card = find("#card");
  if (!run) {
    card.replaceChildren(make("p", { class: "muted", text: "No run is selected." }));
    return;
  }
  const rows = view.columns
    .filter((name) => run.values[name])
    .map((name) => {
      const [mean, low, high] = run.values[name];
      const difference = run.differences[name];
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, term(measure(name).label, measure(name).explains)),
        make(
          "td",
          { class: "number" },
          written(name, mean),
          make("small", { text: interval(name, low, high) }),
        ),
        make(
          "td",
          { class: "number" },
          difference ? signed(name, difference[0]) : "",
          make("small", {
            text:
              difference && difference[1] !== null && difference[1] !== difference[2]
                ? `${signed(name, difference[1])} to ${signed(name, difference[2])}`
                : "",
          }),
        ),
      );
    });
  const [status, meaning] = STATUS[run.status];
  card.replaceChildren(
    make("p", { class: "muted", text: "Selected run" }),
    make("h3", { text: kept(run.name) }),
    make(
      "p",
      { class: "muted" },
      make("code", { text: run.id }),
      " ",
      make("button", {
        type: "button",
        class: `status ${run.status.replace(" ", "-")}`,
        "data-tip": meaning,
        text: status,
      }),
    ),
    run.error
      ? make("pre", {
          class: "error",
          tabindex: 0,
          "aria-label": "The error",
          text: run.error.trim(),
        })
      : "",
    run.n_failed
      ? make("p", {
          class: "error",
          text: `${run.n_failed} of ${run.n_sentences} sentences failed.`,
        })
      : "",
    rows.length
      ? make(
          "table",
          {},
          make(
            "thead",
            {},
            make(
              "tr",
              {},
              make("th", { scope: "col", text: "Measure" }),
              make("th", { scope: "col", class: "number", text: "Value" }),
              make(
                "th",
                { scope: "col", class: "number" },
                term(
                  "To dense",
                  "The difference to dense, with the 95 % interval of the paired differences.",
                ),
              ),
            ),
          ),
          make("tbody", {}, rows),
        )
      : make("p", { class: "muted", text: "Nothing was measured." }),
    run.sentences.length ? make("a", { href: "#listen", text: "Listen to it" }) : "",
  );
}
