/** A browser with tabs that are closed, crash, freeze and thaw: its locks, its channels, and each tab's page. */

import { setMaxListeners } from "node:events";

import { Headcount } from "../../client/src/headcount.js";
import { FakeStorage } from "./fakes.mjs";

// In milliseconds: from one tab to another.
const CHANNEL = 1;
const NAMES = ["status", "welcome", "watching", "snapshot", "event", "state", "bonus", "claim", "news", "news_cancelled", "progress", "backlog"];

/** Web Locks: https://w3c.github.io/web-locks (2026-11-30). A tab that is frozen keeps its locks, one that ends does not. */
class FakeLocks {
  #held = new Map();
  #queues = new Map();

  /** The locks as one tab sees them. */
  of(tab) {
    return { request: (name, options, callback) => this.#request(tab, name, options, callback) };
  }

  /** The tabs that lead, each its group. Each holds a lock of its own as well. */
  get leaders() {
    return [...this.#held].filter(([name]) => name.startsWith("headcount")).map(([, { tab }]) => tab);
  }

  /** Whether a tab holds one: then a browser does not freeze it. */
  isHeldBy(tab) {
    return [...this.#held.values()].some((held) => held.tab === tab);
  }

  end(tab) {
    for (const queue of this.#queues.values()) queue.splice(0, Infinity, ...queue.filter((one) => one.tab !== tab));
    for (const [name, held] of this.#held) if (held.tab === tab) this.#release(name, held);
  }

  #request(tab, name, { ifAvailable = false, steal = false, signal }, callback) {
    return new Promise((resolve, reject) => {
      const aborted = () => new DOMException("aborted", "AbortError");
      if (signal?.aborted) return reject(aborted());
      // The leader waits for a lock of each other tab, with one signal.
      if (signal) setMaxListeners(0, signal);
      const one = { tab, callback, resolve, reject };
      const queue = this.#queue(name);
      if (steal) {
        const held = this.#held.get(name);
        this.#held.delete(name);
        if (held) tab.browser.run(held.tab, () => held.reject(aborted()));
        return this.#grant(name, one);
      }
      const isFree = !this.#held.has(name) && queue.length === 0;
      if (ifAvailable && !isFree) return tab.browser.run(tab, () => resolve(callback(null)));
      if (isFree) return this.#grant(name, one);
      queue.push(one);
      signal?.addEventListener("abort", () => {
        if (!queue.includes(one)) return;
        queue.splice(queue.indexOf(one), 1);
        reject(aborted());
      });
    });
  }

  #queue(name) {
    if (!this.#queues.has(name)) this.#queues.set(name, []);
    return this.#queues.get(name);
  }

  /** The browser holds it for the tab at once; a tab that is frozen learns it when it thaws. */
  #grant(name, one) {
    this.#held.set(name, one);
    one.tab.browser.run(one.tab, () => {
      if (this.#held.get(name) !== one) return;
      Promise.resolve(one.callback({ name })).then((result) => {
        one.resolve(result);
        this.#release(name, one);
      });
    });
  }

  #release(name, held) {
    if (this.#held.get(name) !== held) return;
    this.#held.delete(name);
    const next = this.#queue(name).shift();
    if (next) this.#grant(name, next);
  }
}

export class FakeBrowser {
  tabs = [];
  locks = new FakeLocks();
  /** Of this browser's own: a tab of another profile or a blocked one has others. */
  #channels = new Set();

  constructor({ time, FakeWebSocket, random, ticket, isMute = false }) {
    Object.assign(this, { time, FakeWebSocket, random, ticket, isMute });
  }

  /** Run something in a tab: later, when it is frozen; never, when it has ended. */
  run(tab, callback, milliseconds = 0) {
    return this.time.setTimeout(() => tab.does(callback), milliseconds);
  }

  open(options) {
    const tab = new FakeTab(this, options);
    this.tabs.push(tab);
    return tab;
  }

  get alive() {
    return this.tabs.filter(({ hasEnded }) => !hasEnded);
  }

  channelOf(tab) {
    const channels = this.#channels;
    const { isMute } = this;
    const browser = this;
    return class {
      onmessage = null;

      constructor(name) {
        Object.assign(this, { name, tab });
        channels.add(this);
      }

      postMessage(message) {
        if (isMute) return;
        const others = [...channels].filter((other) => other !== this && other.name === this.name);
        const data = structuredClone(message);
        const deliver = (other) => other.tab.does(() => channels.has(other) && other.onmessage?.({ data }));
        if (others.length > 0) browser.time.setTimeout(() => others.forEach(deliver), CHANNEL);
      }

      close() {
        channels.delete(this);
      }
    };
  }

  /** What the browser does for a tab that is gone. */
  ended(tab) {
    for (const channel of this.#channels) if (channel.tab === tab) this.#channels.delete(channel);
    this.locks.end(tab);
  }
}

class FakeTab {
  hasEnded = false;
  isFrozen = false;
  sockets = [];
  storage = new FakeStorage();
  told = [];
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  #waiting = [];

  constructor(browser, { user = "ann", resource = "site", isSeen = false, ...options } = {}) {
    this.browser = browser;
    this.user = user;
    this.resource = resource;
    this.document.visibilityState = isSeen ? "visible" : "hidden";
    const tab = this;
    this.headcount = new Headcount({
      ticket: async (wish) => browser.ticket(this, wish),
      WebSocket: class extends browser.FakeWebSocket {
        constructor(url) {
          super(url);
          this.tab = tab;
          tab.sockets.push(this);
        }
      },
      random: browser.random,
      now: () => browser.time.now,
      performance: { now: () => browser.time.elapsed },
      setTimeout: (callback, milliseconds) => browser.run(this, callback, milliseconds),
      clearTimeout: browser.time.clearTimeout,
      storage: this.storage,
      locks: browser.locks.of(this),
      BroadcastChannel: browser.channelOf(this),
      window: this.window,
      document: this.document,
      ...options,
    });
    for (const name of NAMES) this.headcount.on(name, (detail) => this.told.push([name, detail]));
  }

  get leads() {
    return this.browser.locks.leaders.includes(this);
  }

  get isOnline() {
    return this.headcount.status.status === "online";
  }

  of(name) {
    return this.told.filter(([one]) => one === name).map(([, detail]) => detail);
  }

  does(callback) {
    if (this.hasEnded) return;
    if (this.isFrozen) this.#waiting.push(callback);
    else callback();
  }

  /** The user closes it. */
  close() {
    this.window.dispatchEvent(new Event("pagehide"));
    this.crash();
  }

  /** It is gone without a word; its sockets break. */
  crash() {
    this.hasEnded = true;
    this.browser.ended(this);
    for (const socket of this.sockets) if (socket.closed === null) socket.close(1006);
  }

  shows(isSeen) {
    this.document.visibilityState = isSeen ? "visible" : "hidden";
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  /** The browser stops it: it says so to the page, or, like a debugger, does not. */
  freeze({ isTold = true } = {}) {
    if (isTold) this.document.dispatchEvent(new Event("freeze"));
    this.isFrozen = true;
    this.isTold = isTold;
  }

  thaw() {
    this.isFrozen = false;
    if (this.isTold) this.document.dispatchEvent(new Event("resume"));
    for (const callback of this.#waiting.splice(0)) this.does(callback);
  }
}

/** A ticket of Headcount's form: only the server checks its signature. */
export function ticketFor(user, resource, number) {
  const terms = { aud: "headcount", jti: `t${number}`, sub: user, resource, exp: number };
  const bytes = new TextEncoder().encode(JSON.stringify(terms));
  const payload = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return { url: "ws://gateway/live", ticket: `h.${payload}.s` };
}
