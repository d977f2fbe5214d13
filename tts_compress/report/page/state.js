"use strict";

/* What the page shows. Every part draws itself from this; whoever changes it calls change(). */
const data = JSON.parse(find("#data").textContent);
const view = {
  voice: 0, // which group of runs that share a dense network
  selected: null, // key of a run
  compared: [], // keys of the runs in the players, besides the selected one
  x: null, // measures of the plot
  y: null,
  columns: [], // measures of the table
  sort: { by: null, descending: false },
  filter: "",
  shown: "values", // or differences
  position: "seconds", // or part: what stays when the player switches
  loop: false,
  sound: false, // whether the plot leaves out the runs with more failed sentences than dense
  charts: false, // whether Plotly has been started
};
const parts = []; // {on: names of what it depends on, draw}

/** Draws again what depends on these changes. */
function change(changes) {
  Object.assign(view, changes);
  for (const part of parts) {
    if (part.on.some((name) => name in changes)) part.draw();
  }
}

const voice = () => data.voices[view.voice];
const runOf = (key) => voice().runs.find((run) => run.key === key);
const dense = () => runOf(voice().dense);
const measure = (name) => data.measures[name];

/** The runs whose sentences can be heard beside dense: those compared and the selected one. */
function candidates() {
  const keys = view.compared.includes(view.selected)
    ? view.compared
    : [...view.compared, view.selected];
  return keys.map(runOf).filter((run) => run && run.key !== voice().dense && run.sentences.length);
}

/** Letter of a candidate, as the players call it. */
const letter = (index) => String.fromCharCode(65 + index);

/** What a column of a measure is called. */
function headed(name, bare = false) {
  const { label, unit } = measure(name);
  return unit && !bare ? `${label}, ${unit}` : label;
}

/** The same in a narrow column. */
const brief = (name) => measure(name).short || headed(name, FLAGS.includes(name));

function number(value, digits) {
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: Math.abs(value) >= 1e5,
  });
}

const scaled = (name, value) => value * measure(name).scale;

/** A value of a measure in its unit, such as 3.21 dB. */
function written(name, value, unit = true) {
  if (value === undefined || value === null) return "";
  const end = unit && measure(name).unit ? `\u202f${measure(name).unit}` : "";
  return number(scaled(name, value), measure(name).digits) + end;
}

const FLAGS = ["no_stop", "early_stop"]; // of a sentence it is so, or not

/** A value of one sentence: a count as a whole number. */
function writtenOne(name, value) {
  if (FLAGS.includes(name)) return { 0: "no", 1: "yes" }[value] ?? "";
  return measure(name).counted && Number.isInteger(value)
    ? String(value)
    : written(name, value, false);
}

function interval(name, low, high) {
  if (low === null || low === undefined || low === high) return "";
  return `${written(name, low, false)} to ${written(name, high, false)}`;
}

/** A difference with its sign; a true minus. */
function signed(name, value) {
  const text = written(name, Math.abs(value), false);
  const zero = Number(text.replaceAll(",", "")) === 0;
  return zero ? text : (value < 0 ? "\u2212" : "+") + text;
}

/** The runs that none beats in both measures: as good in both, and better in one. */
function frontier(runs, x, y) {
  if (measure(x).better === "none" || measure(y).better === "none") return [];
  const cost = (run, name) => {
    const value = run.values[name][0];
    return measure(name).better === "higher" ? -value : value;
  };
  const taken = runs.filter((run) => run.values[x] && run.values[y] && !unsound(run));
  const beats = (one, other) => {
    const [a, b] = [cost(one, x), cost(one, y)];
    const [c, d] = [cost(other, x), cost(other, y)];
    const near = c + measure(x).equal * Math.abs(c); // what differs by less is as good
    return (a <= near && b < d) || (a < c && b <= d);
  };
  return taken
    .filter((run) => !taken.some((other) => beats(other, run)))
    .sort((one, other) => one.values[x][0] - other.values[x][0]);
}

/** Keeps the theme that the reader chose; without a choice it is the system's. */
const theme = {
  dark() {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    return (document.documentElement.style.colorScheme || system) === "dark";
  },
  set(name) {
    document.documentElement.style.colorScheme = name;
    try {
      localStorage.setItem("theme", name);
    } catch {
      /* a page from disk may have no storage */
    }
    change({ theme: name });
  },
  start() {
    let kept = null;
    try {
      kept = localStorage.getItem("theme");
    } catch {
      /* likewise */
    }
    if (kept === "dark" || kept === "light") document.documentElement.style.colorScheme = kept;
    const button = find("#theme");
    const label = () => {
      button.textContent = this.dark() ? "Light" : "Dark";
    };
    button.addEventListener("click", () => {
      this.set(this.dark() ? "light" : "dark");
      label();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      label();
      change({ theme: null });
    });
    label();
    this.print();
  },
  /** Paper is light, charts too. */
  print() {
    const { style } = document.documentElement;
    let before = "";
    window.addEventListener("beforeprint", () => {
      before = style.colorScheme;
      style.colorScheme = "light";
      change({ theme: null });
    });
    window.addEventListener("afterprint", () => {
      style.colorScheme = before;
      change({ theme: null });
    });
  },
};
