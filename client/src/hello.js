import { THROTTLED, after, delay } from "./backoff.js";
import { ANSWER_TIMEOUT } from "./connection.js";

/** @import {Connection} from "./connection.js" */
/** @import {Env} from "./env.js" */

// In milliseconds. Replies and pushes overtake each other by a little; asking at once would ask for what is on its way.
const GAP = { base: 400, cap: 30_000 };
// A hello on a connection in use lets a claim go first; after so many pauses the claim is not what keeps the server busy.
const MAX_YIELDS = 5;
// A broadcast that was not pushed in time is missing on all clients at once: 150,000 hellos need half a minute.
const BROADCAST_GAP = { base: 30_000, cap: 300_000 };

/**
 * When to say hello: on each new connection, and again when something is missing. One hello at a time waits for its
 * welcome; it is sent again if none arrives.
 */
export class Hello {
  #env;
  #words;
  /** @type {{connection: Connection, id: string}|null} the hello that has no answer yet */
  #pending = null;
  /** The next hello: because of a gap in the user's stream, or because this one got no answer. */
  #timer;
  #gaps = 0;
  /** How often in a row the server did not accept it, because the user sent too much. */
  #refusals = 0;
  /** The next hello because of a missing broadcast. */
  #broadcastTimer;
  #broadcastGaps = 0;

  /**
   * @param {Env} env
   * @param {(connection: Connection) => object} words  how far the client has followed its streams, and whether the user sees
   *   it: the members of a hello beside its id
   */
  constructor(env, words) {
    this.#env = env;
    this.#words = words;
    this.#timer = env.timer();
    this.#broadcastTimer = env.timer();
  }

  /** @param {Connection} connection */
  say(connection) {
    this.#pending = { connection, id: this.#send(connection) };
    this.#sayAfter(ANSWER_TIMEOUT, connection);
  }

  /**
   * Ask once for what may have changed. No answer is missed: while the server is busy or down, nothing depends on it.
   *
   * @param {Connection} connection
   */
  ask(connection) {
    if (!this.#pending && !this.#env.isClaimWaiting()) this.#send(connection);
  }

  /** @param {string} re  the id that an answer names */
  isPending(re) {
    return re === this.#pending?.id;
  }

  /** @param {Connection} connection */
  isPendingOn(connection) {
    return connection === this.#pending?.connection;
  }

  /** The welcome arrived, or the hello is not worth waiting for. */
  answered() {
    this.#refusals = 0;
    this.#forget();
  }

  /**
   * @param {Connection|null} connection  null leaves it to the first hello of the next connection
   * @param {{isThrottled?: boolean, atLeast?: number}} [options]  atLeast: the server said so, in milliseconds
   */
  repeat(connection, { isThrottled = false, atLeast = 0 } = {}) {
    this.#forget();
    const windows = isThrottled ? THROTTLED : GAP;
    if (connection) this.#sayAfter(atLeast + delay(this.#gaps++, { ...windows, random: this.#env.random }), connection);
  }

  /**
   * @param {Connection} connection
   * @param {number} [milliseconds]  until the server accepts a hello again
   */
  repeatAfter(connection, milliseconds = GAP.cap) {
    const { random, connections } = this.#env;
    this.#forget();
    this.#sayAfter(after(milliseconds, random, { refusals: this.#refusals++, connections: connections() }), connection);
  }

  /**
   * @param {Connection} connection
   * @param {boolean} isBehind  events of the user's stream are missing
   */
  ended(connection, isBehind) {
    if (this.#pending && !this.isPendingOn(connection)) return;
    this.repeat(isBehind ? this.#env.current() : null);
  }

  /** @param {boolean} isBehind  events of the user's stream are missing */
  streamChanged(isBehind) {
    if (!isBehind) this.#gaps = 0;
    else if (!this.#timer.isSet) this.repeat(this.#env.current());
  }

  /** @param {boolean} isBehind  a broadcast is missing */
  broadcastsChanged(isBehind) {
    if (!isBehind) {
      this.#broadcastGaps = 0;
      this.#broadcastTimer.stop();
    } else if (!this.#broadcastTimer.isSet && this.#env.current()) this.#askForBroadcastsLater();
  }

  stop() {
    this.#timer.stop();
    this.#broadcastTimer.stop();
  }

  /**
   * @param {Connection} connection
   * @returns {string} the id
   */
  #send(connection) {
    const id = this.#env.newId();
    connection.send({ action: "hello", id, ...this.#words(connection) });
    return id;
  }

  #forget() {
    this.#pending = null;
    this.#timer.stop();
  }

  #askForBroadcastsLater() {
    const { random, current } = this.#env;
    this.#broadcastTimer.set(() => {
      const connection = current();
      // A pending hello asks for it too, and so does the first one of the next connection.
      if (connection && !this.#pending) this.#sayAfterClaims(connection);
    }, delay(this.#broadcastGaps++, { ...BROADCAST_GAP, random }));
  }

  /**
   * @param {number} milliseconds
   * @param {Connection} connection
   */
  #sayAfter(milliseconds, connection) {
    this.#timer.set(() => this.#sayAfterClaims(connection), milliseconds);
  }

  /** @param {Connection} connection */
  #sayAfterClaims(connection) {
    const { current, isClaimWaiting } = this.#env;
    const yields = connection === current() && isClaimWaiting() && this.#gaps < MAX_YIELDS;
    if (yields) this.repeat(connection);
    else this.say(connection);
  }
}
