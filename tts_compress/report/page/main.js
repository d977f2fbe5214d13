"use strict";

/* Starts the page, and chooses what it shows first. */

/** What is shown of a voice before anyone chose. */
function firstView(index) {
  view.voice = index; // whose dense run the frontier asks for
  const { runs, dense: base, columns, default_x: x, default_y: y } = voice();
  const taken = x && y ? runs.filter((run) => run.values[x] && run.values[y]) : [];
  return {
    voice: index,
    x,
    y,
    columns,
    sort: { by: null, descending: false },
    filter: "",
    sound: taken.some((run) => run.key !== base && !unsound(run)), // else none would be left
    ...firstRuns(taken.length ? frontier(taken, x, y) : [], runs, base),
  };
}

/** Up to three runs, spread over the frontier; without one, over those that can be heard. */
function firstRuns(edge, runs, base) {
  const audible = (run) => run.key !== base && run.sentences.some((sentence) => sentence.audio);
  const best = edge.filter(audible);
  const others = best.length ? best : runs.filter(audible);
  const places =
    others.length <= 3
      ? others.keys()
      : [0, Math.floor((others.length - 1) / 2), others.length - 1];
  const compared = [...places].map((place) => others[place].key);
  const middle = compared[Math.floor(compared.length / 2)];
  return { compared, selected: middle ?? base ?? runs[0]?.key ?? null };
}

function startVoices() {
  const choice = find("#voice");
  choice.closest("label").hidden = data.voices.length < 2;
  choice.replaceChildren(
    ...data.voices.map(({ name }, index) => make("option", { value: index, text: name })),
  );
  choice.addEventListener("change", () => {
    find("#filter").value = "";
    change(firstView(Number(choice.value)));
  });
  parts.push({
    on: ["voice"],
    draw() {
      choice.value = view.voice;
      drawSummary();
    },
  });
}

/** How many runs there are, and how many came to an end. */
function drawSummary() {
  const { runs, sentences, recipes, gist } = voice();
  const names = recipes.map((recipe) => recipe.name);
  const count = (status) => runs.filter((run) => run.status === status).length;
  const parts = Object.keys(STATUS)
    .map((status) => [count(status), STATUS[status][0]])
    .filter(([many]) => many);
  find("#summary").replaceChildren(
    ...[
      data.voices.length === 1 && names.length > 2 ? names.join(", ") : "", // else said above
      ...new Set(recipes.flatMap(({ model }) => (model ? [`Voice ${model}`] : []))),
      runs.length
        ? `${runs.length} runs: ${parts.map(([many, text]) => `${many} ${text}`).join(", ")}`
        : "no runs",
      `${sentences.length} sentences`,
    ]
      .filter(Boolean)
      .map((text) => make("li", { text })),
  );
  find("#gist").textContent = kept(gist ?? "");
  find("#gist").hidden = !gist;
}

function start() {
  theme.start();
  tooltip.start();
  if (!data.voices.length) return;
  startVoices();
  startTable();
  startTrade();
  drawScales();
  startListening();
  startLadder();
  startLayers();
  startFacts();
  change({ ...view, ...firstView(0), theme: null });
  const measured = data.voices.some(({ measures }) => measures.length > 0);
  if (measured) requestAnimationFrame(() => setTimeout(startCharts));
}

/** Runs Plotly only when all else is on the screen: it is most of the page, and takes a second. */
function startCharts() {
  document.head.append(make("script", { text: find("#plotly").textContent }));
  change({ charts: true });
}

start();
