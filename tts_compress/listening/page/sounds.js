// The sounds of the test as decoded buffers, and the volume that the listener set.
"use strict";

Listen.Sounds = class {
  /** @param {(id: string) => Promise<ArrayBuffer>} fetch gives the bytes of a wav file */
  constructor(fetch) {
    this.fetch = fetch;
    this.context = new AudioContext();
    this.out = new GainNode(this.context);
    this.out.connect(this.context.destination);
    this.decoded = new Map();
  }

  /**
   * Sets the volume for everything after it.
   *
   * @param {number} position of the slider, 0 to 1; its square is the gain, which the ear takes as
   *   more even steps than the gain itself
   */
  setVolume(position) {
    this.out.gain.setTargetAtTime(position ** 2, this.context.currentTime, 0.02);
  }

  /** Gives a sound as an AudioBuffer; fetched once. */
  load(id) {
    if (!this.decoded.has(id)) {
      const sound = this.fetch(id).then((bytes) => this.context.decodeAudioData(bytes));
      this.decoded.set(id, sound);
      sound.catch(() => this.decoded.delete(id));
    }
    return this.decoded.get(id);
  }

  /** Gives buffers by id, trying again until they are there. */
  async loadAll(ids, ontrouble) {
    for (let tries = 1; ; tries += 1) {
      try {
        const buffers = await Promise.all(ids.map((id) => this.load(id)));
        return new Map(ids.map((id, i) => [id, buffers[i]]));
      } catch {
        ontrouble();
        await this.pause(Math.min(10_000, 500 * 2 ** tries));
      }
    }
  }

  pause(wait) {
    return new Promise((resolve) => {
      setTimeout(resolve, wait);
      window.addEventListener("online", resolve, { once: true });
    });
  }

  /** Fetches what comes soon, and forgets all but that and what is needed now. */
  expect(now, soon) {
    const wanted = new Set([...now, ...soon]);
    for (const id of this.decoded.keys()) if (!wanted.has(id)) this.decoded.delete(id);
    for (const id of soon) this.load(id).catch(() => {});
  }
};
