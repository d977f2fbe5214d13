"use strict";

/* The rows of the sentences: a transport, the systems with their measures, and pictures. */

const FAULTS = ["repeats", "skips", ...FLAGS]; // shown of a sentence where a system has one

function shownMeasures(index) {
  const has = (name) => systemsOf(index).some((system) => valueOf(system, index, name));
  return voice().sentence_measures.filter((name) => !FAULTS.includes(name) || has(name));
}

/** What was measured of a sentence; that of its recording is kept with the dense run. */
function valueOf(system, index, name) {
  const [run, key] = system.run ? [system.run, name] : [dense(), `${name}_recording`];
  return run?.sentences[index]?.values[key];
}

/** The systems of a sentence as a table: the button that switches to each, and its measures. */
function systemRows(index) {
  const names = shownMeasures(index);
  const rows = systemsOf(index).map((system, place) => {
    const own = system.run?.sentences[index];
    const mark = make("span", {
      class: "mark",
      "aria-hidden": "true",
      text: system.letter ?? system.name[0],
    });
    const button = make(
      "button",
      {
        type: "button",
        class: "system",
        "data-system": system.key,
        "data-focus": system.key,
        disabled: !system.audio,
        "aria-keyshortcuts": place < 9 ? String(place + 1) : null,
        onclick: () => hear(index, system.key),
      },
      mark,
      make("span", { class: "name", text: kept(system.name) }),
    );
    const note = own?.failed
      ? make("span", { class: "tag bad", text: "failed" })
      : !system.audio
        ? make("span", { class: "tag", text: "no audio" })
        : null;
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, button, note),
      names.map((name) =>
        make("td", {
          class: "number",
          "data-label": headed(name, FLAGS.includes(name)),
          text: writtenOne(name, valueOf(system, index, name)),
        }),
      ),
    );
  });
  return make(
    "table",
    { class: "systems" },
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "col", class: "wide", text: "System" }),
        names.map((name) =>
          make(
            "th",
            { scope: "col", class: "number" },
            term(brief(name), `${headed(name)}. ${measure(name).explains}`),
          ),
        ),
      ),
    ),
    make("tbody", {}, rows),
  );
}

function transport(index) {
  const seek = make("input", {
    type: "range",
    class: "seek",
    min: 0,
    max: 1,
    step: 0.01,
    value: 0,
    "aria-label": `Position in sentence ${index + 1}`,
    oninput: (event) => seekTo(index, Number(event.target.value)),
  });
  return make(
    "div",
    { class: "transport" },
    make("button", { type: "button", class: "play", onclick: () => toggle(index) }),
    seek,
    make("output", { class: "time", text: clock(0) }),
  );
}

function showTransport(row, own, failed) {
  const index = Number(row.dataset.index);
  const button = find(".play", row);
  const playing = own && player.playing;
  button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} sentence ${index + 1}`);
  row.classList.toggle("playing", playing);
  row.classList.toggle("current", own);
  const seek = find(".seek", row);
  const shown = own && Number.isFinite(player.duration) ? player.duration : NaN;
  const length = Number.isFinite(shown)
    ? shown
    : (currentSystem(index)?.run?.sentences[index]?.values.seconds ?? NaN);
  const time = own ? player.time : 0;
  if (Number.isFinite(length)) seek.max = length.toFixed(3);
  if (document.activeElement !== seek || !seek.matches(":active")) seek.value = time;
  find(".time", row).textContent = failed
    ? "cannot be played"
    : `${clock(time)}${Number.isFinite(length) ? ` / ${clock(length)}` : ""}`;
  seek.setAttribute("aria-valuetext", `${clock(time)} of ${clock(length)}`);
  for (const system of row.querySelectorAll(".system")) {
    system.setAttribute(
      "aria-pressed",
      String(system.dataset.system === (own ? listening.system : currentSystem(index)?.key)),
    );
  }
  const scale = Number(find(".stack", row)?.dataset.seconds);
  const head = find(".playhead", row);
  if (head) {
    head.hidden = !own || !scale;
    head.style.left = `${Math.min(100, (100 * time) / scale)}%`;
  }
}

function sentenceRow(text, index) {
  return make(
    "article",
    {
      class: "sentence",
      id: `sentence-${index + 1}`,
      "data-index": index,
      tabindex: -1,
      onpointerdown: () => {
        listening.sentence = index;
      },
      onfocusin: () => {
        listening.sentence = index;
      },
    },
    make("h3", {}, make("span", { class: "count", text: index + 1 }), make("span", { text })),
    make(
      "div",
      { class: "parts" },
      make(
        "div",
        { class: "hearing" },
        transport(index),
        make(
          "div",
          {
            class: "scroll",
            tabindex: 0,
            role: "region",
            "aria-label": `Systems of sentence ${index + 1}`,
          },
          systemRows(index),
        ),
      ),
      pictures(index),
    ),
  );
}

function drawSentences() {
  const { sentences } = voice();
  find("#listen-none").hidden = sentences.length > 0;
  find("#listen-bar").hidden = !sentences.length;
  find("#sentences").replaceChildren(...sentences.map(sentenceRow));
  heard("draw");
}

/** Draws anew only what another selection changes, so that focus and scroll stay. */
function drawSystems() {
  for (const row of document.querySelectorAll(".sentence")) {
    const index = Number(row.dataset.index);
    redraw(find(".hearing .scroll", row), systemRows(index));
    find(".pictures", row).replaceWith(pictures(index));
  }
  heard("draw");
}
