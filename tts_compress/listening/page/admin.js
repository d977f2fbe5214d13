// The admin page: who is how far, links to send, answers to take away.
"use strict";

const EVERY = 5000; // ms between looks
const at = (id) => document.getElementById(id);
const rows = new Map();

function when(iso) {
  if (!iso) return "–";
  return new Date(iso).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}

function state({ started, finished }) {
  return finished ? "Finished" : started ? "Under way" : "Not begun";
}

/** A row that stays when numbers change, so that focus and selection do, too. */
function rowOf(listener) {
  const link = Listen.element("input", { readonly: true, "aria-label": `Link of listener ${listener.number}` });
  link.value = new URL(listener.link, location.origin);
  const bar = Listen.element("progress", { max: listener.pages, "aria-label": "Pages done" });
  const cells = ["state", "done", "started", "finished", "code"].map((name) => [name, Listen.element("td")]);
  const parts = Object.fromEntries(cells);
  const pages = Listen.element("span");
  parts.done.append(bar, pages);
  const node = Listen.element(
    "tr",
    {},
    Listen.element("td", {}, String(listener.number)),
    ...cells.map(([, cell]) => cell),
    Listen.element("td", {}, link, Listen.copyButton(link, "Copy")),
  );
  const fill = (now) => {
    parts.state.textContent = state(now);
    bar.value = now.done;
    pages.textContent = `${now.done}/${now.pages}`;
    parts.started.textContent = when(now.started);
    parts.finished.textContent = when(now.finished);
    parts.code.textContent = now.code ?? "–";
  };
  return { node, fill };
}

function totals(listeners) {
  const under = listeners.filter(({ started, finished }) => started && !finished).length;
  const finished = listeners.filter((listener) => listener.finished).length;
  const numbers = { Links: listeners.length, "Under way": under, Finished: finished };
  at("totals").replaceChildren(
    ...Object.entries(numbers).map(([name, n]) =>
      Listen.element("div", {}, Listen.element("dt", {}, name), Listen.element("dd", {}, String(n))),
    ),
  );
}

const HEADS = ["Listener", "State", "Pages", "Started", "Finished", "Code", "Link"];
const head = Listen.element("tr", {}, HEADS.map((text) => Listen.element("th", { scope: "col" }, text)));
const body = Listen.element("tbody");
at("table").append(Listen.element("table", {}, Listen.element("thead", {}, head), body));

async function look() {
  try {
    const response = await fetch("/admin/progress.json");
    if (!response.ok) throw new Error(`status ${response.status}`);
    const { title, test, kind, listeners } = await response.json();
    at("title").textContent = title;
    at("kind").textContent = `${test} · ${kind}`;
    totals(listeners);
    for (const listener of listeners) {
      if (!rows.has(listener.link)) {
        rows.set(listener.link, rowOf(listener));
        body.append(rows.get(listener.link).node);
      }
      rows.get(listener.link).fill(listener);
    }
    at("status").textContent = "";
  } catch {
    at("status").textContent = "The server does not answer. Trying again.";
  }
}

at("make").addEventListener("submit", async (event) => {
  event.preventDefault();
  const count = Number(at("count").value);
  const request = { method: "POST", headers: { "Content-Type": "application/json" } };
  try {
    const response = await fetch("/admin/links", { ...request, body: JSON.stringify({ count }) });
    const reply = await response.json();
    at("made").textContent = response.ok ? `Made ${reply.links.length}.` : reply.error;
  } catch {
    at("made").textContent = "The server does not answer. Please try again.";
  }
  await look();
});

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, EVERY);
}
watch();
