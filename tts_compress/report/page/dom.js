"use strict";

/** Makes an element. Texts are set as text, so that no name is ever read as HTML. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const find = (selector, within = document) => within.querySelector(selector);

/** A colour of the style sheet as the browser resolved it for the present theme. */
function color(name) {
  const probe = find("#probe");
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** Puts other children into an element; the focus stays on what has the same data-focus. */
function redraw(place, ...children) {
  const focused = place.contains(document.activeElement)
    ? document.activeElement.dataset.focus
    : undefined;
  place.replaceChildren(...children);
  if (focused !== undefined)
    find(`[data-focus="${CSS.escape(focused)}"]`, place)?.focus({ preventScroll: true });
}

/** Keeps a number and its percent sign on one line. */
const kept = (text) => text.replaceAll(" %", "\u00a0%");

/** Puts a number or a fraction of a second into words. */
function clock(seconds) {
  if (!Number.isFinite(seconds)) return "-:--.-";
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return `${Math.floor(tenths / 600)}:${rest}`;
}

/* One tooltip for all terms: it opens by hover, by focus and by touch, and closes with Escape. */
const tooltip = {
  element: null,
  of: null,
  start() {
    this.element = find("#tooltip");
    for (const type of ["pointerover", "focusin", "click"]) {
      document.addEventListener(type, (event) => {
        const term = event.target.closest?.("[data-tip]");
        if (term && term !== this.of) this.open(term);
      });
    }
    document.addEventListener("pointerout", (event) => {
      const left = this.of && !this.of.contains(event.relatedTarget);
      if (left && event.relatedTarget !== this.element && document.activeElement !== this.of)
        this.close();
    });
    this.element.addEventListener("pointerleave", () => this.close());
    document.addEventListener("focusout", () => this.close());
    document.addEventListener("scroll", () => this.close(), { capture: true, passive: true });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  },
  open(term) {
    this.close();
    this.of = term;
    this.element.textContent = term.dataset.tip;
    this.element.hidden = false;
    term.setAttribute("aria-describedby", "tooltip");
    const place = term.getBoundingClientRect();
    const own = this.element.getBoundingClientRect();
    const below = place.bottom + 6 + own.height < innerHeight;
    const left = Math.min(
      Math.max(8, place.left),
      document.documentElement.clientWidth - own.width - 8,
    );
    this.element.style.left = `${left}px`;
    const top = below ? place.bottom + 6 : Math.max(4, place.top - own.height - 6);
    this.element.style.top = `${top}px`;
  },
  close() {
    this.of?.removeAttribute("aria-describedby");
    this.of = null;
    this.element.hidden = true;
  },
};

/** A word that says on hover, focus and touch what it means. */
function term(text, meaning) {
  return meaning
    ? make("button", { type: "button", class: "term", "data-tip": meaning, text })
    : document.createTextNode(text);
}
