// Elements of the page. Data becomes text nodes and attributes only, never markup.
"use strict";

window.Listen = { pages: {}, trials: {} };

/** Makes an element: `on...` attributes are listeners, true and false set or leave out. */
Listen.element = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
};

const SHAPES = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z",
  check: "M9.4 17.6 4 12.2l1.9-1.9 3.5 3.5 8.7-8.7L20 7z",
};

/** Draws a play, pause or check sign; a screen reader passes over it. */
Listen.icon = (name) => {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
};

/** Has a screen reader say something that others see. */
Listen.say = (text) => {
  document.getElementById("spoken").textContent = text;
};

/** "A", "A and B", "A, B and C". */
Listen.list = (names) =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** Gives a copy button for a text that an element shows. */
Listen.copyButton = (source, label) => {
  const button = Listen.element("button", { type: "button", class: "quiet" }, label);
  button.addEventListener("click", async () => {
    const copied = await copy(source);
    button.textContent = copied ? "Copied" : "Please select it and copy it";
    Listen.say(button.textContent);
    setTimeout(() => (button.textContent = label), 3000);
  });
  return button;
};

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.value);
    return true;
  } catch {
    // No clipboard without a secure context, such as plain HTTP.
    source.focus();
    source.select();
    return document.execCommand("copy");
  }
}
