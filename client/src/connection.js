import { UNTOLD } from "./limits.js";

/** @import {Status, Ticket, Timers} from "./types.js" */

/**
 * For programs, and for people.
 *
 * @typedef {Pick<Status, "code"|"reason">} Why
 *
 * How a connection ended.
 *
 * @typedef {object} End
 * @property {Why} why
 * @property {boolean} [isPermanent]  the next attempt would end the same way
 * @property {boolean} [isOwn]        other clients keep their connections
 * @property {boolean} [isTold]       the server told when to connect again
 * @property {number} [retryAfter]    no attempt before that, in milliseconds
 *
 * What a connection reports. `ended` is called exactly once, unless the owner closed the connection.
 *
 * @typedef {object} Owner
 * @property {() => void} opened
 * @property {(message: any, sentAt: number|undefined) => void} received  sentAt: local time of the request it answers
 * @property {(end: End) => void} ended
 *
 * @typedef {object} Env  what a connection needs from its surroundings
 * @property {() => Promise<Ticket>} ticket
 * @property {new (url: string) => WebSocket} WebSocket
 * @property {() => number} now
 * @property {Timers} timers
 */

// In milliseconds, as all times here.
const PONG_TIMEOUT = 10_000;
// From the ticket to the welcome.
const READY_TIMEOUT = 30_000;

/** A request without an answer by then gets none: the gateway gives a function at most 29 s. In milliseconds. */
export const ANSWER_TIMEOUT = 30_000;

// Close codes. The server counts a connection that timed out as lost, and waits for its client as for all that are lost.
const LEFT = 1000;
const TIMED_OUT = 4000;

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
  #pingEvery = UNTOLD.pingEvery;
  #isOpen = false;
  #isReady = false;
  #isDone = false;

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
    this.#expectWithin(READY_TIMEOUT, { code: "lost", reason: "the server did not answer" });
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
    this.#pingLater();
  }

  /**
   * Send a ping whenever nothing was sent for so long.
   *
   * @param {number} milliseconds
   */
  pingEvery(milliseconds) {
    if (milliseconds === this.#pingEvery || this.#isDone) return;
    this.#pingEvery = milliseconds;
    this.#pingLater();
  }

  /** How many messages have no answer yet. One that the gateway refused counts until its id is answered. */
  get unanswered() {
    return this.#sent.size;
  }

  /** Send a ping. Without an answer within ten seconds the connection ends. */
  check() {
    if (!this.#isReady || this.#deadline !== undefined) return;
    this.#expectWithin(PONG_TIMEOUT, { code: "lost", reason: "the connection timed out" });
    this.send({ action: "ping" });
  }

  /**
   * End the connection, and report that to the owner.
   *
   * @param {Why} why
   * @param {Partial<End>} [more]
   */
  fail(why, more) {
    this.#end({ why, ...more });
  }

  /** Close the connection, and report nothing any more. */
  close(code = LEFT) {
    this.#isDone = true;
    this.#expectNothing();
    this.#env.timers.clearTimeout(this.#pinging);
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(code);
  }

  async #open() {
    try {
      // Each attempt has its own ticket: one opens one connection only, and a refused handshake may have used it up.
      const { url, ticket } = await this.#env.ticket();
      if (this.#isDone) return;
      this.#listen(new this.#env.WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`));
    } catch (error) {
      this.#end(refusal(error));
    }
  }

  /** @param {WebSocket} socket */
  #listen(socket) {
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      this.#owner.opened();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    // A browser hides the status of a refused handshake: a used ticket (401), too many connections of one user (429) and
    // a missing database (503) look the same here, and each of them may pass.
    socket.onclose = ({ code, reason }) => this.#end(this.#isOpen ? closing(code, reason) : REFUSED);
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

  #pingLater() {
    this.#env.timers.clearTimeout(this.#pinging);
    this.#pinging = this.#env.timers.setTimeout(() => this.check(), this.#pingEvery);
  }

  /**
   * @param {End} end
   * @param {number} [code]
   */
  #end(end, code) {
    if (this.#isDone) return;
    this.close(code);
    this.#owner.ended(end);
  }

  /**
   * @param {number} milliseconds
   * @param {Why} why  the connection ends then
   */
  #expectWithin(milliseconds, why) {
    const end = () => this.#end({ why }, this.#isOpen ? TIMED_OUT : LEFT);
    this.#deadline = this.#env.timers.setTimeout(end, milliseconds);
  }

  #expectNothing() {
    this.#env.timers.clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }
}

/** @type {End} */
const REFUSED = { why: { code: "refused", reason: "the server refused the connection" } };
// API Gateway's, after two hours or ten idle minutes; and a server's that restarts.
const GOING_AWAY = [1001, 1012];

/**
 * Why an open connection was closed. API Gateway closes with 1000 when the backend closes this one, e.g. to kick its user.
 *
 * @param {number} code
 * @param {string} reason
 * @returns {End}
 */
const closing = (code, reason) => ({
  why: { code: GOING_AWAY.includes(code) ? "going_away" : "lost", reason: reason || `the connection closed (${code})` },
  isOwn: code === 1000,
});

/**
 * Why there is no ticket. A 4xx of the ticket endpoint does not go away by asking again: not signed in, not allowed, wrong
 * address.
 *
 * @param {any} error  `status` is an HTTP status; `permanent` decides for errors that have none
 * @returns {End}
 */
const refusal = (error) => ({
  why: { code: "refused", reason: error instanceof Error ? error.message : String(error) },
  isPermanent: error?.permanent ?? (error?.status >= 400 && error.status < 500 && ![408, 425, 429].includes(error.status)),
  retryAfter: error?.retryAfter > 0 ? error.retryAfter : undefined,
});

/** @param {string} text  empty when a function answered without a body */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
