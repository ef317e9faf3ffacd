/** @import {Ticket, Timers} from "./types.js" */

/**
 * What a connection tells its owner. `ended` comes exactly once, unless the owner closed it.
 *
 * @typedef {object} Owner
 * @property {() => void} opened
 * @property {(message: any, sentAt: number|undefined) => void} received  sentAt: local time of what this answers
 * @property {(end: {reason: string, permanent: boolean}) => void} ended
 *
 * @typedef {object} World
 * @property {() => Promise<Ticket>} ticket
 * @property {new (url: string) => WebSocket} WebSocket
 * @property {() => number} now
 * @property {Timers} timers
 */

// API Gateway closes a connection that was idle for ten minutes; only messages count, not the protocol's pings.
const PING_EVERY = 4 * 60_000;
const PONG_TIMEOUT = 10_000;
// From the ticket to the welcome: the gateway itself gives up on a function after 29 s.
const READY_TIMEOUT = 30_000;

/** Whoever has no answer by then has none coming: the gateway gives a function at most 29 s. In milliseconds. */
export const ANSWER_TIMEOUT = 30_000;

/** One attempt at one line to the server: from its ticket to its close. */
export class Connection {
  #world;
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
  #done = false;

  /**
   * @param {World} world
   * @param {Owner} owner
   */
  constructor(world, owner) {
    this.#world = world;
    this.#owner = owner;
    this.#expectWithin(READY_TIMEOUT, "no answer");
    this.#open();
  }

  /** The welcome came: from now on only a ping without an answer ends this line. */
  ready() {
    this.#isReady = true;
    this.#expectNothing();
  }

  /** @param {{action: string, id?: string, [key: string]: any}} message */
  send(message) {
    if (this.#done) return;
    const key = message.id ?? message.action;
    // A repeated message has two possible answers, so its round trip says nothing (Karn's algorithm).
    this.#sent.set(key, this.#sent.has(key) ? NaN : this.#world.now());
    this.#socket?.send(JSON.stringify(message));
    this.#world.timers.clearTimeout(this.#pinging);
    this.#pinging = this.#world.timers.setTimeout(() => this.check(), PING_EVERY);
  }

  /** Ask whether the other side is still there. Without an answer within ten seconds the line has ended. */
  check() {
    if (!this.#isReady || this.#deadline !== undefined) return;
    this.#expectWithin(PONG_TIMEOUT, "the connection went silent");
    this.send({ action: "ping" });
  }

  /**
   * Give it up; the owner hears that it ended.
   *
   * @param {string} reason
   */
  fail(reason) {
    this.#end(reason, false);
  }

  /** Close it; nothing is told to the owner any more. */
  close() {
    this.#done = true;
    this.#expectNothing();
    this.#world.timers.clearTimeout(this.#pinging);
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  async #open() {
    try {
      // Each attempt has its own ticket: one opens one connection only, and a refused handshake may have spent it.
      const { url, ticket } = await this.#world.ticket();
      if (this.#done) return;
      this.#listen(new this.#world.WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`));
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
    // A browser does not say with which status a handshake was refused: a spent ticket (401), as many connections as a
    // user may have (429) and a database that is gone (503) look alike here, and all of them may pass.
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
    if (this.#done) return;
    this.close();
    this.#owner.ended({ reason, permanent });
  }

  /**
   * @param {number} milliseconds
   * @param {string} reason
   */
  #expectWithin(milliseconds, reason) {
    this.#deadline = this.#world.timers.setTimeout(() => this.#end(reason, false), milliseconds);
  }

  #expectNothing() {
    this.#world.timers.clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }
}

/**
 * A 4xx of the ticket's endpoint will not go away by asking again: not signed in, not allowed, wrong address.
 *
 * @param {any} error  `status` is an HTTP status; `permanent` decides for errors that have none
 */
const isPermanent = (error) =>
  error?.permanent ?? (error?.status >= 400 && error.status < 500 && ![408, 425, 429].includes(error.status));

/** @param {string} text  an empty frame is what a function without a body answers */
function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
