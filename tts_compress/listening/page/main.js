// Goes through the pages of a test: one at a time, forward only, every change saved.
"use strict";

const byId = (id) => document.getElementById(id);

class Test {
  constructor() {
    this.backend = new Listen.Backend((state, text) => this.report(state, text));
    this.sounds = new Listen.Sounds((id) => this.backend.audio(id));
    document.addEventListener("keydown", (event) => this.key(event));
    this.start();
  }

  async start(tries = 1) {
    let state;
    try {
      state = await this.backend.load();
    } catch (error) {
      if (error instanceof Listen.Refused) return this.explain(error.message);
      this.explain("The test could not be loaded. Trying again.");
      await this.sounds.pause(Math.min(10_000, 500 * 2 ** tries));
      return this.start(tries + 1);
    }
    this.session = state.session;
    this.answers = state.answers;
    byId("title").textContent = this.session.title;
    const pages = this.session.pages;
    const open = pages.findIndex(({ id }) => !this.answers[id]?.done);
    const volume = pages.find(({ type }) => type === "volume");
    this.sounds.setVolume(this.answers[volume?.id]?.values.volume ?? 1);
    this.show(state.finished || open < 0 ? pages.length - 1 : open);
  }

  explain(text) {
    byId("main").replaceChildren(Listen.element("p", { class: "trouble", role: "alert" }, text));
  }

  report(state, text) {
    const status = byId("status");
    if (status.textContent === text) return;
    status.className = state;
    // Only what is out of the ordinary is read aloud.
    status.setAttribute("aria-live", state === "offline" || state === "refused" ? "polite" : "off");
    status.textContent = text;
  }

  async show(index) {
    const { pages } = this.session;
    const page = pages[index];
    const shown = (this.shown = { index, page });
    const stored = this.answers[page.id];
    shown.seconds = stored?.seconds ?? 0;
    this.progress(index);
    const heading = this.frame(page);
    heading.focus();
    window.scrollTo(0, 0);
    const ids = Listen.soundsOf(page);
    const soon = pages.slice(index + 1).find((next) => Listen.soundsOf(next).length);
    const trouble = () => (this.place.textContent = "The sound could not be loaded. Trying again.");
    this.place.textContent = ids.length ? "Loading the sound." : "";
    const buffers = await this.sounds.loadAll(ids, trouble);
    if (this.shown !== shown) return;
    this.sounds.expect(ids, soon ? Listen.soundsOf(soon) : []);
    this.render(page, stored, buffers);
  }

  render(page, stored, buffers) {
    const player = new Listen.Player(this.sounds, buffers, stored?.plays);
    this.player = player;
    player.addEventListener("heard", () => this.changed());
    const context = {
      player,
      sounds: this.sounds,
      backend: this.backend,
      changed: () => this.changed(),
      restart: () => this.start(),
    };
    this.since = performance.now();
    this.view = Listen.pages[page.type](page, stored?.values ?? {}, context);
    this.place.replaceChildren(...this.view.body.filter(Boolean));
    byId("actions").hidden = Boolean(this.view.last);
    this.refresh();
  }

  progress(index) {
    const n = this.session.pages.length;
    byId("progress").max = n - 1 || 1;
    byId("progress").value = index;
    byId("step").textContent = `Step ${index + 1} of ${n}`;
    document.title = `${index + 1}/${n} ${this.session.title}`;
  }

  frame(page) {
    this.view = null;
    this.place = Listen.element("div", { class: "body" });
    const heading = Listen.element("h1", { tabindex: -1 }, this.heading(page));
    this.next = Listen.element(
      "button",
      { type: "button", id: "next", class: "primary", "aria-disabled": "true", "aria-describedby": "missing" },
      "Next",
    );
    this.next.addEventListener("click", () => this.goOn());
    byId("main").className = `${page.type} ${page.kind ?? ""}`;
    byId("main").dataset.page = page.id;
    byId("main").replaceChildren(
      Listen.element(
        "div",
        { class: "heading" },
        heading,
        page.practice && Listen.element("span", { class: "badge" }, "Does not count"),
      ),
      ...(page.text ?? []).map((text) => Listen.element("p", {}, text)),
      this.place,
      Listen.element("div", { id: "actions", hidden: true }, Listen.element("p", { id: "missing" }), this.next),
    );
    return heading;
  }

  heading(page) {
    if (page.type !== "trial" || page.practice) return page.title || this.session.title;
    const trials = this.session.pages.filter(({ type, practice }) => type === "trial" && !practice);
    const number = `${trials.indexOf(page) + 1} of ${trials.length}`;
    return page.title ? `${page.title}: ${number}` : `Sentence ${number}`;
  }

  changed(done = false) {
    if (!this.view || this.view.last) return;
    const { page, seconds } = this.shown;
    const answer = {
      done,
      values: this.view.values(),
      seconds: Math.round(seconds * 1000 + performance.now() - this.since) / 1000,
      plays: this.player.plays,
    };
    this.answers[page.id] = structuredClone(answer);
    this.backend.save(page.id, this.answers[page.id]);
    this.refresh();
  }

  refresh() {
    const missing = this.view.missing();
    byId("missing").textContent = missing ?? "";
    this.next.setAttribute("aria-disabled", String(Boolean(missing)));
  }

  goOn() {
    const missing = this.view?.missing();
    if (!this.view || this.view.last) return;
    if (missing) return Listen.say(missing);
    this.view.close?.();
    this.player.close(); // may note what was heard until now, and nothing comes after done
    this.changed(true);
    this.show(this.shown.index + 1);
  }

  key(event) {
    if (!this.view || event.ctrlKey || event.altKey || event.metaKey) return;
    const { target } = event;
    if (Listen.isTyping(target)) return;
    const pressed = target.matches("button, a, summary");
    if (event.key === "Enter" && !pressed) return this.goOn();
    // Keys that the focused control has a use for are its own.
    if (event.key === " " && (pressed || target.matches("[type=radio], [type=checkbox]"))) return;
    if (/^(Arrow|Page)/.test(event.key) && target.matches("input")) return;
    if (this.view.key?.(event)) event.preventDefault();
  }
}

Listen.test = new Test();
