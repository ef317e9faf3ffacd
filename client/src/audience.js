import { after } from "./backoff.js";

/** @import {Connection} from "./connection.js" */
/** @import {Audience as Latest, Timers} from "./types.js" */

/**
 * @typedef {object} Options
 * @property {() => Connection|null} current  the connection in use
 * @property {() => boolean} isSeen  whether the user can see the page
 * @property {() => boolean} isClaimWaiting  a claim is to be sent, or sent again
 * @property {(audience: Latest) => void} changed
 * @property {() => string} newId
 * @property {() => number} random
 * @property {Timers} timers
 */

// In milliseconds. The first is for a server that does not answer, or has no time for it: no user waits for a number.
const UNANSWERED = 60_000;
const AFTER_CLAIMS = 5_000;
// A shorter pace is a mistake, and following it would overload the server.
const SHORTEST = 1_000;
// A longer timer than 24 days would end at once.
const LONGEST = 24 * 3_600_000;

/**
 * How many watch what the connection watches: asked for at the pace that the server tells, while the page listens and its
 * user can see it. A hidden page asks when it is shown again.
 */
export class Audience {
  #options;
  /** @type {Latest|null} */
  #latest = null;
  /** @type {string|null} what the connection watches */
  #resource = null;
  #listeners = 0;
  /** @type {string|null} the id of the question that has no answer yet */
  #asked = null;
  #isDue = true;
  #isRefused = false;
  /** @type {any} */
  #timer;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** The latest answer about what the connection watches now. */
  get latest() {
    return this.#latest;
  }

  /**
   * The page listens.
   *
   * @returns {() => void} call it once, when it does so no more
   */
  listen() {
    this.#listeners += 1;
    this.#ask();
    return () => (this.#listeners -= 1);
  }

  /**
   * The connection in use watches this.
   *
   * @param {string} resource
   */
  watching(resource) {
    if (resource !== this.#resource) {
      this.#resource = resource;
      this.#latest = null;
      this.#isRefused = false;
      this.#due();
    } else this.#ask();
  }

  /** Keep nothing that this user was told: another one may not be allowed to see it. */
  forget() {
    this.stop();
    this.#latest = this.#resource = this.#asked = null;
    this.#isDue = true;
    this.#isRefused = false;
  }

  /** Whether the user can see the page may have changed. */
  seen() {
    this.#ask();
  }

  /**
   * Take an answer, or an error that names its request. Returns whether it is one of these.
   *
   * @param {any} message
   */
  answered(message) {
    if (this.#asked === null || message.re !== this.#asked) return false;
    this.#asked = null;
    if (message.type === "audience") this.#take(message);
    else if (message.code === "slow_down" || message.code === "unavailable") {
      this.#dueAfter(Math.max(UNANSWERED, message.retry_after_ms ?? 0));
    } else {
      // It is refused for good, or the server does not know the question.
      this.#isRefused = true;
    }
    return true;
  }

  stop() {
    this.#options.timers.clearTimeout(this.#timer);
  }

  /** @param {any} answer */
  #take({ resource, users, connections, sampled_at, list, ask_again_ms }) {
    const isPace = Number.isFinite(ask_again_ms) && ask_again_ms >= SHORTEST && ask_again_ms <= LONGEST;
    // Clients that came together shall not ask together.
    this.#dueAfter((isPace ? ask_again_ms : UNANSWERED) * (1 + 0.1 * this.#options.random()));
    if (!Number.isInteger(users) || !Number.isInteger(connections)) return;
    const before = this.#latest;
    this.#latest = { resource, users, connections, sampled_at, list: Array.isArray(list) ? list : null };
    if (numbers(this.#latest) !== numbers(before)) this.#options.changed(this.#latest);
  }

  #ask() {
    const { current, isSeen, isClaimWaiting, newId } = this.#options;
    const connection = current();
    const isWanted = this.#listeners > 0 && !this.#isRefused && isSeen();
    if (!connection || this.#resource === null || !this.#isDue || !isWanted) return;
    if (isClaimWaiting()) {
      this.#dueAfter(AFTER_CLAIMS);
      return;
    }
    this.#asked = newId();
    this.#dueAfter(UNANSWERED);
    connection.send({ action: "audience", id: this.#asked, resource: this.#resource });
  }

  #due() {
    this.#options.timers.clearTimeout(this.#timer);
    this.#asked = null;
    this.#isDue = true;
    this.#ask();
  }

  /** @param {number} milliseconds */
  #dueAfter(milliseconds) {
    const { timers, random } = this.#options;
    timers.clearTimeout(this.#timer);
    this.#isDue = false;
    this.#timer = timers.setTimeout(() => this.#due(), after(milliseconds, random));
  }
}

/** @param {Latest|null} audience */
const numbers = (audience) => audience && JSON.stringify([audience.users, audience.connections, audience.list]);
