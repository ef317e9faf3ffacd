import { THROTTLED, after, delay } from "./backoff.js";
import { ANSWER_TIMEOUT } from "./connection.js";

/** @import {Connection} from "./connection.js" */
/** @import {Env} from "./env.js" */

/**
 * What a connection was told.
 *
 * @typedef {object} Told
 * @property {boolean} visible
 * @property {number} change     numbers the states that were told on this connection
 * @property {boolean} isKnown   the server answered that it has it
 * @property {boolean} [isOlder]   the server does not know what visibility is
 *
 * @typedef {object} Owner
 * @property {() => boolean} isSeen  whether the user can see this page, or that of a tab that uses its connection
 * @property {() => void} uncounted  the server does not count `current`
 */

// In milliseconds. Changes within it are told together, so that a page that flickers sends few messages.
const PAUSE = 1_000;
const RETRY = { base: 1_000, cap: 30_000 };

/**
 * Tells the server whether the user can see the page: with each hello, and at each change until it is answered. The first
 * change is told at once, those of the second after it together: the last state is never lost.
 */
export class Visibility {
  #env;
  #owner;
  /** @type {WeakMap<Connection, Told>} */
  #told = new WeakMap();
  /** @type {{id: string, connection: Connection}|null} the message that has no answer yet */
  #sent = null;
  /** Whether it was refused: then no other goes before it is sent again. */
  #isRefused = false;
  /** Set for a while after a message. */
  #pause;
  /** When to send the message again. */
  #retry;
  #attempt = 0;

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
    this.#pause = env.timer();
    this.#retry = env.timer();
  }

  /**
   * What a hello says on a connection.
   *
   * @param {Connection} connection
   */
  words(connection) {
    const visible = this.#owner.isSeen();
    const told = this.#told.get(connection);
    const change = told?.visible === visible ? told.change : (told?.change ?? 0) + 1;
    if (change !== told?.change) this.#told.set(connection, { visible, change, isKnown: false });
    return { visible, change };
  }

  /**
   * The server answered a hello.
   *
   * @param {Connection} connection
   */
  welcomed(connection) {
    const told = this.#told.get(connection);
    // The hello may have said less than a message that is on its way.
    if (told && this.#sent?.connection !== connection) told.isKnown = true;
    this.changed(false);
  }

  /**
   * The user can see the page now, or no longer.
   *
   * @param {boolean} isUrgent  the page runs no timers from now on
   */
  changed(isUrgent) {
    const connection = this.#env.current();
    const told = connection && this.#told.get(connection);
    // Before its hello a connection was told nothing.
    if (!connection || !told || told.isOlder || this.#isRefused || (this.#pause.isSet && !isUrgent)) return;
    const isNew = told.visible !== this.#owner.isSeen();
    if (isNew || (!told.isKnown && this.#sent?.connection !== connection)) this.#send(connection, isNew);
  }

  /**
   * Take an answer, or an error that names its request. Returns whether it is one of these.
   *
   * @param {{type: string, re: string|null, code?: string, retry_after_ms?: number}} message
   */
  answered({ type, re, code, retry_after_ms }) {
    if (!this.#sent || re !== this.#sent.id) return false;
    const { connection } = this.#sent;
    if (code === "slow_down") this.#refused(after(retry_after_ms ?? RETRY.cap, this.#env.random, { refusals: this.#attempt++ }));
    else if (code === "unavailable") this.#refused((retry_after_ms ?? 0) + this.#delay(RETRY));
    else {
      this.#forget();
      const told = this.#told.get(connection);
      if (told) told.isKnown = true;
      if (code === "not_connected") this.#owner.uncounted();
      else if (told && type === "error") told.isOlder = true;
    }
    return true;
  }

  /**
   * The gateway failed to handle a message and does not tell which.
   *
   * @param {Connection} connection
   * @param {boolean} isThrottled
   */
  failed(connection, isThrottled) {
    if (this.#sent?.connection === connection) this.#refused(this.#delay(isThrottled ? THROTTLED : RETRY));
  }

  stop() {
    this.#forget();
    this.#pause.stop();
  }

  /**
   * @param {Connection} connection
   * @param {boolean} isNew
   */
  #send(connection, isNew) {
    if (isNew) this.#attempt = 0;
    const words = this.words(connection);
    const id = this.#env.newId();
    this.#sendAgainAfter(ANSWER_TIMEOUT);
    this.#sent = { id, connection };
    this.#pause.set(() => this.changed(false), PAUSE);
    connection.send({ action: "visibility", id, ...words });
  }

  /** @param {{base: number, cap: number}} windows */
  #delay(windows) {
    return delay(this.#attempt++, { ...windows, random: this.#env.random });
  }

  /** @param {number} milliseconds  until the server may take it */
  #refused(milliseconds) {
    this.#isRefused = true;
    this.#sendAgainAfter(milliseconds);
  }

  /** @param {number} milliseconds */
  #sendAgainAfter(milliseconds) {
    this.#retry.set(() => {
      this.#forget();
      this.changed(false);
    }, milliseconds);
  }

  #forget() {
    this.#sent = null;
    this.#isRefused = false;
    this.#retry.stop();
  }
}
