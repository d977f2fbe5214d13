// Plays the sounds of one page: in step with each other, one of them heard, gapless from one to
// another at the same position, looping over a region.
"use strict";

// Rec. ITU-R BS.1534-3 asks for short raised-cosine fades, one sound out before the next one in, where
// playback switches or a loop ends; two renderings of a sentence that overlap would also be heard as
// a third.
const FADE = 0.005; // s
const STEPS = 32;
const FADE_IN = Float32Array.from({ length: STEPS }, (_, i) => {
  return 0.5 - 0.5 * Math.cos((Math.PI * i) / (STEPS - 1));
});
const FADE_OUT = FADE_IN.slice().reverse();
const DIP = Float32Array.of(...FADE_OUT, ...FADE_IN);
const TICK = 25; // ms
const PARTS = 100; // of a sound, to tell which have been heard

Listen.Player = class extends EventTarget {
  /**
   * @param {Listen.Sounds} sounds
   * @param {Map<string, AudioBuffer>} buffers by id
   * @param {Object<string, number>} plays how often each was heard whole until now
   */
  constructor(sounds, buffers, plays = {}) {
    super();
    this.sounds = sounds;
    this.context = sounds.context;
    this.plays = { ...plays };
    this.heard = new Map([...buffers.keys()].map((id) => [id, new Set()]));
    this.durations = new Map([...buffers].map(([id, buffer]) => [id, buffer.duration]));
    this.length = Math.max(0, ...this.durations.values()); // s
    this.buffers = new Map([...buffers].map(([id, buffer]) => [id, this.padded(buffer)]));
    this.loop = { on: false, from: 0, to: this.length };
    this.current = null;
    this.playing = false;
    this.position = 0; // s, up to date after settle()
    this.interrupted = () => this.context.state !== "running" && this.pause();
    this.context.addEventListener("statechange", this.interrupted);
  }

  /** Plays a sound, from where the one before it is; from a position in seconds where one is given. */
  async play(id, position = null) {
    if (this.playing && position === null) return this.switchTo(id);
    this.pause();
    this.current = id;
    if (position !== null) this.position = position;
    const { on, from, to } = this.loop;
    if (on && (this.position < from || this.position >= to)) this.position = from;
    if (!on && this.position >= this.durations.get(id)) this.position = 0;
    const turn = (this.turn = {});
    await this.context.resume(); // browsers let sound begin with a click or a key only
    if (this.turn === turn) this.start();
  }

  pause() {
    this.turn = null;
    if (!this.playing) return;
    this.settle();
    if (this.playing) this.stop();
  }

  setLoop(loop) {
    this.settle();
    this.loop = { ...this.loop, ...loop };
    if (this.playing) this.play(this.current, this.position);
    this.tell("change");
  }

  /** Goes to a position in seconds, playing or not. */
  seek(position) {
    this.settle();
    if (this.playing) return this.play(this.current, position);
    this.position = position;
    this.tell("tick");
  }

  close() {
    this.pause();
    this.context.removeEventListener("statechange", this.interrupted);
  }

  start() {
    const now = this.context.currentTime + 0.01;
    this.voices = new Map();
    this.gate = new GainNode(this.context, { gain: 0 }); // opens at the start, closes at the end
    this.gate.gain.setValueCurveAtTime(FADE_IN, now, FADE);
    this.edge = new GainNode(this.context); // closes for a moment where the loop ends
    this.edge.connect(this.gate).connect(this.sounds.out);
    for (const id of this.buffers.keys()) this.voices.set(id, this.voice(id, now));
    this.playing = true;
    this.free = this.edgeFree = now;
    this.opened = now + FADE;
    this.settled = now;
    this.ticking = setInterval(() => this.settle(), TICK);
    this.tell("change");
  }

  voice(id, now) {
    const gain = new GainNode(this.context, { gain: id === this.current ? 1 : 0 });
    const source = new AudioBufferSourceNode(this.context, {
      buffer: this.buffers.get(id),
      loop: this.loop.on,
      loopStart: this.loop.from,
      loopEnd: this.loop.to,
    });
    source.connect(gain).connect(this.edge);
    source.start(now, this.position);
    return { source, gain };
  }

  /** Silence after the shorter sounds, so that all loop alike. */
  padded(buffer) {
    const { numberOfChannels, sampleRate } = buffer;
    const length = Math.round(this.length * sampleRate);
    const longer = new AudioBuffer({ numberOfChannels, sampleRate, length });
    for (let i = 0; i < numberOfChannels; i += 1) {
      longer.copyToChannel(buffer.getChannelData(i), i);
    }
    return longer;
  }

  switchTo(id) {
    if (id === this.current) return;
    this.settle();
    if (!this.playing) return this.play(id);
    const at = Math.max(this.context.currentTime + 0.002, this.free);
    this.voices.get(this.current).gain.gain.setValueCurveAtTime(FADE_OUT, at, FADE);
    this.voices.get(id).gain.gain.setValueCurveAtTime(FADE_IN, at + FADE, FADE);
    this.free = at + 2 * FADE + 0.002; // curves must not overlap
    this.current = id;
    this.tell("change");
  }

  /** Brings the position up to now, notes what was heard, and stops at the end. */
  settle() {
    if (!this.playing) return;
    const now = Math.max(this.settled, this.context.currentTime);
    let left = now - this.settled;
    this.settled = now;
    const end = this.loop.on ? this.loop.to : this.durations.get(this.current);
    while (left > 0) {
      const step = Math.max(0, Math.min(left, end - this.position));
      this.hear(this.position, this.position + step);
      this.position += step;
      left -= step;
      if (this.position < end - 1e-9) break;
      if (!this.loop.on) return this.finish();
      this.position = this.loop.from;
    }
    if (this.loop.on) this.smooth(end - this.position);
    this.tell("tick");
  }

  /** Fades out before a loop's end and in again after it. */
  smooth(left) {
    const end = this.settled + left;
    if (left > 0.3 || end - FADE < Math.max(this.edgeFree, this.context.currentTime)) return;
    this.edge.gain.setValueCurveAtTime(DIP, end - FADE, 2 * FADE);
    this.edgeFree = end + FADE + 0.001;
  }

  /** Notes a piece of the current sound, in seconds; all pieces together make one play. */
  hear(from, to) {
    const part = this.durations.get(this.current) / PARTS;
    const heard = this.heard.get(this.current);
    for (let i = Math.ceil(from / part - 0.5); i < Math.min(PARTS, to / part - 0.5); i += 1) heard.add(i);
    if (heard.size < PARTS) return;
    heard.clear();
    this.plays[this.current] = (this.plays[this.current] ?? 0) + 1;
    this.tell("heard");
  }

  finish() {
    this.position = 0;
    this.stop();
    this.tell("end");
  }

  stop() {
    clearInterval(this.ticking);
    this.playing = false;
    const at = Math.max(this.context.currentTime, this.opened) + 0.002;
    this.gate.gain.setValueCurveAtTime(FADE_OUT, at, FADE);
    for (const { source } of this.voices.values()) source.stop(at + FADE);
    this.tell("change");
  }

  tell(type) {
    this.dispatchEvent(new Event(type));
  }
};
