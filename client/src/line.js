import { parsed } from "./incoming.js";

/**
 * The sockets of all tabs over one WebSocket: passes on what they send, and finds out which of them an answer is for.
 *
 * What several tabs ask alike is sent once: that is how twenty of them stay within the limits of one user.
 *
 * @typedef {object} Owner
 * @property {() => void} opened
 * @property {(text: string, to: string|null) => void} received  to: a tab's socket; null: all
 * @property {(code: number, reason: string) => void} closed
 */

// In milliseconds. A request without an answer by then gets none.
const ANSWER_TIMEOUT = 30_000;
// An answer of these types tells something to every tab. Any other is for those that asked.
const FOR_ALL = ["acted", "claim", "answer", "pong"];
const MAX_KEPT = 200;

export class Line {
  isOpen = false;

  #socket;
  #owner;
  #now;
  /** @type {Map<string, {at: number, askers: Map<string, string>}>} by the id that was sent: the sockets that asked, each with its own id */
  #asked = new Map();
  /** @type {Map<string, string>} the id that was sent and has no answer, by what it asks */
  #alike = new Map();
  /** @type {Map<string, object>} answers that do not change, by what was asked */
  #known = new Map();

  /**
   * @param {WebSocket} socket
   * @param {Owner} owner
   * @param {() => number} now
   */
  constructor(socket, owner, now) {
    this.#socket = socket;
    this.#owner = owner;
    this.#now = now;
    socket.onopen = () => {
      this.isOpen = true;
      owner.opened();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => {
      this.isOpen = false;
      owner.closed(code, reason);
    };
  }

  /** How many messages of all tabs have no answer yet. */
  get unanswered() {
    const since = this.#now() - ANSWER_TIMEOUT;
    for (const [id, { at }] of this.#asked) if (at < since) this.#asked.delete(id);
    return this.#asked.size;
  }

  /**
   * @param {string} from  a tab's socket
   * @param {any} message
   */
  send(from, message) {
    if (!this.isOpen) return;
    const id = message.id ?? message.action;
    const question = alike(message);
    const known = this.#known.get(question);
    if (known) return this.#answer(from, id, known);
    const before = this.#alike.get(question) ?? id;
    const askers = this.#asked.get(before)?.askers ?? new Map();
    // A socket that asks again has given up the first one. A hello that tells something is no mere question.
    const isAsked = question && this.#asked.has(before) && !askers.has(from) && !("visible" in message);
    askers.set(from, id);
    if (isAsked) return;
    this.#asked.delete(before);
    if (question) this.#alike.set(question, id);
    this.#asked.set(id, { at: this.#now(), askers });
    this.#socket.send(JSON.stringify(message));
  }

  /** @param {number} code */
  close(code) {
    this.isOpen = false;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(code);
  }

  /** @param {string} text */
  #receive(text) {
    const message = parsed(text);
    const re = message?.re ?? (message?.type === "pong" ? "ping" : null);
    const askers = this.#asked.get(re)?.askers;
    if (askers) this.#settle(re, message);
    this.#asked.delete(re);
    // An error without an address may be of any message: the next question is sent, whatever was asked before.
    if (re === null) this.#alike.clear();
    if (typeof re !== "string" || FOR_ALL.includes(message.type)) this.#owner.received(text, null);
    else askers?.forEach((id, socket) => this.#answer(socket, id, message));
  }

  /**
   * @param {string} re
   * @param {any} message
   */
  #settle(re, message) {
    for (const [question, id] of this.#alike) {
      if (id !== re) continue;
      this.#alike.delete(question);
      if (question.startsWith("ack") && message.type !== "error") this.#keep(question, message);
    }
  }

  /**
   * @param {string} question
   * @param {object} answer
   */
  #keep(question, answer) {
    this.#known.set(question, answer);
    if (this.#known.size > MAX_KEPT) this.#known.delete([...this.#known.keys()][0]);
  }

  /**
   * @param {string} socket
   * @param {string} id
   * @param {object} message
   */
  #answer(socket, id, message) {
    this.#owner.received(JSON.stringify({ ...message, re: id }), socket);
  }
}

/**
 * What a message asks, if the answer is the same for all tabs; otherwise empty.
 *
 * @param {any} message
 */
function alike({ action, bonus_id, since, epoch, broadcasts_since }) {
  if (action === "ack") return `ack ${bonus_id}`;
  if (action === "hello") return JSON.stringify([since, epoch, broadcasts_since]);
  return action === "ping" ? action : "";
}
