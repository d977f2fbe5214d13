"use strict";

/* The size ladder: what the selected run's network takes, stored in ever better ways. */

const hasLadder = (run) => run && Object.keys(data.ladder).every((name) => run.values[name]);

/** How many times smaller than the dense network in float32. */
function timesSmaller(run, name) {
  const whole = (hasLadder(dense()) ? dense() : run).values.float32_bytes[0];
  return `${number(whole / run.values[name][0], 1)}\u00d7`;
}

/** What is written in the plot, on its own ground: no line goes through it. */
function ladderText(place, text, more) {
  return {
    x: Math.log10(place),
    xanchor: "left",
    showarrow: false,
    font: { size: 13, color: color("ink") },
    bgcolor: color("panel"),
    borderpad: 0,
    text,
    ...more,
  };
}

/** From half the smallest size to where what is written beside the largest ends. */
function ladderAxis(place, sizes) {
  const [low, most] = [Math.min(...sizes) / 2, Math.max(...sizes)];
  const part = Math.min(0.6, 125 / Math.max(200, place.clientWidth - 110)); // that the text takes
  const high = low * (most / low) ** (1 / (1 - part));
  return { ...sizeAxis(low, high), title: { text: "size (MB)", standoff: 6 } };
}

function ladderChart(run) {
  const place = find("#ladder-plot");
  const names = Object.keys(data.ladder).filter((name) => name !== data.bound);
  const sizes = names.map((name) => scaled(name, run.values[name][0]));
  const [entropy] = run.values[data.bound];
  const bound = scaled(data.bound, entropy);
  const coded = (name) => name === "artifact_bytes";
  const trace = {
    type: "bar",
    orientation: "h",
    x: sizes,
    y: names.map((name) => escaped(data.ladder[name])),
    marker: {
      color: names.map((name) => (coded(name) ? colorOf(0) : color("muted"))),
      opacity: names.map((name) => (coded(name) ? 1 : 0.45)),
    },
    hovertext: names.map((name) => escaped(measure(name).explains)),
    hovertemplate: "%{hovertext}<extra></extra>",
  };
  const texts = names.map((name, number) =>
    ladderText(sizes[number], `${written(name, run.values[name][0])}, ${timesSmaller(run, name)}`, {
      y: number,
      xshift: 3,
    }),
  );
  const limitText = `${escaped(data.ladder[data.bound])} ${written(data.bound, entropy)}`;
  const limit = ladderText(bound, limitText, {
    yref: "paper",
    y: 1,
    yanchor: "bottom",
    font: { size: 12, color: colorOf(1) },
  });
  const layout = chartLayout({
    height: 330,
    margin: { l: 10, r: 14, t: 28, b: 44 },
    dragmode: false,
    showlegend: false,
    yaxis: { automargin: true, autorange: "reversed", showgrid: false },
    xaxis: ladderAxis(place, [...sizes, bound]),
    shapes: [
      {
        type: "line",
        x0: bound,
        x1: bound,
        yref: "paper",
        y0: 0,
        y1: 1,
        line: { color: colorOf(1), width: 1.5, dash: "dash" },
      },
    ],
    annotations: [...texts, limit],
  });
  Plotly.react(place, [trace], layout, OPTIONS);
}

/** A table with headings; from the second column on there are numbers. */
function ladderGrid(heads, lines) {
  const cell = (text, place) =>
    place ? make("td", { class: "number", text }) : make("th", { scope: "row", text });
  return [
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        heads.map((text, place) =>
          make("th", { scope: "col", class: place ? "number" : null, text }),
        ),
      ),
    ),
    make(
      "tbody",
      {},
      lines.map((line) => make("tr", {}, line.map(cell))),
    ),
  ];
}

function ladderTable(runs) {
  const names = Object.keys(data.ladder);
  const heads = ["Run", ...names.map((name) => `${data.ladder[name]}, MB`)];
  const lines = runs.map((run) => [
    run.name,
    ...names.map(
      (name) => `${written(name, run.values[name][0], false)} (${timesSmaller(run, name)})`,
    ),
  ]);
  return ladderGrid(heads, lines);
}

/** Weights and coded bytes of a run's groups, the largest first. */
function groupTable(run) {
  const groups = new Map();
  for (const { group, n_weights: weights, coded_bytes: bytes = 0 } of run.layers) {
    const sum = groups.get(group) ?? { weights: 0, bytes: 0 };
    groups.set(group, { weights: sum.weights + weights, bytes: sum.bytes + bytes });
  }
  const lines = [...groups]
    .sort(([, one], [, other]) => other.bytes - one.bytes)
    .map(([name, { weights, bytes }]) => [
      name,
      number(weights, 0),
      number(bytes, 0),
      number((8 * bytes) / weights, 2),
    ]);
  return ladderGrid(["Group", "Weights", "Bytes in the file", "Bits per weight"], lines);
}

function drawLadder() {
  const run = runOf(view.selected);
  const shown = hasLadder(run);
  find("#sizes-none").hidden = shown;
  find("#sizes-none").textContent = run
    ? `Not recorded: sizes of ${run.name}.`
    : "No run is selected.";
  find("#sizes-box").hidden = !shown;
  if (!shown) return;
  const base = dense();
  const others = candidates().filter((other) => other !== run && hasLadder(other));
  const runs = [...new Set([...(hasLadder(base) ? [base] : []), run, ...others])];
  find("#sizes-of").textContent = run.name;
  find("#sizes-table").replaceChildren(...ladderTable(runs));
  const coded = run.layers.some((layer) => layer.coded_bytes !== undefined);
  find("#groups-box").hidden = !coded;
  if (coded) find("#groups-table").replaceChildren(...groupTable(run));
  if (view.charts) ladderChart(run);
}

function startLadder() {
  parts.push({ on: ["voice", "selected", "compared", "theme", "charts"], draw: drawLadder });
}
