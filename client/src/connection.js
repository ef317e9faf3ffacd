/** @import {Ticket, Timers} from "./types.js" */

/**
 * What a connection reports. `ended` is called exactly once, unless the owner closed the connection.
 *
 * @typedef {object} Owner
 * @property {() => void} opened
 * @property {(message: any, sentAt: number|undefined) => void} received  sentAt: local time of the request it answers
 * @property {(end: {reason: string, permanent: boolean}) => void} ended
 *
 * @typedef {object} Env  what a connection needs from its surroundings
 * @property {() => Promise<Ticket>} ticket
 * @property {new (url: string) => WebSocket} WebSocket
 * @property {() => number} now
 * @property {Timers} timers
 */

// In milliseconds, as all times here. API Gateway closes a connection that was idle for ten minutes; only messages count,
// not the protocol's pings.
const PING_EVERY = 4 * 60_000;
const PONG_TIMEOUT = 10_000;
// From the ticket to the welcome.
const READY_TIMEOUT = 30_000;

/** A request without an answer by then gets none: the gateway gives a function at most 29 s. In milliseconds. */
export const ANSWER_TIMEOUT = 30_000;

/** One attempt to connect to the server: from its ticket to its close. */
export class Connection {
  #env;
  #owner;
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {Map<string, number>} when each unanswered message was sent; NaN: more than once */
  #sent = new Map();
  /** @type {any} */
  #deadline;
  /** @type {any} */
  #pinging;
  #isReady = false;
  #isDone = false;

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
    this.#expectWithin(READY_TIMEOUT, "the server did not answer");
    this.#open();
  }

  /** The welcome arrived: from now on the connection ends only if it closes or if a ping gets no answer. */
  ready() {
    this.#isReady = true;
    this.#expectNothing();
  }

  /** @param {{action: string, id?: string, [key: string]: any}} message */
  send(message) {
    if (this.#isDone) return;
    const key = message.id ?? message.action;
    // A repeated message has two possible answers, so its round trip says nothing (Karn's algorithm).
    this.#sent.set(key, this.#sent.has(key) ? NaN : this.#env.now());
    this.#socket?.send(JSON.stringify(message));
    this.#env.timers.clearTimeout(this.#pinging);
    this.#pinging = this.#env.timers.setTimeout(() => this.check(), PING_EVERY);
  }

  /** Send a ping. Without an answer within ten seconds the connection ends. */
  check() {
    if (!this.#isReady || this.#deadline !== undefined) return;
    this.#expectWithin(PONG_TIMEOUT, "the connection timed out");
    this.send({ action: "ping" });
  }

  /**
   * End the connection, and report that to the owner.
   *
   * @param {string} reason
   */
  fail(reason) {
    this.#end(reason, false);
  }

  /** Close the connection, and report nothing any more. */
  close() {
    this.#isDone = true;
    this.#expectNothing();
    this.#env.timers.clearTimeout(this.#pinging);
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  async #open() {
    try {
      // Each attempt has its own ticket: one opens one connection only, and a refused handshake may have used it up.
      const { url, ticket } = await this.#env.ticket();
      if (this.#isDone) return;
      this.#listen(new this.#env.WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`));
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error), isPermanent(error));
    }
  }

  /** @param {WebSocket} socket */
  #listen(socket) {
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      this.#owner.opened();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    // A browser hides the status of a refused handshake: a used ticket (401), too many connections of one user (429) and
    // a missing database (503) look the same here, and each of them may pass.
    socket.onclose = ({ code, reason }) =>
      this.#end(wasOpen ? reason || `the connection closed (${code})` : "the server refused the connection", false);
  }

  /** @param {string} text */
  #receive(text) {
    if (this.#isReady) this.#expectNothing();
    const message = parse(text);
    if (message === null) return;
    const key = message.re ?? (message.type === "pong" ? "ping" : undefined);
    const sentAt = this.#sent.get(key);
    this.#sent.delete(key);
    this.#owner.received(message, sentAt);
  }

  /**
   * @param {string} reason
   * @param {boolean} permanent
   */
  #end(reason, permanent) {
    if (this.#isDone) return;
    this.close();
    this.#owner.ended({ reason, permanent });
  }

  /**
   * @param {number} milliseconds
   * @param {string} reason
   */
  #expectWithin(milliseconds, reason) {
    this.#deadline = this.#env.timers.setTimeout(() => this.#end(reason, false), milliseconds);
  }

  #expectNothing() {
    this.#env.timers.clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }
}

/**
 * A 4xx of the ticket endpoint does not go away by asking again: not signed in, not allowed, wrong address.
 *
 * @param {any} error  `status` is an HTTP status; `permanent` decides for errors that have none
 */
const isPermanent = (error) =>
  error?.permanent ?? (error?.status >= 400 && error.status < 500 && ![408, 425, 429].includes(error.status));

/** @param {string} text  empty when a function answered without a body */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
