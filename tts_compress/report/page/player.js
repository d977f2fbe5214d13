"use strict";

/* One player for the whole page: it plays one sentence, as one of several systems. */
class Player {
  constructor(onchange) {
    this.onchange = onchange;
    this.sentence = null;
    this.source = null; // address of the wav that is heard
    this.elements = new Map(); // one audio element an address; made when first used
    this.wanted = 0; // seconds to go to once the length of a new one is known
    this.playing = false; // what was asked for: while it switches, nothing sounds
  }

  get audio() {
    return this.elements.get(this.source) ?? null;
  }

  get duration() {
    return this.audio && Number.isFinite(this.audio.duration) ? this.audio.duration : NaN;
  }

  get time() {
    return this.audio && this.audio.readyState ? this.audio.currentTime : this.wanted;
  }

  /** Makes ready the wavs of a sentence, so that switching among them does not wait. */
  open(sentence, sources, source) {
    if (sentence !== this.sentence) {
      this.pause();
      this.elements.clear();
      this.wanted = 0;
    }
    this.sentence = sentence;
    for (const address of sources) this.element(address);
    this.source = source;
  }

  element(address) {
    if (!this.elements.has(address)) {
      const audio = new Audio();
      audio.preload = "auto";
      audio.src = address;
      for (const type of [
        "play",
        "pause",
        "ended",
        "timeupdate",
        "loadedmetadata",
        "seeked",
        "error",
      ]) {
        audio.addEventListener(type, () => address === this.source && this.noted(type));
      }
      this.elements.set(address, audio);
    }
    return this.elements.get(address);
  }

  /** Takes note of what the browser says of the wav that is heard. */
  noted(type) {
    if (["pause", "ended", "error"].includes(type)) this.playing = false;
    this.onchange(type);
  }

  /** Goes on with another system at the same position: the same second, or the same part of it. */
  async switchTo(source, position) {
    const before = this.audio;
    if (!before || source === this.source) return;
    const [time, length] = [this.time, this.duration];
    before.pause();
    this.source = source;
    const audio = this.element(source);
    this.wanted = time;
    await known(audio);
    if (this.source !== source || audio.error) return; // switched again meanwhile, or no sound
    const part = position === "part" && length ? (time / length) * audio.duration : time;
    audio.currentTime = Math.min(part, Math.max(0, audio.duration - 0.02));
    if (this.playing) await this.play();
    else this.onchange("seeked");
  }

  async play() {
    const audio = this.audio;
    if (!audio) return;
    audio.loop = view.loop;
    this.playing = true;
    try {
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError") this.noted("error");
    }
  }

  pause() {
    this.playing = false;
    this.audio?.pause();
    this.onchange("pause");
  }

  async seek(seconds) {
    const audio = this.audio;
    if (!audio) return;
    await known(audio);
    if (audio.error) return;
    audio.currentTime = Math.min(Math.max(0, seconds), audio.duration);
    this.onchange("seeked");
  }
}

/** Waits until the length of a wav is known. */
function known(audio) {
  if (audio.readyState >= 1 || audio.error) return Promise.resolve();
  return new Promise((resolve) => {
    for (const type of ["loadedmetadata", "error"])
      audio.addEventListener(type, resolve, { once: true });
  });
}
