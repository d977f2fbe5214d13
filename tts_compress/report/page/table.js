"use strict";

/* The table of runs. */

const STATUS = {
  done: ["done", "All six steps ended, and every value was written."],
  failed: ["failed", "A step ended with an error; nothing of this run is compared."],
  running: ["running", "Another process holds the lock of this run: it is at work."],
  unfinished: ["unfinished", "It was begun and stopped. Run the recipe again to do it."],
  "not begun": ["not begun", "The recipe names it, and nothing of it is on disk."],
};

/** Makes a run the selected one, wherever it was chosen. */
function select(key, scroll = false) {
  change({ selected: key });
  follows(key);
  if (!scroll) return;
  const row = find("#runs-table tr[aria-selected=true]");
  const box = find("#runs-scroll");
  if (row) box.scrollTop = row.offsetTop - box.clientHeight / 2;
}

/** Value of a run by which the table sorts; what was not taken comes last. */
function sortValue(run) {
  const by = view.sort.by;
  if (by === "name") return run.name;
  if (by === "status") return run.status;
  const taken = (view.shown === "differences" ? run.differences : run.values)[by];
  return taken ? taken[0] : null;
}

function sortedRuns() {
  const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (run) =>
    `${run.name} ${run.id} ${run.recipes.join(" ")} ${run.status}`.toLowerCase();
  const runs = voice().runs.filter((run) => words.every((word) => text(run).includes(word)));
  if (!view.sort.by) return runs;
  const turn = view.sort.descending ? -1 : 1;
  const order = (one, other) =>
    typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
  return runs
    .map((run) => [sortValue(run), run])
    .sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return turn * order(one, other);
    })
    .map(([, run]) => run);
}

function heading(name, text, meaning, numeric = true) {
  const sorted = view.sort.by === name;
  const direction = view.sort.descending ? "descending" : "ascending";
  const sort = () => change({ sort: { by: name, descending: sorted && !view.sort.descending } });
  return make(
    "th",
    { scope: "col", "aria-sort": sorted ? direction : "none", class: numeric ? "number" : null },
    make("button", {
      type: "button",
      "data-focus": `sort ${name}`,
      "data-tip": meaning,
      text,
      onclick: sort,
    }),
  );
}

function cell(run, name) {
  const differences = view.shown === "differences";
  const taken = (differences ? run.differences : run.values)[name];
  if (!taken) return make("td", { class: "number" });
  const [mean, low, high] = taken;
  const range =
    differences && low !== null && low !== high
      ? `${signed(name, low)} to ${signed(name, high)}`
      : interval(name, low, high);
  const text = differences ? signed(name, mean) : written(name, mean, false);
  return make("td", { class: "number" }, text, range ? make("small", { text: range }) : null);
}

function nameCell(run) {
  const base = run.key === voice().dense;
  return make(
    "th",
    { scope: "row" },
    make("button", {
      type: "button",
      class: "run",
      "data-focus": `run ${run.key}`,
      text: kept(run.name),
      onclick: (event) => {
        event.stopPropagation();
        select(run.key);
      },
    }),
    base && run.name !== "dense" ? make("span", { class: "tag", text: "dense" }) : null,
    voice().recipes.length > 1 && !base ? make("small", { text: run.recipes.join(", ") }) : null,
    run.error ? make("p", { class: "error", text: run.error.trim().split("\n").at(-1) }) : null,
  );
}

function statusCell(run) {
  const [text, meaning] = STATUS[run.status];
  return make(
    "td",
    {},
    make("button", {
      type: "button",
      class: `status ${run.status.replace(" ", "-")}`,
      "data-tip": meaning,
      text,
    }),
  );
}

function compareCell(run) {
  if (!run.sentences.length || run.key === voice().dense) return make("td");
  const toggle = (event) => {
    const others = view.compared.filter((key) => key !== run.key);
    change({ compared: event.target.checked ? [...others, run.key] : others });
  };
  return make(
    "td",
    {},
    make("input", {
      type: "checkbox",
      checked: view.compared.includes(run.key),
      "data-focus": `hear ${run.key}`,
      "aria-label": `Hear ${run.name} in the players`,
      onchange: toggle,
      onclick: (event) => event.stopPropagation(),
    }),
  );
}

function bodyRow(run, withStatus) {
  return make(
    "tr",
    {
      "aria-selected": String(run.key === view.selected),
      "data-key": run.key,
      onclick: () => select(run.key),
    },
    compareCell(run),
    nameCell(run),
    withStatus ? statusCell(run) : null,
    view.columns.map((name) => cell(run, name)),
  );
}

function drawTable() {
  const runs = sortedRuns();
  const withStatus = voice().runs.some((run) => run.status !== "done");
  const columns = view.columns.map((name) => heading(name, headed(name), measure(name).explains));
  const head = make(
    "tr",
    {},
    make(
      "th",
      { scope: "col" },
      term("Hear", "Which runs the players offer beside dense and the selected run."),
    ),
    heading("name", "Run", "What was done to the dense network, stage by stage.", false),
    withStatus ? heading("status", "Status", "How far the run came.", false) : null,
    columns,
  );
  redraw(
    find("#runs-table"),
    make("thead", {}, head),
    make(
      "tbody",
      {},
      runs.map((run) => bodyRow(run, withStatus)),
    ),
  );
  find("#runs-count").textContent =
    runs.length === voice().runs.length
      ? `${runs.length} runs`
      : `${runs.length} of ${voice().runs.length} runs`;
  find("#runs-none").hidden = runs.length > 0;
  find("#runs-none").textContent = voice().runs.length
    ? "No run's name, id, recipe or status holds these words."
    : "The recipe has no runs.";
}

function startTable() {
  find("#filter").addEventListener("input", (event) => change({ filter: event.target.value }));
  for (const button of document.querySelectorAll("[data-shown]")) {
    button.addEventListener("click", () => change({ shown: button.dataset.shown }));
  }
  parts.push({
    on: ["shown"],
    draw() {
      for (const button of document.querySelectorAll("[data-shown]"))
        button.setAttribute("aria-pressed", String(button.dataset.shown === view.shown));
    },
  });
  parts.push({ on: ["voice", "columns"], draw: drawColumns });
  parts.push({
    on: ["voice", "columns", "sort", "filter", "shown", "selected", "compared"],
    draw: drawTable,
  });
  parts.push({ on: ["voice", "columns", "selected"], draw: drawCard });
}
