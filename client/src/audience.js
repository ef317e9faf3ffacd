import { after } from "./backoff.js";

/** @import {Env} from "./env.js" */
/** @import {Audience as Latest} from "./types.js" */

/**
 * @typedef {object} Owner
 * @property {() => boolean} isOnline  the connection in use works
 * @property {(audience: Latest) => void} changed
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
  #env;
  #owner;
  /** @type {Latest|null} */
  #latest = null;
  /** @type {string|null} what the connection watches */
  #resource = null;
  #listeners = 0;
  /** @type {string|null} the id of the question that has no answer yet */
  #asked = null;
  #isDue = true;
  #isRefused = false;
  #timer;

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
    this.#timer = env.timer();
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
    this.#timer.stop();
  }

  /** @param {any} answer */
  #take({ resource, users, connections, sampled_at, list, ask_again_ms }) {
    const isPace = Number.isFinite(ask_again_ms) && ask_again_ms >= SHORTEST && ask_again_ms <= LONGEST;
    // Clients that came together shall not ask together.
    this.#dueAfter((isPace ? ask_again_ms : UNANSWERED) * (1 + 0.1 * this.#env.random()));
    if (!Number.isInteger(users) || !Number.isInteger(connections)) return;
    const before = this.#latest;
    this.#latest = { resource, users, connections, sampled_at, list: Array.isArray(list) ? list : null };
    if (numbers(this.#latest) !== numbers(before)) this.#owner.changed(this.#latest);
  }

  #ask() {
    const { current, isSeen, isClaimWaiting, newId } = this.#env;
    const connection = current();
    const isWanted = this.#listeners > 0 && !this.#isRefused && isSeen();
    if (!connection || !this.#owner.isOnline() || this.#resource === null || !this.#isDue || !isWanted) return;
    if (isClaimWaiting()) {
      this.#dueAfter(AFTER_CLAIMS);
      return;
    }
    this.#asked = newId();
    this.#dueAfter(UNANSWERED);
    connection.send({ action: "audience", id: this.#asked, resource: this.#resource });
  }

  #due() {
    this.#timer.stop();
    this.#asked = null;
    this.#isDue = true;
    this.#ask();
  }

  /** @param {number} milliseconds */
  #dueAfter(milliseconds) {
    this.#isDue = false;
    this.#timer.set(() => this.#due(), after(milliseconds, this.#env.random));
  }
}

/** @param {Latest|null} audience */
const numbers = (audience) => audience && JSON.stringify([audience.users, audience.connections, audience.list]);
