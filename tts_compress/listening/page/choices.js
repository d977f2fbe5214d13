// The kinds of trial that end in one choice: ABX, AB, ACR, DCR, CMOS. A choice can be made when
// everything was heard whole, as P.800 lets listeners vote after a presentation. Listening again is
// allowed, as in crowdsourced tests after P.808, where nobody can say it once more.
"use strict";

const GAP = 500; // ms of silence between the two sounds of a pair

/** Buttons that each play one sound from its start. */
function singles(player, sounds) {
  const press = (id) => (player.playing && player.current === id ? player.pause() : player.play(id, 0));
  const buttons = sounds.map(({ id, label, name }) =>
    Listen.soundButton(player, id, label, name ?? label, () => press(id)),
  );
  buttons.forEach((button, i) => button.classList.toggle("wide", sounds[i].label.length > 1));
  const key = (event) => {
    const typed = event.key.toUpperCase();
    const sound = sounds.find(({ label }) => label[0] === typed);
    if (sound) press(sound.id);
    else if (event.key === " ") press(player.current ?? sounds[0].id);
    return Boolean(sound) || event.key === " ";
  };
  return { node: Listen.element("div", { class: "sounds" }, buttons), key };
}

/** One button that plays two sounds, one after the other. */
function pair(player, sounds) {
  const button = Listen.element("button", { type: "button", class: "sound", "data-sound": "pair" });
  const places = sounds.map(({ label }) => Listen.element("li", {}, label));
  let timer = null;
  const draw = () => {
    const active = player.playing || timer !== null;
    const heard = sounds.every(({ id }) => player.plays[id] > 0);
    const label = active ? "Stop" : heard ? "Play again" : "Play both";
    button.replaceChildren(Listen.icon(active ? "pause" : "play"), label);
    button.classList.toggle("playing", active);
    button.classList.toggle("heard", heard);
    places.forEach((place, i) => {
      place.classList.toggle("now", player.playing && player.current === sounds[i].id);
      place.classList.toggle("heard", player.plays[sounds[i].id] > 0);
    });
  };
  const stop = () => {
    clearTimeout(timer);
    timer = null;
    player.pause();
    draw();
  };
  const press = () => (player.playing || timer !== null ? stop() : player.play(sounds[0].id, 0));
  const second = () => {
    timer = null;
    player.play(sounds[1].id, 0);
  };
  button.addEventListener("click", press);
  player.addEventListener("end", () => {
    if (player.current === sounds[0].id) timer = setTimeout(second, GAP);
    draw();
  });
  for (const type of ["change", "heard"]) player.addEventListener(type, draw);
  draw();
  const node = Listen.element("div", { class: "sounds" }, button, Listen.element("ol", { class: "pair" }, places));
  return { node, key: (event) => event.key === " " && (press(), true), close: stop };
}

/** Puts sounds and a group of choices together to a view. */
function judged({ player, changed }, sounds, transport, options, { chosen, layout, values }) {
  const names = Object.fromEntries(sounds.map(({ id, label, name }) => [id, name ?? label]));
  const group = Listen.choices({ legend: "Your answer", options, chosen, layout, onchange: changed });
  const enable = () => group.enable(!Listen.unheard(player, names));
  player.addEventListener("heard", enable);
  enable();
  return {
    body: [transport.node, group.node],
    values: () => (group.chosen().length ? values(group.chosen()[0]) : values(null)),
    missing: () => Listen.unheard(player, names) ?? (group.chosen().length ? null : "Choose an answer."),
    key: (event) => {
      const option = options.find(({ key }) => key === event.key);
      if (option) group.choose(option.value);
      return Boolean(option) || transport.key(event);
    },
    close: transport.close,
  };
}

const chosenOf = (values) => (values.choice === undefined ? [] : [values.choice]);
const asChoice = (choice) => (choice === null ? {} : { choice });

Listen.trials.abx = (page, values, context) => {
  const sounds = [...page.stimuli, { id: page.unknown, label: "X" }];
  const options = page.stimuli.map(({ id, label }, i) => {
    return { value: id, label: `X is ${label}`, key: String(i + 1) };
  });
  const settings = { chosen: chosenOf(values), layout: "across", values: asChoice };
  return judged(context, sounds, singles(context.player, sounds), options, settings);
};

Listen.trials.ab = (page, values, context) => {
  const reference = { id: page.reference, label: "Reference", name: "the reference" };
  const sounds = page.reference ? [reference, ...page.stimuli] : page.stimuli;
  const options = page.stimuli.map(({ id, label }, i) => {
    return { value: id, label, key: String(i + 1) };
  });
  if (page.ties) options.push({ value: "none", label: "No preference", key: "3" });
  const settings = { chosen: chosenOf(values), layout: "across", values: asChoice };
  return judged(context, sounds, singles(context.player, sounds), options, settings);
};

/** Ratings of one sound on a scale of named points. */
function rated(page, values, context, { sounds, rated: id, transport }) {
  const signed = page.scale.min < 0;
  const options = page.scale.labels.map(({ value, label }) => {
    const mark = signed && value > 0 ? `+${value}` : String(value).replace("-", "−");
    return { value, label, mark, key: signed ? null : String(value) };
  });
  const chosen = values.ratings?.[id];
  return judged(context, sounds, transport, options, {
    chosen: chosen === undefined ? [] : [chosen],
    layout: "scale",
    values: (value) => ({ ratings: value === null ? {} : { [id]: value } }),
  });
}

Listen.trials.acr = (page, values, context) => {
  const sounds = [{ id: page.stimuli[0].id, label: "Play", name: "the sound" }];
  const transport = singles(context.player, sounds);
  return rated(page, values, context, { sounds, rated: sounds[0].id, transport });
};

Listen.trials.dcr = (page, values, context) => {
  const second = page.stimuli[0].id;
  const sounds = [
    { id: page.reference, label: "Reference", name: "the reference" },
    { id: second, label: "Second", name: "the second" },
  ];
  const transport = pair(context.player, sounds);
  return rated(page, values, context, { sounds, rated: second, transport });
};

Listen.trials.cmos = (page, values, context) => {
  const [first, second] = page.stimuli;
  const sounds = [
    { id: first.id, label: "First", name: "the first" },
    { id: second.id, label: "Second", name: "the second" },
  ];
  const transport = pair(context.player, sounds);
  return rated(page, values, context, { sounds, rated: second.id, transport });
};
