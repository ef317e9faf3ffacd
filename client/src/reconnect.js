import { after, delay, rotation } from "./backoff.js";
import { Connection } from "./connection.js";

/** @import {Status} from "./types.js" */
/** @import {Env} from "./connection.js" */

/**
 * @typedef {object} Owner
 * @property {(connection: Connection) => void} opened  say hello on it
 * @property {(connection: Connection, message: any, sentAt: number|undefined) => void} received
 * @property {(connection: Connection) => void} ended   it is not `current`, or not any more
 * @property {() => void} resumed  `current` was paused, and works again
 * @property {(status: Status) => void} changed
 */

// In milliseconds. After a connection that lived this long, the next loss starts with quick attempts again.
const STEADY = 10_000;
// A shorter one was welcomed all the same, so the server has room: windows stay under 2 ** 3 = 8 s.
const MAX_FLAPPING_ATTEMPT = 3;
const WAKE_TIMEOUT = 1_000;
const NO_NETWORK = "this device is offline";

/** Keeps one welcomed connection: connects, waits with jitter, connects again, and replaces it before its two hours end. */
export class Reconnector {
  /** @type {Connection|null} the connection in use: welcomed */
  current = null;
  /** @type {Status} */
  status = { status: "connecting", reason: "", retryAt: null };

  #env;
  #random;
  #owner;
  /** @type {Connection|null} a connection being opened; beside `current` when that is being replaced */
  #fresh = null;
  #hasNetwork = true;
  #attempt = 0;
  #onlineAt = 0;
  #retryAt = 0;
  /** No attempt before this moment: the server refuses this user. */
  #refusedUntil = 0;
  /** @type {any} the next attempt, to reconnect or to rotate */
  #timer;
  #isReplacing = false;
  #uncounted = 0;

  /**
   * @param {Env} env
   * @param {() => number} random
   * @param {Owner} owner
   */
  constructor(env, random, owner) {
    this.#env = env;
    this.#random = random;
    this.#owner = owner;
  }

  get isFinal() {
    return this.status.status === "stopped";
  }

  connect() {
    this.#cancelAttempt();
    if (!this.current) this.#setStatus("connecting", this.status.reason);
    /** @type {Connection} */
    const connection = new Connection(this.#env, {
      opened: () => this.#owner.opened(connection),
      received: (message, sentAt) => this.#owner.received(connection, message, sentAt),
      ended: ({ reason, permanent }) => this.#ended(connection, reason, permanent),
    });
    this.#fresh = connection;
  }

  /**
   * Use a connection that was welcomed, and close the one before it.
   *
   * @param {Connection} connection
   * @returns {boolean} whether it is new
   */
  use(connection) {
    if (connection === this.current) return false;
    this.current?.close();
    this.current = connection;
    this.#fresh = null;
    this.#isReplacing = false;
    this.#hasNetwork = true;
    this.#onlineAt = this.#env.now();
    connection.ready();
    this.#connectAfter(rotation(this.#random), "");
    if (this.status.status !== "online") this.#setStatus("online");
    return true;
  }

  /**
   * The server reported whether `current` counts as this user's presence.
   *
   * If not, the server ended it by mistake, e.g. because its node was unreachable for a while, and only a new connection
   * counts again. The first replacement starts within a second. If that does not count either, the next one waits as
   * after a loss.
   *
   * @param {boolean} isCounted
   */
  counted(isCounted) {
    if (isCounted) this.#uncounted = 0;
    else if (this.current && !this.#fresh && !this.#isReplacing) {
      this.#isReplacing = true;
      this.#connectAfter(delay(this.#uncounted++, { random: this.#random }), "");
    }
  }

  /**
   * The server refuses this user's messages and handshakes for a while.
   *
   * @param {Connection} connection  where it said so: the server closes it
   * @param {number} milliseconds
   */
  refused(connection, milliseconds) {
    this.#refusedUntil = this.#env.now() + after(milliseconds, this.#random);
    connection.fail("refused for a while: this user sent too many messages");
  }

  /** Check that `current` still works, or try again within a second. */
  wake() {
    if (this.current) this.current.check();
    else if (this.#timer !== undefined) {
      this.#connectAfter(Math.min(this.#retryAt - this.#env.now(), this.#random() * WAKE_TIMEOUT), this.status.reason);
    }
  }

  /**
   * The browser reports that the network is gone, or that it is back.
   *
   * Without a network, `current` is paused: it may survive a short loss, and is in use again once it answers.
   *
   * @param {boolean} isThere
   */
  network(isThere) {
    this.#hasNetwork = isThere;
    if (isThere) {
      if (this.current && this.status.status === "offline") this.#setStatus("connecting", "this device is online again");
      this.wake();
    } else if (this.current) this.#setStatus("offline", NO_NETWORK);
    else if (this.#fresh) this.#fresh.fail(NO_NETWORK);
    else this.#setStatus("offline", NO_NETWORK, this.#retryAt);
  }

  /**
   * The connection answered a ping.
   *
   * @param {Connection} connection
   */
  answered(connection) {
    if (connection !== this.current || this.status.status === "online") return;
    this.#hasNetwork = true;
    this.#setStatus("online");
    this.#owner.resumed();
  }

  /**
   * Report why an open connection is not in use yet.
   *
   * @param {string} reason
   */
  explain(reason) {
    if (!this.current) this.#setStatus("connecting", reason);
  }

  /** @param {string} reason */
  stop(reason) {
    this.#cancelAttempt();
    this.current?.close();
    this.#fresh?.close();
    this.current = this.#fresh = null;
    this.#setStatus("stopped", reason);
  }

  /**
   * @param {Connection} connection
   * @param {string} cause
   * @param {boolean} isPermanent
   */
  #ended(connection, cause, isPermanent) {
    const reason = this.#hasNetwork ? cause : NO_NETWORK;
    if (connection === this.#fresh) this.#fresh = null;
    if (connection === this.current) this.#lost();
    if (this.#fresh) this.#setStatus("connecting", reason);
    else if (isPermanent && !this.current) this.stop(reason);
    else this.#connectAfter(delay(this.#attempt++, { random: this.#random }), reason);
    this.#owner.ended(connection);
  }

  #lost() {
    this.current = null;
    this.#isReplacing = false;
    const isSteady = this.#env.now() - this.#onlineAt >= STEADY;
    this.#attempt = isSteady ? 0 : Math.min(this.#attempt, MAX_FLAPPING_ATTEMPT);
  }

  /**
   * @param {number} milliseconds
   * @param {string} reason
   */
  #connectAfter(milliseconds, reason) {
    this.#cancelAttempt();
    const wait = Math.max(milliseconds, this.#refusedUntil - this.#env.now());
    this.#timer = this.#env.timers.setTimeout(() => this.connect(), wait);
    this.#retryAt = this.#env.now() + wait;
    if (!this.current) this.#setStatus("offline", reason, this.#retryAt);
  }

  #cancelAttempt() {
    this.#env.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * @param {Status["status"]} status
   * @param {string} [reason]
   * @param {number|null} [retryAt]
   */
  #setStatus(status, reason = "", retryAt = null) {
    this.status = { status, reason, retryAt };
    this.#owner.changed(this.status);
  }
}
