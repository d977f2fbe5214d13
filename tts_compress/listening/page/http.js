// Answers to a server: each is kept in localStorage until the server has said that it has it.
"use strict";

const WAIT = 300; // ms without a change before an answer is sent
const PATIENCE = 15_000; // ms until a request counts as lost
const SOUND_PATIENCE = 120_000; // a trial can have megabytes, which share a slow line
const LONGEST = 30_000; // ms between tries
const UNKNOWN = "This link is not known here. Please ask whoever sent it for a new one.";

/** What trying again does not mend; its message is for the listener. */
Listen.Refused = class extends Error {};

Listen.Backend = class {
  /** @param {(state: string, text: string) => void} report what became of the answers */
  constructor(report) {
    this.token = location.pathname.split("/").filter(Boolean).at(-1) ?? "";
    this.root = `/api/${encodeURIComponent(this.token)}`;
    this.waiting = new Listen.Store(`listen:${this.token}:`);
    this.revisions = {};
    this.report = report;
    this.failures = 0;
    window.addEventListener("online", () => this.flush());
    window.addEventListener("offline", () => this.tell());
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
  }

  /** Gives session, answers, finished and code, with what had not been sent yet. */
  async load() {
    const response = await this.fetch("/session");
    if (response.status === 404) throw new Listen.Refused(UNKNOWN);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const state = await response.json();
    for (const page of this.waiting.keys()) {
      const stored = state.answers[page];
      const own = this.waiting.get(page);
      if (stored && (stored.done || stored.revision >= own.revision)) this.waiting.delete(page);
      else state.answers[page] = own;
    }
    for (const [page, answer] of Object.entries(state.answers)) {
      this.revisions[page] = answer.revision;
    }
    this.flush();
    return state;
  }

  /** Keeps an answer and sends it soon. */
  save(page, answer) {
    const revision = (this.revisions[page] ?? 0) + 1;
    this.revisions[page] = revision;
    this.waiting.set(page, { revision, ...answer });
    this.tell();
    this.later(answer.done ? 0 : WAIT);
  }

  /** Waits until all is sent and gives what ends the test: its code. */
  async finish() {
    for (;;) {
      await this.flush();
      if (!this.waiting.keys().length) {
        const response = await this.fetch("/finish", { method: "POST" }).catch(() => null);
        if (response?.ok) return { code: (await response.json()).code };
        if (response?.status === 409) return { missing: (await response.json()).missing };
        if (response?.status === 404) throw new Listen.Refused(UNKNOWN);
      }
      this.failures += 1;
      this.tell();
      await this.pause();
    }
  }

  /** Gives the bytes of a sound. */
  async audio(id) {
    const response = await this.fetch(`/audio/${encodeURIComponent(id)}.wav`, {}, SOUND_PATIENCE);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.arrayBuffer();
  }

  /** Sends all that waits; one sending at a time. */
  flush() {
    this.sending ??= this.sendAll().finally(() => (this.sending = null));
    return this.sending;
  }

  async sendAll() {
    clearTimeout(this.timer);
    try {
      for (let page; (page = this.waiting.keys()[0]); ) await this.put(page);
      this.failures = 0;
    } catch {
      this.failures += 1;
      this.later(this.delay());
    }
    this.tell();
  }

  async put(page) {
    const sent = this.waiting.get(page);
    const path = `/answers/${encodeURIComponent(page)}`;
    const body = JSON.stringify(sent);
    const headers = { "Content-Type": "application/json" };
    // With keepalive it arrives even if the listener closes the page now; browsers allow 64 KiB.
    const keepalive = body.length < 16_000;
    const response = await this.fetch(path, { method: "PUT", body, headers, keepalive });
    if (response.status >= 500 || response.status === 429) throw new Error("try again");
    const reply = await response.json().catch(() => ({}));
    const behind = reply.revision > sent.revision || reply.taken === false;
    if (response.ok && (behind || (sent.done && !reply.done))) {
      // Another window was ahead of this one; what was entered last is what counts.
      this.revisions[page] = Math.max(reply.revision, this.revisions[page]);
      const { revision, ...answer } = this.waiting.get(page);
      this.save(page, answer);
      return;
    }
    if (response.status === 404) {
      this.refused = UNKNOWN; // and kept, for a server that knows it again
      throw new Error("unknown");
    }
    const taken = response.ok || response.status === 409; // 409: this page is done, and stays so
    const why = reply.error ?? `status ${response.status}`;
    this.refused = taken ? null : `The server did not take an answer: ${why}`;
    if (this.waiting.get(page).revision === sent.revision) this.waiting.delete(page);
  }

  fetch(path, options = {}, patience = PATIENCE) {
    return fetch(this.root + path, { ...options, signal: AbortSignal.timeout(patience) });
  }

  later(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), wait);
  }

  delay() {
    return Math.min(LONGEST, 500 * 2 ** this.failures) * (0.75 + Math.random() / 2);
  }

  /** Waits as long as tries are apart, or until the browser is online again. */
  pause() {
    return new Promise((resolve) => {
      setTimeout(resolve, this.delay());
      window.addEventListener("online", resolve, { once: true });
    });
  }

  tell() {
    const kept = this.waiting.lasting
      ? "Offline. Your answers are kept on this device and will be sent."
      : "Offline. Please keep this page open until your answers are sent.";
    if (this.refused) this.report("refused", this.refused);
    else if (this.failures || !navigator.onLine) this.report("offline", kept);
    else if (this.waiting.keys().length) this.report("saving", "Saving");
    else this.report("saved", "All answers saved");
  }
};
