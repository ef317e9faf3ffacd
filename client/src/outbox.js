import { after, delay } from "./backoff.js";
import { ANSWER_TIMEOUT } from "./connection.js";
import { HeadcountError } from "./types.js";

/** @import {Backlog, Request, Timers} from "./types.js" */

/**
 * @typedef {object} Entry
 * @property {Request} request
 * @property {number} attempt  how often the server could not answer
 * @property {boolean} isSent    and no answer came yet
 * @property {any} timer       set from its first sending on: when it fires, it is sent again
 * @property {(answer: any) => void} resolve
 * @property {(error: Error) => void} reject
 *
 * @typedef {object} Options
 * @property {(request: Request) => void} send
 * @property {Timers} timers
 * @property {() => number} random
 * @property {(backlog: Backlog) => void} changed
 * @property {Pick<Storage, "getItem"|"setItem"|"removeItem">} [storage]
 */

const LIMIT = 100;
// One request waits on one function, not on the handshake quota: half a minute is wide enough.
const RETRY_CAP = 30_000;
// Windows are short, and nothing depends on the order of these.
const AT_ONCE = ["claim", "ack"];
// The rest is of no use to another page.
const STORED = ["act", "claim"];

/**
 * Requests until they are answered, each sent as often as that takes, always with the same id: the server does it once.
 *
 * Acts go one at a time, since the gateway runs the messages of a connection side by side and keeps no order; watches
 * too, and of those that wait only the last is sent. Claims go at once, since their windows are short, and
 * acknowledgements with them: those are nobody's wish, so they are not in the backlog.
 *
 * A user who sends too much is told when the next message is let through; until then nothing is sent.
 */
export class Outbox {
  #options;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  #isOnline = false;
  /** @type {any} set while the server wants to hear nothing of this user */
  #resting;
  /** @type {Backlog} what was told last */
  #told = { count: 0, isStuck: false };
  /** @type {string|null} */
  #storageKey = null;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * @param {Request} request
   * @returns {Promise<any>}
   */
  add(request) {
    if (request.action !== "ack" && this.backlog.count >= LIMIT) {
      return Promise.reject(new HeadcountError("queue_full", `${LIMIT} requests already wait for an answer`));
    }
    return new Promise((resolve, reject) => {
      this.#put(request, resolve, reject);
      this.#giveWay();
      this.#changed();
      this.#flush();
    });
  }

  /** Whether something else is to be watched as soon as there is a connection. */
  get hasWatch() {
    return [...this.#entries.values()].some(({ request }) => request.action === "watch");
  }

  /** @param {string} bonusId */
  isClaiming(bonusId) {
    return [...this.#entries.values()].some(({ request }) => request.action === "claim" && request.bonus_id === bonusId);
  }

  /** @returns {Backlog} */
  get backlog() {
    const entries = [...this.#entries.values()].filter(({ request }) => request.action !== "ack");
    return { count: entries.length, isStuck: entries.some(({ attempt }) => attempt > 0) };
  }

  /**
   * What an earlier page of this user left unanswered goes first.
   *
   * @param {string} owner  the user and the resource that connections belong to
   */
  restore(owner) {
    if (this.#storageKey === null) this.#restore(`headcount.outbox.${owner}`);
  }

  /** A connection is there: send what waits. */
  resume() {
    this.pause();
    this.#giveWay();
    this.#isOnline = true;
    this.#flush();
  }

  /** The connection is gone: keep everything, send nothing. */
  pause() {
    this.#isOnline = false;
    for (const entry of this.#entries.values()) this.#unsend(entry);
  }

  /**
   * An answer, or an error that names its request.
   *
   * @param {{type: string, re: string|null, code?: string, reason?: string, retry_after_ms?: number}} message
   */
  answered(message) {
    const entry = this.#entries.get(message.re ?? "");
    if (!entry) return;
    if (message.code === "unavailable") return this.#again(entry);
    if (message.code === "slow_down") return this.#rest(entry, message.retry_after_ms ?? RETRY_CAP);
    this.#unsend(entry);
    this.#entries.delete(entry.request.id);
    this.#changed();
    if (message.type === "error") entry.reject(new HeadcountError(message.code ?? "", message.reason ?? ""));
    else entry.resolve(message);
    this.#flush();
  }

  /** The gateway failed to run something and does not say what: whatever is under way is sent again, later. */
  stumbled() {
    for (const entry of this.#entries.values()) if (entry.isSent) this.#again(entry);
  }

  /** @param {HeadcountError} error */
  fail(error) {
    this.pause();
    this.#options.timers.clearTimeout(this.#resting);
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#changed();
    for (const { reject } of entries) reject(error);
  }

  #flush() {
    if (!this.#isOnline || this.#resting !== undefined) return;
    const busy = new Set();
    for (const entry of this.#entries.values()) {
      const { action } = entry.request;
      if (entry.timer === undefined && !busy.has(action)) this.#send(entry);
      if (!AT_ONCE.includes(action)) busy.add(action);
    }
  }

  /** Nobody waits for what was to be watched before something else: a watch not under way shares the last one's answer. */
  #giveWay() {
    const watches = [...this.#entries.values()].filter(({ request }) => request.action === "watch");
    const last = watches.pop();
    for (const entry of watches) if (last && !entry.isSent) this.#merge(entry, last);
  }

  /**
   * @param {Entry} entry
   * @param {Entry} last
   */
  #merge(entry, last) {
    this.#unsend(entry);
    this.#entries.delete(entry.request.id);
    const { resolve, reject } = last;
    last.resolve = (answer) => [entry.resolve, resolve].forEach((tell) => tell(answer));
    last.reject = (error) => [entry.reject, reject].forEach((tell) => tell(error));
  }

  /** @param {Entry} entry */
  #send(entry) {
    this.#flushAfter(entry, ANSWER_TIMEOUT);
    entry.isSent = true;
    this.#options.send(entry.request);
  }

  /** @param {Entry} entry */
  #again(entry) {
    this.#flushAfter(entry, delay(entry.attempt, { cap: RETRY_CAP, random: this.#options.random }));
    entry.attempt += 1;
    this.#tell();
  }

  /**
   * @param {Entry} entry
   * @param {number} milliseconds
   */
  #rest(entry, milliseconds) {
    const { timers, random } = this.#options;
    this.#unsend(entry);
    timers.clearTimeout(this.#resting);
    this.#resting = timers.setTimeout(() => {
      this.#resting = undefined;
      this.#flush();
    }, after(milliseconds, random));
  }

  /**
   * @param {Entry} entry
   * @param {number} milliseconds
   */
  #flushAfter(entry, milliseconds) {
    this.#unsend(entry);
    entry.timer = this.#options.timers.setTimeout(() => {
      this.#unsend(entry);
      this.#flush();
    }, milliseconds);
  }

  /** @param {Entry} entry */
  #unsend(entry) {
    this.#options.timers.clearTimeout(entry.timer);
    entry.timer = undefined;
    entry.isSent = false;
  }

  /**
   * @param {Request} request
   * @param {(answer: any) => void} [resolve]
   * @param {(error: Error) => void} [reject]
   */
  #put(request, resolve = () => {}, reject = () => {}) {
    this.#entries.set(request.id, { request, attempt: 0, isSent: false, timer: undefined, resolve, reject });
  }

  /** @param {string} key */
  #restore(key) {
    this.#storageKey = key;
    const mine = [...this.#entries.values()];
    this.#entries.clear();
    for (const request of left(this.#options.storage?.getItem(key)).slice(0, LIMIT)) this.#put(request);
    for (const entry of mine) this.#entries.set(entry.request.id, entry);
    this.#changed();
  }

  #changed() {
    this.#save();
    this.#tell();
  }

  #tell() {
    const { backlog } = this;
    if (backlog.count === this.#told.count && backlog.isStuck === this.#told.isStuck) return;
    this.#told = backlog;
    this.#options.changed(backlog);
  }

  #save() {
    const { storage } = this.#options;
    if (!storage || this.#storageKey === null) return;
    const requests = [...this.#entries.values()].map(({ request }) => request).filter(({ action }) => STORED.includes(action));
    try {
      if (requests.length > 0) storage.setItem(this.#storageKey, JSON.stringify(requests));
      else storage.removeItem(this.#storageKey);
    } catch (error) {
      // A full storage costs what a reload would have saved, not the requests themselves.
      if (!(error instanceof DOMException)) throw error;
    }
  }
}

/**
 * What another version of this page may have written is used only as far as it looks right.
 *
 * @param {string|null|undefined} text
 * @returns {Request[]}
 */
function left(text) {
  try {
    const requests = JSON.parse(text ?? "[]");
    return requests.filter((/** @type {any} */ one) => typeof one.id === "string" && STORED.includes(one.action));
  } catch {
    return [];
  }
}
