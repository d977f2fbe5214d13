// A map in localStorage: what is in it survives a reload, a crash and a flat battery.
"use strict";

Listen.Store = class {
  /** @param {string} prefix of its keys, so that tests beside each other do not meet */
  constructor(prefix) {
    this.prefix = prefix;
    this.memory = new Map();
    this.lasting = true; // false where the browser keeps nothing
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(prefix)) continue;
        this.memory.set(key.slice(prefix.length), JSON.parse(localStorage.getItem(key)));
      }
    } catch {
      this.lasting = false;
    }
  }

  get(key) {
    return this.memory.get(key);
  }

  set(key, value) {
    this.memory.set(key, value);
    try {
      localStorage.setItem(this.prefix + key, JSON.stringify(value));
    } catch {
      this.lasting = false;
    }
  }

  delete(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(this.prefix + key);
    } catch {
      this.lasting = false;
    }
  }

  keys() {
    return [...this.memory.keys()];
  }
};
