// Answers of a test without a server: kept in this browser, given as a file at the end.
"use strict";

const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

Listen.Refused = class extends Error {};

Listen.Backend = class {
  /** @param {(state: string, text: string) => void} report what became of the answers */
  constructor(report) {
    this.test = window.SESSIONS; // sessions.js
    this.report = report;
    this.folder = new URL("audio/", document.baseURI);
    this.sounds = new Map();
    Listen.sound = (id, base64) => this.sounds.get(id)(bytes(base64)); // audio/*.js call it
  }

  async load() {
    const number = this.number();
    const session = /^\d+$/.test(number) && this.test.sessions[Number(number)];
    if (!session) {
      const most = this.test.sessions.length;
      throw new Listen.Refused(`This test has the listeners 0 to ${most - 1}, got ${number}.`);
    }
    this.listener = Number(number);
    this.store = new Listen.Store(`listen:${this.test.test}:${number}:`);
    if (!this.store.get("about")) {
      this.store.set("about", { token: chance(22), started: new Date().toISOString() });
    }
    this.tell();
    const answers = this.answers();
    return { session, answers, finished: Boolean(this.store.get("about").finished) };
  }

  /** The listener's number: of the address, or one by chance that is kept. */
  number() {
    const given = new URLSearchParams(location.search).get("listener");
    if (given !== null) return given;
    const kept = new Listen.Store(`listen:${this.test.test}:`);
    const drawn = Math.floor(Math.random() * this.test.sessions.length);
    if (kept.get("number") === undefined) kept.set("number", String(drawn));
    return kept.get("number");
  }

  answers() {
    const pages = this.store.keys().filter((key) => key.startsWith("page:"));
    return Object.fromEntries(pages.map((key) => [key.slice(5), this.store.get(key)]));
  }

  save(page, answer) {
    const revision = (this.store.get(`page:${page}`)?.revision ?? 0) + 1;
    this.store.set(`page:${page}`, { revision, ...answer });
    this.tell();
  }

  async finish() {
    const about = { ...this.store.get("about") };
    about.finished ??= new Date().toISOString();
    this.store.set("about", about);
    const { token, started, finished } = about;
    const listener = this.listener;
    const answers = this.answers();
    const file = { format: 1, test: this.test.test, listener, token, started, finished, answers };
    const name = `answers-${this.test.name}-${token.slice(0, 8)}.json`;
    return { code: this.test.codes[listener], file: { name, text: JSON.stringify(file, null, 1) } };
  }

  /** Gives the bytes of a sound: a script, since a page from disk may not fetch files. */
  audio(id) {
    return new Promise((resolve, reject) => {
      this.sounds.set(id, resolve);
      const script = document.createElement("script");
      script.src = new URL(`${encodeURIComponent(id)}.js`, this.folder);
      script.addEventListener("error", () => reject(new Error(id)));
      script.addEventListener("load", () => script.remove());
      document.head.append(script);
    });
  }

  tell() {
    if (this.store.lasting) this.report("saved", "All answers are kept in this browser");
    else this.report("refused", "This browser keeps no data. Please do not close this page.");
  }
};

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;
}

/** Letters and digits by chance that nobody else has. */
function chance(length) {
  const numbers = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(numbers, (number) => ALPHABET[number % ALPHABET.length]).join("");
}
