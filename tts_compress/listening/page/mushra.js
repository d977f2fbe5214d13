// MUSHRA: any number of sounds against a reference, each rated on a continuous scale.
"use strict";

const MOST_COLUMNS = 9; // more sounds are rows, also on wide screens

/** One rating scale; it can be moved only while its sound plays. */
Listen.scaleSlider = (scale, name, rating, onrate) => {
  const { min, max, step } = scale;
  const input = Listen.element("input", {
    type: "range", min, max, step, value: rating ?? min, disabled: true, class: "rating",
    "aria-label": `Rating of ${name}`,
  });
  const shown = Listen.element("output", { "aria-hidden": "true" });
  let rated = rating !== undefined;
  const draw = () => {
    const value = Number(input.value);
    input.classList.toggle("unrated", !rated);
    input.style.setProperty("--value", (value - min) / (max - min));
    input.setAttribute("aria-valuetext", rated ? `${value}, ${labelAt(scale, value)}` : "not rated");
    shown.textContent = rated ? String(value) : "–";
  };
  const rate = () => {
    if (input.disabled) return;
    rated = true;
    draw();
    onrate();
  };
  input.addEventListener("input", rate);
  input.addEventListener("click", rate); // the least rating, where the slider stands already
  draw();
  return {
    input,
    shown,
    value: () => (rated ? Number(input.value) : undefined),
    nudge: (by) => {
      if (input.disabled) return;
      input.value = Number(input.value) + by * step;
      rate();
    },
  };
};

/** The label of the interval that a rating is in: a label stands at the middle of its own. */
function labelAt(scale, value) {
  const distance = (label) => Math.abs(label.value - value);
  return scale.labels.reduce((a, b) => (distance(b) < distance(a) ? b : a)).label;
}

const NUDGES = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 };

Listen.trials.mushra = (page, values, { player, changed }) => {
  const { stimuli, reference, scale } = page;
  const names = Object.fromEntries(stimuli.map(({ id, label }) => [id, label]));
  if (reference) names[reference] = "the reference";
  player.loop.on = true;
  const sliders = new Map(
    stimuli.map(({ id, label }) => {
      return [id, Listen.scaleSlider(scale, label, values.ratings?.[id], changed)];
    }),
  );
  const press = (id) => (player.playing && player.current === id ? player.pause() : player.play(id));
  const button = (id, label, name) => Listen.soundButton(player, id, label, name, () => press(id));
  const columns = stimuli.map(({ id, label }) => {
    const { input, shown } = sliders.get(id);
    const lane = Listen.element("div", { class: "lane" }, input);
    const attributes = { class: "stimulus", role: "group", "aria-label": label };
    return [id, Listen.element("div", attributes, button(id, label, label), lane, shown)];
  });
  const follow = () => {
    const held = [...sliders.values()].some(({ input }) => input === document.activeElement);
    for (const [id, column] of columns) {
      const now = player.playing && player.current === id;
      sliders.get(id).input.disabled = !now;
      column.classList.toggle("now", now);
    }
    const current = sliders.get(player.current)?.input;
    if (held && !current?.disabled) current?.focus();
    else if (held) columns.find(([id]) => id === player.current)?.[1].querySelector("button").focus();
  };
  player.addEventListener("change", follow);
  follow();
  return {
    body: [
      Listen.element(
        "div",
        { class: "transport" },
        reference && button(reference, "Reference", "the reference"),
        Listen.timeline(player),
      ),
      board(scale, columns),
      Listen.element("p", { class: "hint" }, "You can rate a sound while it plays."),
      keys(stimuli.length, reference),
    ],
    values: () => {
      const rated = [...sliders].filter(([, slider]) => slider.value() !== undefined);
      return { ratings: Object.fromEntries(rated.map(([id, slider]) => [id, slider.value()])) };
    },
    missing: () => {
      const left = stimuli.filter(({ id }) => sliders.get(id).value() === undefined);
      const rate = left.length ? `Rate ${Listen.list(left.map(({ label }) => label))}.` : null;
      return Listen.unheard(player, names) ?? rate;
    },
    key: (event) => {
      const chosen = { r: reference, 0: reference }[event.key.toLowerCase()];
      const id = chosen ?? stimuli[Number(event.key) - 1]?.id;
      const slider = sliders.get(player.current);
      if (event.key === " ") press(player.current ?? reference ?? stimuli[0].id);
      else if (id) player.play(id).then(() => sliders.get(id)?.input.focus());
      else if (event.key in NUDGES && slider) slider.nudge(NUDGES[event.key]);
      else return false;
      return true;
    },
  };
};

function board(scale, columns) {
  const axis = scale.labels.map(({ value, label }) => {
    const node = Listen.element("span", {}, label);
    node.style.setProperty("--value", (value - scale.min) / (scale.max - scale.min));
    return node;
  });
  const node = Listen.element(
    "div",
    { class: "board" },
    Listen.element("div", { class: "axis", "aria-hidden": "true" }, axis),
    columns.map(([, column]) => column),
  );
  const narrow = matchMedia("(max-width: 640px)");
  const lay = () => {
    const rows = narrow.matches || columns.length > MOST_COLUMNS;
    node.classList.toggle("rows", rows);
    for (const input of node.querySelectorAll("input")) {
      input.setAttribute("aria-orientation", rows ? "horizontal" : "vertical");
    }
  };
  narrow.onchange = lay;
  lay();
  return node;
}

function keys(n, reference) {
  const key = (text) => Listen.element("kbd", {}, text);
  return Listen.element(
    "p",
    { class: "hint keys" },
    ...[key("1"), n > 1 && "–", n > 1 && key(String(Math.min(n, 9))), " play"],
    ...(reference ? [", ", key("R"), " reference"] : []),
    ...[", ", key("Space"), " pause, ", key("↑"), " ", key("↓"), " rate, ", key("Enter"), " next"],
  );
}
