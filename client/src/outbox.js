import { THROTTLED, after, delay } from "./backoff.js";
import { ANSWER_TIMEOUT } from "./connection.js";
import { StoredRequests } from "./stored-requests.js";
import { HeadcountError } from "./types.js";

/** @import {Env} from "./env.js" */
/** @import {Timer} from "./timer.js" */
/** @import {Backlog, Options, Request} from "./types.js" */

/**
 * @typedef {object} Entry
 * @property {Request} request
 * @property {number} attempt  how often the server answered that it cannot do it yet
 * @property {boolean} isSent  sent, and not answered yet
 * @property {boolean} mayBeDone  sent without an answer once, so that the server may have done it
 * @property {Timer} timer     set once it was sent: when it fires, the request is sent again
 * @property {(answer: any) => void} resolve
 * @property {(error: Error) => void} reject
 *
 * @typedef {object} Owner
 * @property {(request: Request) => number} expiresIn  how long the server can still grant it; Infinity: always
 * @property {(request: Request) => any} expired  the answer to a request that the server refused until it expired
 * @property {(backlog: Backlog) => void} changed
 * @property {(reason: string) => void} storageFailed
 *
 * The server limits each kind of a user's messages by itself.
 *
 * @typedef {"message"|"claim"|"ack"} Kind
 */

const MAX_REQUESTS = 100;
// In milliseconds. A request needs one function call, not a new connection, so half a minute is wide enough.
const RETRY_CAP = 30_000;
// In milliseconds. A timer may fire a little early, and the two clocks differ by a little.
const EXPIRY_MARGIN = 100;
// Their order does not matter and their windows are short, so they do not wait for each other.
const CONCURRENT_ACTIONS = ["claim", "ack"];
/** @type {Kind[]} which goes before which */
const KINDS = ["claim", "message", "ack"];

/**
 * Keeps each request until it is answered, and sends it as often as that takes. The id stays the same, so the server does
 * it once.
 *
 * Acts are sent one at a time, because the gateway handles messages of one connection concurrently and in any order.
 * Watches too, and of those that wait only the last is sent. Claims and acknowledgements are sent at once: claims before
 * all others, acknowledgements when no claim waits. Acknowledgements are the client's own requests, so the
 * backlog leaves them out.
 *
 * When a user sends too much, the server tells when it accepts the next message of that kind; until then neither that kind is
 * sent nor one that it goes before. A claim that was refused until its bonus expired is not sent again: its outcome is
 * "expired". If the server may have done it, only the server knows, and the claim is sent until it is answered.
 */
export class Outbox {
  #env;
  #owner;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  #isOnline = false;
  /** @type {Map<Kind, Timer>} the kinds that the server does not accept now, and the timers that end it */
  #limited = new Map();
  /** @type {Map<Kind, number>} how often in a row a wait for the limit was not enough */
  #refusals = new Map();
  /** @type {Set<Entry>} some of them were refused for good: until these are found, one request is sent at a time */
  #suspects = new Set();
  /** @type {{type: string, code?: string, reason?: string}[]} the refusals that name none of them */
  #errors = [];
  /** @type {Backlog} as reported last */
  #reported = { count: 0, isStuck: false };
  /** @type {string|null} */
  #storageKey = null;

  #stored;

  /**
   * @param {Env} env
   * @param {Owner} owner
   * @param {Options["storage"]} storage
   */
  constructor(env, owner, storage) {
    this.#env = env;
    this.#owner = owner;
    this.#stored = new StoredRequests(storage, owner.storageFailed);
  }

  /**
   * @param {Request} request
   * @returns {Promise<any>}
   */
  add(request) {
    if (request.action !== "ack" && this.backlog.count >= MAX_REQUESTS) {
      return Promise.reject(new HeadcountError("queue_full", `${MAX_REQUESTS} requests are already waiting for an answer`));
    }
    return new Promise((resolve, reject) => {
      this.#put(request, { resolve, reject });
      this.#mergeWatches();
      this.#changed();
      this.#flush();
    });
  }

  /** What has no answer yet, in the order in which it was asked. */
  get #all() {
    return [...this.#entries.values()];
  }

  /** Whether a watch is waiting for a connection or for its answer. */
  get hasWatch() {
    return this.#all.some(({ request }) => request.action === "watch");
  }

  /** Whether a claim is still to be sent, or was refused and has no answer yet. */
  get isClaimWaiting() {
    const isWaiting = (/** @type {Entry} */ { isSent, attempt }) => !isSent || attempt > 0;
    return this.#all.some((entry) => entry.request.action === "claim" && isWaiting(entry));
  }

  /** @param {string} bonusId */
  isClaiming(bonusId) {
    return this.#all.some(({ request }) => request.action === "claim" && request.bonus_id === bonusId);
  }

  /** @returns {Backlog} */
  get backlog() {
    const entries = this.#all.filter(({ request }) => request.action !== "ack");
    return { count: entries.length, isStuck: entries.some(({ attempt }) => attempt > 0) };
  }

  /**
   * Put the requests that an earlier page of this user left unanswered before those of this page.
   *
   * @param {string} owner  names the user and the deployment
   */
  restore(owner) {
    if (this.#storageKey === null) this.#restore(`headcount.outbox ${owner}`);
  }

  /**
   * Keep nothing of this user, nor store it.
   *
   * @param {HeadcountError} error  for what waits
   */
  forget(error) {
    this.fail(error);
    this.#refusals.clear();
    this.#storageKey = null;
  }

  /** There is a new connection: send all that has no answer. */
  restart() {
    this.#loseAll();
    this.#mergeWatches();
    this.resume();
  }

  /** The connection works again: send what waits. What was sent may still be answered. */
  resume() {
    this.#isOnline = true;
    this.#flush();
  }

  /** The connection does not work, or is gone: keep everything, send nothing. */
  pause() {
    this.#isOnline = false;
  }

  /**
   * Take an answer, or an error that names its request.
   *
   * @param {{type: string, re: string|null, code?: string, reason?: string, retry_after_ms?: number}} message
   */
  answered(message) {
    const entry = this.#entries.get(message.re ?? "");
    if (!entry) return;
    if (message.code === "unavailable") {
      entry.mayBeDone = true;
      return this.#retry(entry, { atLeast: message.retry_after_ms });
    }
    if (message.code === "slow_down") return this.#waitForRateLimit(entry, message.retry_after_ms ?? RETRY_CAP);
    this.#refusals.delete(kind(entry));
    this.#settle(entry, message);
  }

  /**
   * The server refused a message for good, and does not tell which. Those that have no answer when the others have theirs are
   * refused; one whose answer is lost is sent again alone.
   *
   * @param {{type: string, code?: string, reason?: string}} error
   * @param {boolean} isOther  it may also be a message that is not kept here
   */
  refusedOne(error, isOther) {
    for (const entry of this.#entries.values()) if (entry.isSent) this.#suspects.add(entry);
    if (isOther) return;
    this.#errors.push(error);
    this.#judge();
  }

  /**
   * The gateway failed to handle a message and does not tell which: send all unanswered ones again, later.
   *
   * @param {{isThrottled: boolean, isOnly: boolean}} failure
   *   isThrottled: it did not pass the message on; isOnly: no other message was unanswered
   */
  retryAll({ isThrottled, isOnly }) {
    for (const entry of this.#entries.values()) {
      if (!entry.isSent) continue;
      entry.mayBeDone ||= !(isThrottled && isOnly);
      this.#retry(entry, isThrottled ? THROTTLED : {});
    }
  }

  /** @param {HeadcountError} error */
  fail(error) {
    this.pause();
    this.#loseAll();
    for (const timer of this.#limited.values()) timer.stop();
    this.#limited.clear();
    this.#suspects.clear();
    this.#errors = [];
    const entries = this.#all;
    this.#entries.clear();
    this.#changed();
    for (const { reject } of entries) reject(error);
  }

  #flush() {
    this.#answerExpired();
    if (!this.#isOnline) return;
    const busy = new Set();
    for (const entry of this.#inOrder()) {
      const { action } = entry.request;
      if (this.#suspects.size > 0 && this.#hasSent) return;
      if (this.#isLimited(kind(entry)) || (action === "ack" && this.isClaimWaiting)) continue;
      if (!entry.timer.isSet && !busy.has(action)) this.#send(entry);
      if (!CONCURRENT_ACTIONS.includes(action)) busy.add(action);
    }
  }

  get #hasSent() {
    return this.#all.some(({ isSent }) => isSent);
  }

  /**
   * Claims wait for claims only, and acknowledgements for all others.
   *
   * @param {Kind} one
   */
  #isLimited(one) {
    const waitsFor = KINDS.slice(0, KINDS.indexOf(one) + 1);
    return waitsFor.some((other) => this.#limited.has(other));
  }

  /**
   * @param {Entry} entry
   * @param {{type: string, code?: string, reason?: string}} answer
   */
  #settle(entry, answer) {
    this.#remove(entry);
    if (answer.type === "error") entry.reject(new HeadcountError(answer.code ?? "", answer.reason ?? ""));
    else entry.resolve(answer);
    this.#judge();
    this.#flush();
  }

  /** As many without an answer as refusals: then each is the refusal of one. */
  #judge() {
    const open = [...this.#suspects].filter(({ isSent }) => isSent);
    if (open.length > this.#errors.length) return;
    const errors = this.#errors;
    this.#errors = [];
    for (const entry of open) this.#settle(entry, errors[0]);
  }

  /** Claims first: they are the only requests that can be too late. */
  #inOrder() {
    const isClaim = (/** @type {Entry} */ { request }) => Number(request.action === "claim");
    return this.#all.sort((a, b) => isClaim(b) - isClaim(a));
  }

  #answerExpired() {
    for (const entry of this.#entries.values()) {
      if (!isRefused(entry) || this.#owner.expiresIn(entry.request) > 0) continue;
      this.#remove(entry);
      entry.resolve(this.#owner.expired(entry.request));
    }
  }

  /** @param {Entry} entry */
  #remove(entry) {
    this.#unsend(entry);
    this.#suspects.delete(entry);
    this.#entries.delete(entry.request.id);
    this.#changed();
  }

  /** Only the last watch matters: earlier ones that were not sent share its answer. */
  #mergeWatches() {
    const watches = this.#all.filter(({ request }) => request.action === "watch");
    const last = watches.pop();
    for (const entry of watches) if (last && !entry.isSent) this.#merge(entry, last);
  }

  /**
   * @param {Entry} entry
   * @param {Entry} last
   */
  #merge(entry, last) {
    this.#unsend(entry);
    this.#suspects.delete(entry);
    this.#entries.delete(entry.request.id);
    const { resolve, reject } = last;
    last.resolve = (answer) => [entry.resolve, resolve].forEach((settle) => settle(answer));
    last.reject = (error) => [entry.reject, reject].forEach((settle) => settle(error));
  }

  /** @param {Entry} entry */
  #send(entry) {
    this.#flushAfter(entry, ANSWER_TIMEOUT);
    entry.isSent = true;
    this.#env.current()?.send(entry.request);
  }

  /**
   * @param {Entry} entry
   * @param {{base?: number, atLeast?: number}} [options]  in milliseconds; atLeast: the server said so
   */
  #retry(entry, { base, atLeast = 0 } = {}) {
    const wait = atLeast + delay(entry.attempt, { base, cap: RETRY_CAP, random: this.#env.random });
    entry.attempt += 1;
    if (this.#suspects.has(entry)) this.#errors = [];
    this.#unsend(entry);
    this.#flushAfter(entry, isRefused(entry) ? Math.min(wait, this.#untilExpired(entry)) : wait);
    this.#report();
  }

  /** @param {Entry} entry */
  #untilExpired({ request }) {
    return Math.max(0, this.#owner.expiresIn(request)) + EXPIRY_MARGIN;
  }

  /**
   * @param {Entry} entry
   * @param {number} milliseconds
   */
  #waitForRateLimit(entry, milliseconds) {
    const { random, connections } = this.#env;
    const limited = kind(entry);
    const refusals = this.#refusals.get(limited) ?? 0;
    this.#unsend(entry);
    const timer = this.#limited.get(limited) ?? this.#env.timer();
    timer.set(() => {
      this.#limited.delete(limited);
      this.#refusals.set(limited, refusals + 1);
      this.#flush();
    }, after(milliseconds, random, { refusals, connections: connections() }));
    this.#limited.set(limited, timer);
  }

  /**
   * @param {Entry} entry
   * @param {number} milliseconds
   */
  #flushAfter(entry, milliseconds) {
    this.#unsend(entry);
    entry.timer.set(() => {
      this.#lose(entry);
      this.#flush();
    }, milliseconds);
  }

  /**
   * Its answer, if it was sent, does not come any more.
   *
   * @param {Entry} entry
   */
  #lose(entry) {
    entry.mayBeDone ||= entry.isSent;
    if (this.#suspects.has(entry)) this.#errors = [];
    this.#unsend(entry);
  }

  #loseAll() {
    for (const entry of this.#entries.values()) this.#lose(entry);
  }

  /** @param {Entry} entry */
  #unsend(entry) {
    entry.timer.stop();
    entry.isSent = false;
  }

  /**
   * @param {Request} request
   * @param {Partial<Entry>} more
   */
  #put(request, more) {
    const entry = { attempt: 0, isSent: false, mayBeDone: false, timer: this.#env.timer(), resolve: () => {}, reject: () => {} };
    this.#entries.set(request.id, { request, ...entry, ...more });
  }

  /** @param {string} key */
  #restore(key) {
    this.#storageKey = key;
    const own = this.#all;
    this.#entries.clear();
    // The earlier page may have sent them.
    const stored = this.#stored.load(key).slice(0, MAX_REQUESTS);
    for (const request of stored) this.#put(request, { mayBeDone: true });
    for (const entry of own) this.#entries.set(entry.request.id, entry);
    this.#changed();
  }

  #changed() {
    const requests = this.#all.map(({ request }) => request);
    if (this.#storageKey !== null) this.#stored.save(this.#storageKey, requests);
    this.#report();
  }

  #report() {
    const { backlog } = this;
    if (backlog.count === this.#reported.count && backlog.isStuck === this.#reported.isStuck) return;
    this.#reported = backlog;
    this.#owner.changed(backlog);
  }
}

/**
 * @param {Entry} entry
 * @returns {Kind}
 */
const kind = ({ request: { action } }) => (action === "claim" || action === "ack" ? action : "message");

/**
 * Whether each answer so far was that the server does not do it yet.
 *
 * @param {Entry} entry
 */
const isRefused = ({ attempt, isSent, mayBeDone }) => attempt > 0 && !isSent && !mayBeDone;
