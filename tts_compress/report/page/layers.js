"use strict";

/* What was done to each tensor: the zeros, and how far it is from dense. */

/** Tensors that some of the runs changed, in the network's order. */
function changedLayers(runs) {
  const changed = (layer) =>
    layer.sparsity > 0 || layer.relative_error > 0 || layer.n_weights !== layer.n_dense;
  const names = new Map();
  for (const run of runs)
    for (const layer of run.layers) {
      if (!names.has(layer.layer)) names.set(layer.layer, false);
      if (changed(layer)) names.set(layer.layer, true);
    }
  return [[...names].filter(([, any]) => any).map(([name]) => name), names.size];
}

/** Fraction of the dense tensor's weights that are gone: zeros, and those that were cut off. */
function removed(layer) {
  return 1 - (layer.n_weights - layer.n_zero) / layer.n_dense;
}

function layerTrace(run, place, names, value, axes, text) {
  const by = new Map(run.layers.map((layer) => [layer.layer, layer]));
  const own = names
    .map((name) => by.get(name))
    .filter((layer) => layer && Number.isFinite(value(layer)));
  const chosen = run.key === view.selected;
  return {
    type: "scatter",
    mode: "markers",
    xaxis: axes.xaxis,
    yaxis: axes.yaxis,
    name: escaped(axes.label(run, place)),
    legendgroup: run.key,
    showlegend: axes.xaxis === "x",
    x: own.map(value),
    y: own.map((layer) => escaped(layer.layer)),
    marker: {
      color: colorOf(place),
      symbol: SYMBOLS[place % SYMBOLS.length],
      size: chosen ? 11 : 8,
      line: { width: chosen ? 1.5 : 0, color: color("ink") },
    },
    text: own.map(
      (layer) =>
        `<b>${escaped(run.name)}</b><br>${escaped(layer.layer)} (${escaped(layer.group)}), ` +
        `${layer.shape.join(" \u00d7 ")}<br>${text(layer)}`,
    ),
    hovertemplate: "%{text}<extra></extra>",
  };
}

function layerCharts(runs, names) {
  const zeros = (layer) =>
    `removed: ${number(100 * removed(layer), 1)} %; ` +
    `of the tensor's own weights ${number(100 * layer.sparsity, 1)} % are zero`;
  const error = (layer) => `relative error: ${number(layer.relative_error, 3)}`;
  const narrow = find("#layers-plot").clientWidth < 640; // one panel below the other
  const label = (run, place) => (narrow ? letter(place) : `${letter(place)}: ${run.name}`);
  const traces = runs.flatMap((run, place) => [
    layerTrace(
      run,
      place,
      names,
      (layer) => 100 * removed(layer),
      { xaxis: "x", yaxis: "y", label },
      zeros,
    ),
    layerTrace(
      run,
      place,
      names,
      (layer) => layer.relative_error ?? NaN,
      { xaxis: "x2", yaxis: narrow ? "y2" : "y", label },
      error,
    ),
  ]);
  const ticks = names.map((name) =>
    escaped(narrow && name.length > 24 ? `${name.slice(0, 8)}\u2026${name.slice(-14)}` : name),
  );
  const rows = 20 * names.length + 30;
  const height = narrow ? 2 * rows + 70 : rows;
  const split = rows / height;
  const layout = chartLayout({
    height: height + 88,
    margin: { l: 10, r: 14, t: 44, b: 44 },
    hovermode: "closest",
    dragmode: false,
    legend: { orientation: "h", y: 1, yanchor: "bottom", x: 0, font: { size: 12 } },
    showlegend: true,
    yaxis: {
      automargin: true,
      autorange: "reversed",
      tickfont: { size: 11, color: color("muted") },
      type: "category",
      tickmode: "array",
      categoryorder: "array",
      categoryarray: names.map(escaped),
      tickvals: names.map(escaped),
      ticktext: ticks,
      gridcolor: color("line"),
      domain: narrow ? [1 - split, 1] : [0, 1],
    },
    xaxis: {
      domain: narrow ? [0, 1] : [0, 0.48],
      title: { text: "removed (%)", standoff: 6 },
      range: [-3, 103],
    },
  });
  const most =
    Math.max(0, ...runs.flatMap((run) => run.layers.map((layer) => layer.relative_error ?? 0))) ||
    1;
  layout.xaxis2 = {
    ...layout.xaxis,
    domain: narrow ? [0, 1] : [0.52, 1],
    anchor: narrow ? "y2" : "y",
    title: { ...layout.xaxis.title, text: "relative error" },
    range: [-0.03 * most, 1.05 * most],
  };
  if (narrow) layout.yaxis2 = { ...layout.yaxis, domain: [0, split], anchor: "x2" };
  Plotly.react(find("#layers-plot"), traces, layout, OPTIONS);
}

/** The same as a table, for those who cannot read the chart. */
function layerTable(run, names) {
  const rows = run.layers
    .filter((layer) => names.includes(layer.layer))
    .map((layer) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", text: layer.layer }),
        make("td", { text: layer.group }),
        make("td", { class: "number", text: layer.shape.join(" \u00d7 ") }),
        make("td", {
          class: "number",
          text: layer.n_dense === undefined ? "" : number(100 * removed(layer), 1),
        }),
        make("td", { class: "number", text: number(100 * layer.sparsity, 1) }),
        make("td", {
          class: "number",
          text: layer.relative_error === undefined ? "" : number(layer.relative_error, 3),
        }),
        make("td", {
          class: "number",
          text: layer.bits_per_weight === undefined ? "" : number(layer.bits_per_weight, 2),
        }),
      ),
    );
  const heads = ["Tensor", "Group", "Shape", "Removed, %", "Zeros, %", "Relative error", "Bits per weight"];
  return [
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        heads.map((text, place) =>
          make("th", { scope: "col", class: place > 1 ? "number" : null, text }),
        ),
      ),
    ),
    make("tbody", {}, rows),
  ];
}

function drawLayers() {
  const run = runOf(view.selected);
  const shown = [...candidates()];
  if (run && !shown.includes(run)) shown.push(run);
  const runs = shown.filter((other) => other.layers.length);
  const [names, all] = changedLayers(runs);
  const say = find("#layers-none");
  const box = find("#layers-box");
  box.hidden = !names.length;
  const missing = shown.filter((other) => !other.layers.length).map((other) => other.name);
  say.hidden = !missing.length && names.length > 0;
  if (!shown.length) say.textContent = "No run is selected.";
  else if (missing.length) say.textContent = `Not recorded: layers of ${missing.join("; ")}.`;
  else say.textContent = "No tensor of these runs differs from dense.";
  if (!names.length || !view.charts) return;
  find("#layers-rest").textContent =
    all > names.length ? `${all - names.length} further tensors are as in dense.` : "";
  layerCharts(runs, names);
  const of = runs.find((other) => other.key === view.selected) ?? runs[0];
  find("#layers-of").textContent = `As a table: ${of.name}`;
  find("#layers-table").replaceChildren(...layerTable(of, names));
}

function startLayers() {
  parts.push({ on: ["voice", "selected", "compared", "theme", "charts"], draw: drawLayers });
}
