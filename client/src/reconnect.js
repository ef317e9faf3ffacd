import { delay, rotation } from "./backoff.js";
import { COMES_BACK, Connection } from "./connection.js";
import { Interruptions } from "./interruptions.js";
import { UNTOLD } from "./limits.js";
import { Schedule } from "./schedule.js";

/** @import {End, Why} from "./connection.js" */
/** @import {Env} from "./env.js" */
/** @import {Limits} from "./limits.js" */
/** @import {Status} from "./types.js" */

/**
 * @typedef {object} Owner
 * @property {(connection: Connection) => void} opened  say hello on it
 * @property {(connection: Connection, message: any, sentAt: number|undefined) => void} received
 * @property {(connection: Connection) => void} ended   it is not `current`, or not any more
 * @property {(connection: Connection) => void} refresh  say hello on it once, for what may have changed
 * @property {() => void} resumed  `current` was paused, and works again
 * @property {(status: Status) => void} changed
 */

// In milliseconds. The window told grows with the users who arrive, so ask again at this age of a connection, and whenever
// the age has doubled.
const REFRESH_AFTER = 4 * 60_000;
/** @type {Why} */
const NOTHING = { code: null, reason: "" };
/** @type {Why} */
const NO_NETWORK = { code: "no_network", reason: "this device is offline" };
/** @type {Why} */
const LEFT = { code: "left", reason: "this page was left" };

/** Keeps one welcomed connection: connects, waits as the schedule says, connects again, and replaces it in time. */
export class Reconnector {
  /** @type {Connection|null} the connection in use: welcomed */
  current = null;
  /** @type {Status} */
  status = { status: "connecting", reason: "", code: null, retryAt: null };

  #env;
  #owner;
  /** @type {Connection|null} a connection being opened; beside `current` when that is being replaced */
  #fresh = null;
  #hasNetwork = true;
  #schedule;
  #interruptions;
  #limits = UNTOLD;
  /** The next attempt, to reconnect or to rotate. */
  #timer;
  /** The next refresh of `current`. */
  #refreshing;
  #isReplacing = false;
  #uncounted = 0;
  /** @type {Why|null} why the server is about to close `current` */
  #told = null;

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
    this.#schedule = new Schedule(env.random);
    this.#interruptions = new Interruptions(env, () => this.current?.check());
    this.#timer = env.timer();
    this.#refreshing = env.timer();
  }

  get isFinal() {
    return this.status.status === "stopped";
  }

  connect() {
    this.#timer.stop();
    if (!this.current) this.#setStatus("connecting", this.status);
    /** @type {Connection} */
    const connection = new Connection(this.#env, {
      opened: () => this.#owner.opened(connection),
      received: (message, sentAt) => {
        this.#proved(connection);
        this.#owner.received(connection, message, sentAt);
      },
      ended: (end) => this.#ended(connection, end),
    });
    this.#fresh = connection;
  }

  /**
   * Connect beside `current`, because another tab has, or had, the line.
   *
   * @param {boolean} isThere  the line is there; otherwise connect only if this client has, or tries to get, a connection
   */
  renew(isThere) {
    if (this.isFinal || !(isThere || this.current || this.#fresh)) return;
    this.#fresh?.close(COMES_BACK);
    this.connect();
  }

  /**
   * The server told its limits, in a welcome on this connection.
   *
   * @param {Connection} connection
   * @param {Limits} limits
   */
  tell(connection, limits) {
    this.#limits = limits;
    this.#schedule.tell(limits.reconnectWithin);
    connection.pingEvery(limits.pingEvery);
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
    this.#schedule.welcomed(this.#env.now());
    this.#interruptions.start();
    this.#refreshing.stop();
    // An older server has told no window, and tells none later.
    if (this.#limits.reconnectWithin !== null) this.#refreshLater(connection, REFRESH_AFTER);
    connection.ready();
    this.#connectAt(this.#env.now() + rotation(this.#env.random, this.#limits.rotateWithin));
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
      this.#connectAt(this.#env.now() + delay(this.#uncounted++, { random: this.#env.random }));
    }
  }

  /**
   * The server is about to close the connection, and told when to come again and why.
   *
   * @param {number} milliseconds
   * @param {Why} why
   */
  closing(milliseconds, why) {
    this.#told = why;
    this.#schedule.close(this.#env.now(), milliseconds);
  }

  /**
   * The server refuses this user for a while. Close the connection, and come again then.
   *
   * @param {Connection} connection
   * @param {number} milliseconds
   * @param {Why} why
   */
  dismissed(connection, milliseconds, why) {
    this.closing(milliseconds, why);
    connection.fail(why, { isTold: true });
  }

  /** Check that `current` still works, or try earlier: at any moment of what is left of the window. */
  wake() {
    if (this.current) this.current.check();
    else if (this.#timer.isSet) {
      this.#connectAt(this.#schedule.hasten(this.#env.now()), this.status);
    }
  }

  /**
   * Connect again at once, and use no connection before it.
   *
   * @param {Why} why
   */
  restart(why) {
    this.#closeAll();
    this.#setStatus("connecting", why);
    this.connect();
  }

  /** The page is left, and its user with it, even if the browser stores it to show it again. */
  left() {
    this.#closeAll();
    this.#setStatus("offline", LEFT);
  }

  /** The page was stored and is shown again. If it had a connection, that did not survive. */
  restored() {
    this.#interruptions.ended();
    if (this.current) this.current.check();
    else if (!this.#fresh) this.#connectNext(true, this.status);
  }

  /** The page is hidden now. */
  hidden() {
    this.#interruptions.hidden();
  }

  /**
   * The browser reports that the network is gone, or that it is back.
   *
   * It may be wrong. Without a network, `current` is paused: it may survive a short loss, and is in use again once it answers.
   *
   * @param {boolean} isThere
   */
  network(isThere) {
    if (isThere && !this.#hasNetwork) this.#interruptions.ended();
    this.#hasNetwork = isThere;
    if (isThere) {
      if (this.current && this.status.status === "offline") {
        this.#setStatus("connecting", { code: null, reason: "this device is online again" });
      }
      this.wake();
    } else if (this.current) {
      this.#setStatus("offline", NO_NETWORK);
      this.current.knock();
    } else if (this.#fresh) this.#fresh.fail(NO_NETWORK);
    else this.#setStatus("offline", NO_NETWORK, this.#schedule.at);
  }

  /**
   * Report why an open connection is not in use yet.
   *
   * @param {Why} why
   */
  explain(why) {
    if (!this.current) this.#setStatus("connecting", why);
  }

  /** @param {Why} why */
  stop(why) {
    this.#timer.stop();
    this.#interruptions.stop();
    this.#refreshing.stop();
    this.current?.close();
    this.#fresh?.close();
    this.current = this.#fresh = null;
    this.#setStatus("stopped", why);
  }

  /**
   * A frame arrived, so the line works.
   *
   * @param {Connection} connection
   */
  #proved(connection) {
    if (connection !== this.current || this.status.status === "online") return;
    this.#hasNetwork = true;
    this.#setStatus("online");
    this.#owner.resumed();
  }

  /**
   * @param {Connection} connection
   * @param {End} end
   */
  #ended(connection, { isPermanent, isTold, retryAfter, ...end }) {
    const now = this.#env.now();
    const isOwn = end.isOwn || !this.#hasNetwork || this.#interruptions.endedRecently();
    const why = this.#hasNetwork ? (this.#told ?? end.why) : NO_NETWORK;
    this.#told = null;
    if (connection === this.#fresh) this.#fresh = null;
    if (connection === this.current) this.#lost(now);
    if (retryAfter !== undefined) this.#schedule.close(now, retryAfter);
    if (this.#fresh) this.#setStatus("connecting", why);
    // A kicked user gets no ticket: what the operator told them says more than that.
    else if (isPermanent && !this.current) this.stop(this.status.code === "kicked" ? this.status : why);
    else if (isTold) this.#connectAt(this.#schedule.asTold(now), why);
    else this.#connectNext(isOwn, why);
    this.#owner.ended(connection);
  }

  /**
   * @param {boolean} isOwn
   * @param {Why} why
   */
  #connectNext(isOwn, why) {
    this.#connectAt(this.#schedule.next(this.#env.now(), isOwn), why);
  }

  #closeAll() {
    this.#timer.stop();
    for (const connection of [this.current, this.#fresh]) {
      connection?.close();
      if (connection) this.#owner.ended(connection);
    }
    if (this.current) this.#lost(this.#env.now());
    this.#fresh = null;
  }

  /** @param {number} now */
  #lost(now) {
    this.current = null;
    this.#isReplacing = false;
    this.#interruptions.stop();
    this.#refreshing.stop();
    this.#schedule.lost(now);
  }

  /**
   * @param {Connection} connection
   * @param {number} milliseconds
   * @param {number} [age]  of the connection
   */
  #refreshLater(connection, milliseconds, age = 0) {
    this.#refreshing.set(() => {
      const reached = age + milliseconds;
      this.#refreshLater(connection, reached, reached);
      connection.check();
      this.#owner.refresh(connection);
    }, milliseconds);
  }

  /**
   * @param {number} at
   * @param {Why} [why]
   */
  #connectAt(at, why) {
    this.#timer.set(() => this.connect(), at - this.#env.now());
    if (!this.current) this.#setStatus("offline", why, at);
  }

  /**
   * @param {Status["status"]} status
   * @param {Why} [why]
   * @param {number|null} [retryAt]
   */
  #setStatus(status, { code, reason } = NOTHING, retryAt = null) {
    const wall = retryAt === null ? null : this.#env.wall() + retryAt - this.#env.now();
    this.status = { status, reason, code, retryAt: wall };
    this.#owner.changed(this.status);
  }
}
