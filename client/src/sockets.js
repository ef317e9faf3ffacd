import { Line } from "./line.js";
import { TabSocket } from "./tab-socket.js";

/** @import {Env} from "./env.js" */
/** @import {Owner as SocketOwner} from "./tab-socket.js" */

/**
 * @typedef {object} Owner
 * @property {(line: string) => void} opened
 * @property {(frame: Frame) => void} received  over a line of this tab
 * @property {(line: string, code: number, reason: string) => void} closed  the same
 *
 * What arrived over a line: for one socket, or for all if `to` is null. `unanswered` messages have no answer yet.
 *
 * @typedef {{kind: "frame", line: string, to: string|null, text: string, unanswered: number}} Frame
 */

// In milliseconds. So long a stale socket waits for the line of the next leader.
const HANDOVER = 5_000;
const LEFT = 1000;
const LOST = 1006;

/** This tab's sockets, each on a line, and the lines that are this tab's own. */
export class Sockets {
  #env;
  #owner;
  /** @type {Map<string, Line>} the newest last */
  #lines = new Map();
  /** @type {Set<TabSocket>} */
  #sockets = new Set();

  /**
   * @param {Env & {WebSocket: new (url: string) => WebSocket}} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
  }

  /** The newest line of this tab that is open. */
  get ownLine() {
    return [...this.#lines].filter(([, { isOpen }]) => isOpen).pop()?.[0] ?? null;
  }

  /** @param {string|null} line  this tab's own */
  line(line) {
    return this.#lines.get(line ?? "");
  }

  /** @param {string|null} line  null: whether one waits for a line */
  isOn(line) {
    return [...this.#sockets].some((socket) => socket.line === line);
  }

  /** @param {SocketOwner} owner */
  add(owner) {
    const socket = new TabSocket(owner, this.#env.newId());
    this.#sockets.add(socket);
    return socket;
  }

  /**
   * @param {string} url
   * @param {TabSocket} socket
   */
  dial(url, socket) {
    const id = this.#env.newId();
    socket.line = id;
    const line = new Line(new this.#env.WebSocket(url), {
      opened: () => {
        socket.onopen?.();
        this.#owner.opened(id);
      },
      received: (text, to) => this.#owner.received({ kind: "frame", line: id, to, text, unanswered: line.unanswered }),
      closed: (code, reason) => this.#owner.closed(id, code, reason),
    }, this.#env.now);
    this.#lines.set(id, line);
  }

  /**
   * @param {TabSocket} socket
   * @param {string} line
   */
  attach(socket, line) {
    socket.line = line;
    // Its connection does not listen yet.
    queueMicrotask(() => this.#sockets.has(socket) && socket.onopen?.());
  }

  /**
   * Answer for the server.
   *
   * @param {TabSocket} socket
   * @param {object} message
   */
  answer(socket, message) {
    queueMicrotask(() => this.#sockets.has(socket) && socket.onmessage?.({ data: JSON.stringify(message) }));
  }

  /** @param {Frame} frame */
  deliver({ line, to, text, unanswered }) {
    for (const socket of [...this.#sockets]) {
      if (socket.line !== line || (to !== null && to !== socket.id)) continue;
      socket.unanswered = unanswered;
      socket.onmessage?.({ data: text });
    }
  }

  /**
   * Turn to this line: sockets that waited for one are open now, those on another are stale.
   *
   * @param {string|null} line
   * @param {() => string|null} next  the line to be on once a stale socket has waited
   */
  turn(line, next) {
    for (const socket of this.#sockets) {
      if (socket.line === null && line) this.attach(socket, line);
      if (socket.line === null || socket.line === line || socket.isStale) continue;
      socket.isStale = true;
      this.#env.timer().set(() => {
        socket.isStale = false;
        if (socket.line !== next()) this.#drop(socket, LOST, "");
      }, HANDOVER);
    }
  }

  /**
   * A line is closed, and its sockets with it.
   *
   * @param {string} line
   * @param {number} code
   * @param {string} reason
   */
  closed(line, code, reason) {
    this.#lines.delete(line);
    for (const socket of [...this.#sockets]) if (socket.line === line) this.#drop(socket, code, reason);
  }

  /**
   * The connection closes its socket. If it is on a line of this tab, that is closed, too.
   *
   * @param {TabSocket} socket
   * @param {number} code
   */
  close(socket, code) {
    const { line } = socket;
    const own = this.line(line);
    this.#sockets.delete(socket);
    if (!line || !own) return;
    own.close(code);
    // If the page is left, this tab does not lead any more then, and the next one takes over.
    queueMicrotask(() => this.#owner.closed(line, LOST, ""));
  }

  /** Close this tab's lines; its own sockets become stale. */
  hangUp() {
    for (const line of this.#lines.values()) line.close(LEFT);
    this.#lines.clear();
  }

  /**
   * @param {TabSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  #drop(socket, code, reason) {
    if (this.#sockets.delete(socket)) socket.onclose?.({ code, reason });
  }
}
