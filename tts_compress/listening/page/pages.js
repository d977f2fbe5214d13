// Pages around the trials. Each gives a view: body, values(), missing() (what the listener has yet to
// do, null if nothing), names of the sounds that must be heard.
"use strict";

Listen.pages.text = () => ({ body: [], values: () => ({}), missing: () => null });

Listen.pages.consent = (page, values, context) => {
  const box = Listen.element("input", { type: "checkbox", checked: values.agreed === true });
  box.addEventListener("change", context.changed);
  return {
    body: [Listen.element("label", { class: "choice alone" }, box, Listen.element("span", {}, page.label))],
    values: () => ({ agreed: box.checked }),
    missing: () => (box.checked ? null : "Tick the box to take part."),
  };
};

Listen.pages.volume = (page, values, { player, sounds, changed }) => {
  const names = { [page.audio]: "the sound" };
  player.loop.on = true;
  const position = values.volume ?? 0.7;
  const slider = Listen.element("input", {
    type: "range", min: 0, max: 1, step: 0.01, value: position, class: "plain",
  });
  const draw = () => {
    const percent = `${Math.round(slider.value * 100)} %`;
    slider.style.setProperty("--value", slider.value);
    slider.setAttribute("aria-valuetext", percent);
    shown.textContent = percent;
    sounds.setVolume(Number(slider.value));
  };
  const shown = Listen.element("output", {});
  const toggle = () => (player.playing ? player.pause() : player.play(page.audio));
  slider.addEventListener("input", () => (draw(), changed()));
  draw();
  return {
    body: [
      Listen.element(
        "div",
        { class: "panel" },
        Listen.soundButton(player, page.audio, "Play", "the sound", toggle),
        Listen.element("div", { class: "loudness" }, Listen.field("Volume", slider), shown),
      ),
    ],
    values: () => ({ volume: Number(slider.value) }),
    missing: () => Listen.unheard(player, names),
    key: (event) => event.key === " " && (toggle(), true),
  };
};

Listen.pages.headphones = (page, values, { player, changed }) => {
  const names = {};
  const groups = page.trials.map((trial, i) => {
    names[trial.audio] = `sound ${i + 1}`;
    const chosen = values.choices?.[trial.id];
    const group = Listen.choices({
      legend: `Sound ${i + 1}`,
      options: trial.choices.map((label, value) => ({ value, label })),
      chosen: chosen === undefined ? [] : [chosen],
      layout: "across",
      onchange: changed,
    });
    return [trial, group];
  });
  const toggle = (id) =>
    player.playing && player.current === id ? player.pause() : player.play(id, 0);
  const enable = () => groups.forEach(([{ audio }, group]) => group.enable(player.plays[audio] > 0));
  player.addEventListener("heard", enable);
  enable();
  return {
    body: groups.map(([{ audio }, group], i) =>
      Listen.element(
        "div",
        { class: "panel" },
        Listen.soundButton(player, audio, "Play", `sound ${i + 1}`, () => toggle(audio)),
        group.node,
      ),
    ),
    values: () => {
      const answered = groups.filter(([, group]) => group.chosen().length);
      return { choices: Object.fromEntries(answered.map(([t, group]) => [t.id, group.chosen()[0]])) };
    },
    missing: () => {
      const open = groups.findIndex(([, group]) => !group.chosen().length);
      return Listen.unheard(player, names) ?? (open < 0 ? null : `Answer for sound ${open + 1}.`);
    },
  };
};
