"use strict";

/* The plot of two measures: a point for each run, the frontier, and intervals. */

// Okabe and Ito's colours, told apart by colour-blind readers; lighter ones on dark ground.
const COLORS = {
  light: ["#0072b2", "#d55e00", "#009e73", "#a8477f", "#9a6b00", "#3d7f9f", "#5a5a5a"],
  dark: ["#56b4e9", "#ff9148", "#2fd0a0", "#e79ac6", "#f0c24b", "#9fd3f0", "#b5b5b5"],
};
const SYMBOLS = [
  "circle",
  "square",
  "triangle-up",
  "diamond",
  "triangle-down",
  "pentagon",
  "cross",
];
const OPTIONS = {
  responsive: true,
  displaylogo: false,
  displayModeBar: false,
  doubleClick: "reset",
};

/** Colours, fonts and margins of all charts in the present theme. */
function chartLayout(more) {
  const axis = {
    gridcolor: color("line"),
    zerolinecolor: color("line"),
    linecolor: color("line"),
    tickfont: { color: color("muted") },
    title: { font: { color: color("ink") } },
  };
  const { xaxis = {}, yaxis = {}, ...rest } = more;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: color("ink") },
    hoverlabel: {
      bgcolor: color("panel"),
      bordercolor: color("line"),
      font: { color: color("ink") },
      align: "left",
    },
    xaxis: { ...axis, ...xaxis, title: { ...axis.title, ...xaxis.title } },
    yaxis: { ...axis, ...yaxis, title: { ...axis.title, ...yaxis.title } },
    ...rest,
  };
}

const colorOf = (index) => {
  const colors = COLORS[theme.dark() ? "dark" : "light"];
  return colors[index % colors.length];
};

/** Plotly reads its texts as HTML: names are escaped. */
const escaped = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function axisTitle(name, short) {
  const { label, unit, better } = measure(name);
  const direction = short
    ? ""
    : ({ lower: ", lower is better", higher: ", higher is better" }[better] ?? "");
  return escaped(label + (unit ? ` (${unit})` : "") + direction);
}

function errorBars(runs, name, ink) {
  const bar = (run, end) => {
    const [mean, low, high] = run.values[name];
    const edge = end === "low" ? low : high;
    return edge === null || edge === undefined ? 0 : Math.abs(scaled(name, edge - mean));
  };
  return {
    type: "data",
    symmetric: false,
    thickness: 1,
    width: 3,
    color: ink,
    array: runs.map((run) => bar(run, "high")),
    arrayminus: runs.map((run) => bar(run, "low")),
  };
}

function hoverText(run, x, y) {
  const line = (name) => {
    const [mean, low, high] = run.values[name];
    const range = interval(name, low, high);
    const label = escaped(measure(name).label);
    return `${label}: <b>${written(name, mean)}</b>${range ? ` (${range})` : ""}`;
  };
  const failed = run.n_failed ? `<br>${run.n_failed} of ${run.n_sentences} sentences failed` : "";
  return `<b>${escaped(run.name)}</b><br>${line(x)}<br>${line(y)}${failed}`;
}

/** One trace for each method and treatment: colour says which method, form which treatment. */
function pointTraces(runs, x, y) {
  const methods = [...new Set(runs.map((run) => run.method))];
  const treatments = [...new Set(runs.map((run) => run.treatment))];
  const kinds = new Map(runs.map((run) => [JSON.stringify([run.method, run.treatment]), run]));
  return [...kinds].map(([kind, { method, treatment }]) => {
    const own = runs.filter((run) => JSON.stringify([run.method, run.treatment]) === kind);
    const ink = colorOf(methods.indexOf(method));
    const form = SYMBOLS[treatments.indexOf(treatment) % SYMBOLS.length];
    return {
      ...points(own, x, y, ink),
      name: escaped(treatments.length > 1 ? `${method}, ${treatment}` : method),
      marker: {
        color: ink,
        opacity: 1,
        size: own.map((run) => (run.key === view.selected ? 15 : 10)),
        symbol: own.map((run) => (run.n_failed ? `${form}-open` : form)),
        line: {
          width: own.map((run) => (run.key === view.selected || run.n_failed ? 2.5 : 0)),
          color: own.map((run) => (run.key === view.selected ? color("ink") : ink)),
        },
      },
    };
  });
}

function points(runs, x, y, ink) {
  return {
    mode: "markers",
    type: "scatter",
    customdata: runs.map((run) => run.key),
    x: runs.map((run) => scaled(x, run.values[x][0])),
    y: runs.map((run) => scaled(y, run.values[y][0])),
    error_x: errorBars(runs, x, ink),
    error_y: errorBars(runs, y, ink),
    text: runs.map((run) => hoverText(run, x, y)),
    hovertemplate: "%{text}<extra></extra>",
  };
}

function frontierTrace(runs, x, y) {
  const edge = frontier(runs, x, y);
  return {
    mode: "lines",
    name: "frontier",
    hoverinfo: "skip",
    x: edge.map((run) => scaled(x, run.values[x][0])),
    y: edge.map((run) => scaled(y, run.values[y][0])),
    line: {
      color: color("muted"),
      width: 1.5,
      dash: "dash",
      shape: measure(x).better === "higher" ? "vh" : "hv",
    },
  };
}

/** Whether more sentences of a run failed than of dense. */
const unsound = (run) => run.n_failed > (dense()?.n_failed ?? 0);

/** The runs that have both measures of the plot. */
const measured = () =>
  view.x && view.y ? voice().runs.filter((run) => run.values[view.x] && run.values[view.y]) : [];

/** Those of them that are wanted there. */
const plotted = () => measured().filter((run) => !(view.sound && unsound(run)));

/** Round numbers between two sizes: as many for each power of ten as there is room for. */
function sizeTicks(low, high) {
  const tens = [];
  for (let ten = Math.floor(Math.log10(low)); 10 ** ten <= high; ten += 1) tens.push(ten);
  const digits = tens.length > 3 ? [1] : [1, 2, 5];
  const ticks = tens.flatMap((ten) => digits.map((digit) => Number(`${digit}e${ten}`)));
  return ticks.filter((tick) => low <= tick && tick <= high);
}

/** A logarithmic axis from one size to another. */
function sizeAxis(low, high) {
  const tickvals = sizeTicks(low, high);
  return {
    type: "log",
    range: [Math.log10(low), Math.log10(high)],
    tickvals,
    ticktext: tickvals.map(String),
  };
}

/**
 * From zero, unless all are alike, to beyond the last interval, with room for the symbols. Sizes
 * that are many times one another are spread.
 */
function axisOf(runs, name) {
  const ends = runs
    .flatMap((run) => run.values[name])
    .filter((value) => value !== null)
    .map((value) => scaled(name, value));
  const [least, high] = [Math.min(...ends), Math.max(...ends)];
  const { spread } = measure(name);
  if (spread && least > 0 && high > spread * least) {
    const room = (high / least) ** 0.06;
    return sizeAxis(least / room, high * room);
  }
  const low = least > high / 2 ? least : Math.min(0, least);
  const room = 0.045 * (high - low || 1);
  return { type: "linear", range: [low - room, high + room] };
}

function drawTrade() {
  const place = find("#plot");
  const { x, y } = view;
  const runs = plotted();
  find("#plot-none").hidden = runs.length > 0;
  find("#plot-none").textContent = measured().length
    ? "Every run with both measures is left out."
    : "No run has both measures, so there is nothing to plot.";
  find("#plot-note").hidden = !runs.length;
  find("#plot-tools").hidden = !voice().measures.length;
  place.hidden = !runs.length;
  if (!runs.length || !view.charts) return;
  const narrow = place.clientWidth < 520;
  const traces = [
    frontierTrace(runs, x, y),
    ...pointTraces(
      runs.filter((run) => run.key !== voice().dense),
      x,
      y,
    ),
  ];
  const base = runs.filter((run) => run.key === voice().dense);
  if (base.length) {
    const marker = {
      symbol: "star",
      size: 16,
      opacity: 1,
      color: color("ink"),
      line: { width: base[0].key === view.selected ? 2 : 0, color: color("accent") },
    };
    traces.push({ ...points(base, x, y, color("ink")), name: "dense", marker });
  }
  const layout = chartLayout({
    margin: { l: 56, r: 10, t: 8, b: 48 },
    hovermode: "closest",
    showlegend: true,
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    legend: {
      orientation: "h",
      y: narrow ? -0.24 : -0.16,
      yanchor: "top",
      x: 0,
      font: { size: 12 },
    },
    xaxis: {
      title: { text: axisTitle(x, narrow), standoff: 8 },
      ...axisOf(runs, x),
      zeroline: false,
    },
    yaxis: {
      title: { text: axisTitle(y, narrow), standoff: 8 },
      ...axisOf(runs, y),
      zeroline: false,
    },
  });
  Plotly.react(place, traces, layout, OPTIONS);
  if (!place.dataset.ready) {
    place.on(
      "plotly_click",
      (event) => event.points[0].customdata && select(event.points[0].customdata, true),
    );
    place.dataset.ready = "yes";
    performance.mark("chart");
  }
}

/** Says in words which runs are on the frontier, and which are not drawn. */
function drawBest() {
  const edge = plotted().length ? frontier(plotted(), view.x, view.y) : [];
  nameRuns(find("#frontier"), "On the frontier:", edge);
  const [all, drawn] = [measured(), plotted()];
  const left = all.filter((run) => !drawn.includes(run));
  nameRuns(find("#left-out"), `Left out for failed sentences, ${left.length} of ${all.length} runs:`, left);
}

/** Names runs in a line; each is a button. */
function nameRuns(place, lead, runs) {
  place.hidden = !runs.length;
  const buttons = runs.map((run) =>
    make("button", {
      type: "button",
      class: "link",
      "data-focus": run.key,
      text: kept(run.name),
      "aria-pressed": String(run.key === view.selected),
      onclick: () => select(run.key, true),
    }),
  );
  redraw(place, make("span", { class: "muted", text: lead }), ...buttons);
}

/** Fills a list of measures; those with a value in some run. */
function fillMeasures(list, names, chosen) {
  list.replaceChildren(
    ...names.map((name) =>
      make("option", { value: name, text: measure(name).label, selected: name === chosen }),
    ),
  );
  list.disabled = !names.length;
}

function startTrade() {
  find("#sound").addEventListener("change", (event) => change({ sound: event.target.checked }));
  for (const axis of ["x", "y"]) {
    find(`#${axis}`).addEventListener("change", (event) => change({ [axis]: event.target.value }));
  }
  parts.push({
    on: ["voice", "x", "y"],
    draw() {
      const { measures } = voice();
      find("#sound-box").hidden = !voice().runs.some(unsound);
      fillMeasures(find("#x"), measures, view.x);
      fillMeasures(find("#y"), measures, view.y);
      for (const axis of ["x", "y"])
        find(`#${axis}-term`).dataset.tip = view[axis]
          ? measure(view[axis]).explains
          : "No measure was taken.";
    },
  });
  parts.push({
    on: ["sound"],
    draw() {
      find("#sound").checked = view.sound;
    },
  });
  parts.push({ on: ["voice", "x", "y", "sound", "selected"], draw: drawBest });
  parts.push({ on: ["voice", "x", "y", "sound", "selected", "theme", "charts"], draw: drawTrade });
}
