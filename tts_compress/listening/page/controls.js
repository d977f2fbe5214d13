// What several pages are made of: buttons that play, groups of choices, fields.
"use strict";

/** A button that plays a sound, and pauses it while it plays. */
Listen.soundButton = (player, id, label, name, onpress) => {
  const sign = Listen.element("span", { class: "sign" });
  const mark = Listen.element("span", { class: "mark" });
  const words = Listen.element("span", { class: "label" }, label);
  const button = Listen.element(
    "button",
    { type: "button", class: "sound", "data-sound": id, onclick: onpress },
    sign,
    words,
    mark,
  );
  const draw = () => {
    const playing = player.playing && player.current === id;
    const heard = player.plays[id] > 0;
    button.classList.toggle("playing", playing);
    button.classList.toggle("heard", heard);
    button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${name}${heard ? ", heard" : ""}`);
    if (label === "Play") words.textContent = playing ? "Pause" : "Play";
    sign.replaceChildren(Listen.icon(playing ? "pause" : "play"));
    mark.replaceChildren(...(heard ? [Listen.icon("check")] : []));
  };
  player.addEventListener("change", draw);
  player.addEventListener("heard", draw);
  draw();
  return button;
};

/** Says which sounds have not been heard whole; null if all have. */
Listen.unheard = (player, names) => {
  const left = Object.keys(names).filter((id) => !(player.plays[id] > 0));
  if (!left.length) return null;
  const [only] = Object.keys(names).length === 1 ? ["Play the sound to its end."] : [];
  return only ?? `Play ${Listen.list(left.map((id) => names[id]))} to the end.`;
};

let groups = 0;

/**
 * A group of choices of which one (radio) or several (checkbox) may be taken.
 *
 * @returns {{node: HTMLElement, chosen: () => any[], choose: (value: any) => void,
 *   enable: (on: boolean) => void}}
 */
Listen.choices = ({ legend, options, chosen = [], kind = "radio", layout = "", onchange }) => {
  groups += 1;
  const inputs = options.map(({ value }) =>
    Listen.element("input", { type: kind, name: `group${groups}`, checked: chosen.includes(value) }),
  );
  const labels = options.map(({ label, mark }, i) =>
    Listen.element(
      "label",
      { class: "choice" },
      inputs[i],
      mark != null && Listen.element("span", { class: "value" }, String(mark)),
      Listen.element("span", { class: "words" }, label),
    ),
  );
  const node = Listen.element(
    "fieldset",
    { class: `choices ${layout}`, onchange },
    Listen.element("legend", {}, ...[legend].flat()),
    Listen.element("div", { class: "options" }, labels),
  );
  return {
    node,
    chosen: () => options.filter((_, i) => inputs[i].checked).map(({ value }) => value),
    choose: (value) => {
      const input = inputs[options.findIndex((option) => option.value === value)];
      if (!input || node.disabled) return;
      input.checked = true;
      input.focus();
      onchange();
    },
    enable: (on) => (node.disabled = !on),
  };
};

/** A field with its label above it. */
Listen.field = (label, input) => {
  groups += 1;
  input.id = `field${groups}`;
  const words = Listen.element("label", { for: input.id }, ...[label].flat());
  return Listen.element("div", { class: "field" }, words, input);
};

/** Whether keys that a person types now are meant for a field. */
Listen.isTyping = (target) =>
  target.matches("textarea, select, input:not([type=range], [type=radio], [type=checkbox])");
