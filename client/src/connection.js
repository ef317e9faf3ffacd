import { read } from "./incoming.js";
import { UNTOLD } from "./limits.js";
import { BadTicket } from "./ticket.js";

/** @import {TabSocket} from "./tab-socket.js" */
/** @import {Timer} from "./timer.js" */
/** @import {Env} from "./env.js" */
/** @import {Status} from "./types.js" */

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
 * @typedef {WebSocket|TabSocket} Socket
 */

// In milliseconds, as all times here.
const PONG_TIMEOUT = 10_000;
// A request without an answer by then asks for a pong, which must come in as long again: a dead line is noticed ten seconds after
// the first request that it swallows.
const ASK_AFTER = 5_000;
// A timer that is so much later tells that the page did not run meanwhile.
const LATE = 2_000;
// From the ticket to the welcome.
const READY_TIMEOUT = 30_000;

/** A request without an answer by then gets none: the gateway gives a function at most 29 s. In milliseconds. */
export const ANSWER_TIMEOUT = 30_000;

// Close codes. The server counts a connection as lost whose client comes back, and waits for it as for all that are lost; for one
// that left it waits for the grace alone, which may be over before a storm lets its client in again.
const LEFT = 1000;
export const COMES_BACK = 4000;

/**
 * One attempt to connect to the server: from its ticket to its close.
 *
 * Only what is received proves that the line works. What is sent may go into one that is dead and not closed, so each request
 * expects an answer, and a ping one within ten seconds.
 */
export class Connection {
  /** Of the deployment, once there is a ticket. */
  url = "";

  #env;
  #owner;
  /** @type {Socket|null} */
  #socket = null;
  /** @type {Map<string, {at: number, asking: Timer}>} the unanswered messages; at: when sent, NaN: more than once */
  #sent = new Map();
  /** Until the welcome. */
  #preparing;
  /** The end, unless a frame arrives before. */
  #deadline;
  /** When that is. */
  #due = Infinity;
  #isAskedAgain = false;
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
    this.#preparing = env.timer();
    this.#deadline = env.timer();
    this.#pinging = env.timer();
    const end = () => this.#end({ why: { code: "lost", reason: "the server did not answer" } });
    this.#preparing.set(end, READY_TIMEOUT);
    this.#open();
  }

  /** The welcome arrived: from now on the connection ends only if it closes or if a ping gets no answer. */
  ready() {
    this.#isReady = true;
    this.#preparing.stop();
    this.#pingLater();
  }

  /** @param {{action: string, id?: string, [key: string]: any}} message */
  send(message) {
    if (this.#isDone) return;
    const key = message.id ?? message.action;
    const before = this.#sent.get(key);
    // A repeated message has two possible answers, so its round trip says nothing (Karn's algorithm).
    const asking = before?.asking ?? this.#env.timer();
    this.#sent.set(key, { at: before ? NaN : this.#env.now(), asking });
    if (!before && message.action !== "ping") asking.set(() => this.#ask(ASK_AFTER), ASK_AFTER);
    this.#socket?.send(JSON.stringify(message));
  }

  /**
   * Send a ping whenever nothing was answered for so long.
   *
   * @param {number} milliseconds
   */
  pingEvery(milliseconds) {
    if (milliseconds === this.#pingEvery || this.#isDone) return;
    this.#pingEvery = milliseconds;
    this.#pingLater();
  }

  /** How many messages have no answer yet, those of other tabs included. One that the gateway refused counts until its id is answered. */
  get unanswered() {
    return this.#sent.size + this.others;
  }

  /** How many of them other tabs sent over the same line. */
  get others() {
    const all = this.#socket && "unanswered" in this.#socket ? this.#socket.unanswered : 0;
    return Math.max(0, all - this.#sent.size);
  }

  /** Send a ping. Without any frame within ten seconds, or five if a request has waited for five, the connection ends. */
  check(hasWaited = false) {
    if (this.#isReady) this.#ask(hasWaited ? ASK_AFTER : PONG_TIMEOUT);
  }

  /** Send a ping, and let the connection be if there is no answer. */
  knock() {
    if (this.#isReady) this.send({ action: "ping" });
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
    this.#askForNothing();
    this.#preparing.stop();
    this.#pinging.stop();
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(code);
  }

  async #open() {
    try {
      // Each attempt has its own ticket: one opens one connection only, and a refused handshake may have used it up.
      const { url, ticket } = await this.#env.ticket();
      if (this.#isDone) return;
      this.url = url;
      this.#listen(this.#env.open(`${url}?ticket=${encodeURIComponent(ticket)}`));
    } catch (error) {
      this.#end(refusal(error));
    }
  }

  /** @param {Socket} socket */
  #listen(socket) {
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      this.#owner.opened();
    };
    socket.onmessage = (/** @type {{data: string}} */ { data }) => this.#receive(data);
    // A browser hides the status of a refused handshake: a used ticket (401), too many connections of one user (429) and
    // a missing database (503) look the same here, and each of them may pass.
    socket.onclose = (/** @type {{code: number, reason: string}} */ { code, reason }) => this.#end(this.#isOpen ? closing(code, reason) : REFUSED);
  }

  /** @param {string} text */
  #receive(text) {
    this.#expectNothing();
    this.#isAskedAgain = false;
    const message = read(text);
    if (message === null) return;
    const key = message.re ?? (message.type === "pong" ? "ping" : undefined);
    const sent = this.#sent.get(key);
    this.#sent.delete(key);
    if (sent) this.#answered(key, sent);
    // The gateway's own error frames do not name the request. It will be sent again.
    else if (message.type === undefined) this.#askForNothing();
    this.#owner.received(message, sent?.at);
  }

  /**
   * @param {string} key
   * @param {{asking: Timer}} sent
   */
  #answered(key, { asking }) {
    asking.stop();
    if (this.#isReady && key !== "ping") this.#pingLater();
  }

  #askForNothing() {
    for (const { asking } of this.#sent.values()) asking.stop();
  }

  /**
   * Ask for a frame, unless one is expected sooner.
   *
   * @param {number} within
   */
  #ask(within) {
    const due = this.#env.now() + within;
    if (due >= this.#due) return;
    const isAsked = this.#due < Infinity;
    this.#expectNothing();
    this.#due = due;
    this.#deadline.set(() => this.#silent(), within);
    if (isAsked) return;
    this.send({ action: "ping" });
    this.#pingLater();
  }

  /** No frame has arrived by the deadline. */
  #silent() {
    const isLate = this.#env.now() - this.#due > LATE;
    this.#expectNothing();
    // If the page did not run, frames may wait behind this timer.
    if (!isLate || this.#isAskedAgain) return this.#end({ why: { code: "lost", reason: "the connection timed out" } });
    this.#isAskedAgain = true;
    this.#ask(PONG_TIMEOUT);
  }

  #pingLater() {
    this.#pinging.set(() => this.check(), this.#pingEvery);
  }

  /** @param {End} end */
  #end(end) {
    if (this.#isDone) return;
    this.close(COMES_BACK);
    this.#owner.ended(end);
  }

  #expectNothing() {
    this.#deadline.stop();
    this.#due = Infinity;
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
  why: { code: error instanceof BadTicket ? "bad_ticket" : "refused", reason: error instanceof Error ? error.message : String(error) },
  isPermanent: error?.permanent ?? (error?.status >= 400 && error.status < 500 && ![408, 425, 429].includes(error.status)),
  retryAfter: error?.retryAfter > 0 ? error.retryAfter : undefined,
});
