import { delay, rotation } from "./backoff.js";
import { Connection } from "./connection.js";

/** @import {Status} from "./types.js" */
/** @import {World} from "./connection.js" */

/**
 * @typedef {object} Owner
 * @property {(line: Connection) => void} opened  say hello on it
 * @property {(line: Connection, message: any, sentAt: number|undefined) => void} received
 * @property {(line: Connection) => void} ended   it is no longer `current`, whether it was or not
 * @property {() => void} resumed  the line in use rested, and works
 * @property {(status: Status) => void} changed
 */

// A line that lived this long was a good one: the next loss starts with quick attempts again.
const STEADY = 10_000;
// A shorter one was welcomed all the same, so the server has room: windows stay under 2 ** 3 = 8 s.
const FLAPPING = 3;
const WAKE_TIMEOUT = 1_000;
const NO_NETWORK = "the network is gone";

/** Keeps one welcomed connection: dials, waits with jitter, dials again, and replaces it before its two hours end. */
export class Lines {
  /** @type {Connection|null} the one in use: welcomed */
  current = null;
  /** @type {Status} */
  status = { status: "connecting", reason: "", retryAt: null };

  #world;
  #random;
  #owner;
  /** @type {Connection|null} one on its way, beside the one in use when that is being replaced */
  #fresh = null;
  #hasNetwork = true;
  #attempt = 0;
  #onlineAt = 0;
  #retryAt = 0;
  /** @type {any} the next dial, to reconnect or to rotate */
  #timer;
  #isRenewing = false;
  #uncounted = 0;

  /**
   * @param {World} world
   * @param {() => number} random
   * @param {Owner} owner
   */
  constructor(world, random, owner) {
    this.#world = world;
    this.#random = random;
    this.#owner = owner;
  }

  get isFinal() {
    return this.status.status === "stopped";
  }

  dial() {
    this.#noDial();
    if (!this.current) this.#say("connecting", this.status.reason);
    /** @type {Connection} */
    const line = new Connection(this.#world, {
      opened: () => this.#owner.opened(line),
      received: (message, sentAt) => this.#owner.received(line, message, sentAt),
      ended: ({ reason, permanent }) => this.#ended(line, reason, permanent),
    });
    this.#fresh = line;
  }

  /**
   * The line was welcomed: it is the one in use, and the one before it is closed.
   *
   * @param {Connection} line
   * @returns {boolean} whether it is new
   */
  take(line) {
    if (line === this.current) return false;
    this.current?.close();
    this.current = line;
    this.#fresh = null;
    this.#isRenewing = false;
    this.#hasNetwork = true;
    this.#onlineAt = this.#world.now();
    line.ready();
    this.#dialAfter(rotation(this.#random), "");
    if (this.status.status !== "online") this.#say("online");
    return true;
  }

  /**
   * The server said whether the line in use counts as this user's presence.
   *
   * One that does not was ended wrongly, e.g. since its node was out of reach for a while, and only a new one counts
   * again. The first is dialled within a second; if that one does not count either, the next waits as after a loss.
   *
   * @param {boolean} isCounted
   */
  counted(isCounted) {
    if (isCounted) this.#uncounted = 0;
    else if (this.current && !this.#fresh && !this.#isRenewing) {
      this.#isRenewing = true;
      this.#dialAfter(delay(this.#uncounted++, { random: this.#random }), "");
    }
  }

  /** See whether the line still works, or try again within a second. */
  wake() {
    if (this.current) this.current.check();
    else if (this.#timer !== undefined) {
      this.#dialAfter(Math.min(this.#retryAt - this.#world.now(), this.#random() * WAKE_TIMEOUT), this.status.reason);
    }
  }

  /**
   * The browser says that there is no network, or that it is back.
   *
   * Without one, the line in use rests: it may outlive a short loss, which shows when it answers again.
   *
   * @param {boolean} isThere
   */
  network(isThere) {
    this.#hasNetwork = isThere;
    if (isThere) {
      if (this.current && this.status.status === "offline") this.#say("connecting", "the network is back");
      this.wake();
    } else if (this.current) this.#say("offline", NO_NETWORK);
    else if (this.#fresh) this.#fresh.fail(NO_NETWORK);
    else this.#say("offline", NO_NETWORK, this.#retryAt);
  }

  /**
   * The line answered a ping.
   *
   * @param {Connection} line
   */
  answered(line) {
    if (line !== this.current || this.status.status === "online") return;
    this.#hasNetwork = true;
    this.#say("online");
    this.#owner.resumed();
  }

  /**
   * Why a line that is open is not in use yet.
   *
   * @param {string} reason
   */
  explain(reason) {
    if (!this.current) this.#say("connecting", reason);
  }

  /** @param {string} reason */
  stop(reason) {
    this.#noDial();
    this.current?.close();
    this.#fresh?.close();
    this.current = this.#fresh = null;
    this.#say("stopped", reason);
  }

  /**
   * @param {Connection} line
   * @param {string} cause
   * @param {boolean} isPermanent
   */
  #ended(line, cause, isPermanent) {
    const reason = this.#hasNetwork ? cause : NO_NETWORK;
    if (line === this.#fresh) this.#fresh = null;
    if (line === this.current) this.#lost();
    if (this.#fresh) this.#say("connecting", reason);
    else if (isPermanent && !this.current) this.stop(reason);
    else this.#dialAfter(delay(this.#attempt++, { random: this.#random }), reason);
    this.#owner.ended(line);
  }

  #lost() {
    this.current = null;
    this.#isRenewing = false;
    this.#attempt = this.#world.now() - this.#onlineAt >= STEADY ? 0 : Math.min(this.#attempt, FLAPPING);
  }

  /**
   * @param {number} milliseconds
   * @param {string} reason
   */
  #dialAfter(milliseconds, reason) {
    this.#noDial();
    this.#timer = this.#world.timers.setTimeout(() => this.dial(), milliseconds);
    this.#retryAt = this.#world.now() + milliseconds;
    if (!this.current) this.#say("offline", reason, this.#retryAt);
  }

  #noDial() {
    this.#world.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * @param {Status["status"]} status
   * @param {string} [reason]
   * @param {number|null} [retryAt]
   */
  #say(status, reason = "", retryAt = null) {
    this.status = { status, reason, retryAt };
    this.#owner.changed(this.status);
  }
}
