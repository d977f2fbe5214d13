// Where playback is, and the region that loops: two handles on a line, also by keyboard.
"use strict";

const LEAST = 0.2; // s between the handles

Listen.timeline = (player) => {
  const total = player.length;
  const seconds = (value) => `${value.toFixed(1)} s`;
  const head = Listen.element("div", { class: "head" });
  const region = Listen.element("div", { class: "region" });
  const line = Listen.element("div", { class: "line" }, region, head);
  const handle = (label, value) =>
    Listen.element("input", {
      type: "range", min: 0, max: total, step: 0.05, value, "aria-label": label, class: "handle",
    });
  const from = handle("Loop starts at", 0);
  const to = handle("Loop ends at", total);
  to.value = to.max = total;
  const loop = Listen.element("input", { type: "checkbox", checked: player.loop.on });
  const time = Listen.element("span", { class: "time" });

  const draw = () => {
    const { on, from: start, to: end } = player.loop;
    node.classList.toggle("looping", on);
    node.style.setProperty("--from", start / total);
    node.style.setProperty("--to", end / total);
    node.style.setProperty("--at", player.position / total);
    from.disabled = to.disabled = !on;
    time.textContent = `${seconds(player.position)} of ${seconds(total)}`;
  };
  const words = () => {
    from.setAttribute("aria-valuetext", seconds(player.loop.from));
    to.setAttribute("aria-valuetext", seconds(player.loop.to));
  };
  const move = (moved) => {
    const gap = Math.min(LEAST, total);
    let [start, end] = [Number(from.value), Number(to.value)];
    if (end > total - 0.05) end = total; // steps may not meet the very end
    if (moved === from) start = Math.max(0, Math.min(start, end - gap));
    else end = Math.min(total, Math.max(end, start + gap));
    from.value = start;
    to.value = end;
    player.setLoop({ from: start, to: end });
    words();
  };
  from.addEventListener("input", () => move(from));
  to.addEventListener("input", () => move(to));
  loop.addEventListener("change", () => player.setLoop({ on: loop.checked }));
  line.addEventListener("pointerdown", (event) => {
    const box = line.getBoundingClientRect();
    const at = Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width)) * total;
    player.seek(at);
  });
  const node = Listen.element(
    "div",
    { class: "timeline" },
    Listen.element("div", { class: "track" }, line, from, to),
    Listen.element("div", { class: "row" }, time, Listen.element("label", { class: "switch" }, loop, "Loop")),
  );
  for (const type of ["tick", "change"]) player.addEventListener(type, draw);
  draw();
  words();
  return node;
};
