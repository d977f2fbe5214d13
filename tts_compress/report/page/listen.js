"use strict";

/* What is heard: which sentence, as which system, and the keys for it. */
const player = new Player((type) => heard(type));
const listening = { sentence: 0, system: "dense" }; // or recording, or a run's key

/** What speaks a sentence: the recording, dense, and the candidates. */
function systemsOf(index) {
  const base = dense();
  const recording = voice().recordings[index];
  return [
    recording ? { key: "recording", name: "Recording", audio: recording } : null,
    base?.sentences[index]
      ? { key: "dense", name: "Dense", run: base, audio: base.sentences[index].audio }
      : null,
    ...candidates().map((run, place) => ({
      key: run.key,
      name: run.name,
      letter: letter(place),
      run,
      audio: run.sentences[index]?.audio,
    })),
  ].filter(Boolean);
}

/** The candidate whose pictures are shown: the selected run, or else the first one. */
function pictured() {
  const runs = candidates();
  return runs.find((run) => run.key === view.selected) ?? runs[0] ?? null;
}

function currentSystem(index) {
  const systems = systemsOf(index).filter((system) => system.audio);
  const named = (key) => systems.find((system) => system.key === key);
  return named(listening.system) ?? named("dense") ?? systems[0] ?? null;
}

/** The sentence that the player holds; null if none, or one of another voice. */
function openIndex() {
  const [of, index] = (player.sentence ?? "").split("/").map(Number);
  return player.sentence && of === view.voice ? index : null;
}

/** Lets the player go on with a run that was selected elsewhere. */
function follows(key) {
  const index = openIndex();
  if (key === voice().dense) key = "dense";
  if (index === null) {
    listening.system = key;
    heard("switch");
  } else hear(index, key);
}

/** Opens a sentence in the player, without playing it yet. */
function openSentence(index) {
  const current = currentSystem(index);
  if (!current) return false;
  listening.sentence = index;
  listening.system = current.key;
  player.open(
    `${view.voice}/${index}`,
    systemsOf(index)
      .map((system) => system.audio)
      .filter(Boolean),
    current.audio,
  );
  return true;
}

async function toggle(index) {
  const same = openIndex() === index;
  if (same && player.playing) {
    player.pause();
    return;
  }
  if (!openSentence(index)) return;
  if (same && player.audio.ended) player.audio.currentTime = 0;
  await player.play();
}

/** Makes a system the one that is heard; a candidate also becomes the selected run. */
async function hear(index, key) {
  const system = systemsOf(index).find((other) => other.key === key);
  if (!system?.audio) return;
  const same = openIndex() === index;
  const wasPlaying = player.playing;
  listening.system = key;
  if (system.run && key !== "dense" && key !== view.selected) change({ selected: key });
  if (same) await player.switchTo(system.audio, view.position);
  else if (openSentence(index) && wasPlaying) await player.play();
  heard("switch");
}

async function seekTo(index, seconds) {
  if (openIndex() !== index && !openSentence(index)) return;
  await player.seek(seconds);
}

/** Shows what the player does: in the row of its sentence, and in no other. */
function heard(type) {
  for (const row of document.querySelectorAll(".sentence")) {
    const own = openIndex() === Number(row.dataset.index);
    showTransport(row, own, type === "error" && own);
  }
  if (type === "play") requestAnimationFrame(follow);
}

function follow() {
  const row = document.querySelectorAll(".sentence")[openIndex()];
  if (row) showTransport(row, true, false);
  if (player.playing) requestAnimationFrame(follow);
}

/** Keys of the players, wherever the focus is but in a field. */
function keys(event) {
  const count = voice().sentences.length;
  if (
    !count ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    event.target.closest("input, select, textarea, [contenteditable]")
  )
    return;
  const onButton = event.target.closest("button, a, summary");
  const index = Math.min(listening.sentence, count - 1);
  if (event.key === " " && !onButton) toggle(index);
  else if (event.key === "j" || event.key === "k")
    goTo(Math.min(count - 1, Math.max(0, index + (event.key === "j" ? 1 : -1))));
  else if (event.key === "p") toggle(index);
  else if (event.key === "l") change({ loop: !view.loop });
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight")
    seekTo(index, player.time + (event.key === "ArrowLeft" ? -0.5 : 0.5));
  else if (/^[1-9]$/.test(event.key)) {
    const system = systemsOf(index)[event.key - 1];
    if (system) hear(index, system.key);
  } else return;
  event.preventDefault();
}

function goTo(index) {
  const row = document.querySelectorAll(".sentence")[index];
  const wasPlaying = player.playing;
  listening.sentence = index;
  row.focus({ preventScroll: true });
  row.scrollIntoView({
    block: "center",
    behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
  });
  openSentence(index);
  if (wasPlaying) player.play();
  heard("switch");
}

function startListening() {
  document.addEventListener("keydown", keys);
  find("#position").addEventListener("change", (event) => change({ position: event.target.value }));
  find("#loop").addEventListener("change", (event) => change({ loop: event.target.checked }));
  parts.push({
    on: ["loop"],
    draw() {
      find("#loop").checked = view.loop;
      if (player.audio) player.audio.loop = view.loop;
    },
  });
  parts.push({
    on: ["voice"],
    draw() {
      player.pause();
      drawSentences();
    },
  });
  parts.push({ on: ["selected", "compared"], draw: drawSystems });
}
