/** A crowd of clients in simulated time, behind a gateway that admits so many handshakes and answers so many messages. */

import { Headcount } from "../../../client/src/headcount.js";
import { makeDice } from "../dice.mjs";
import { settled } from "../fakes.mjs";
import { pong, welcome } from "../messages.mjs";

const SECOND = 1_000;
// In milliseconds, from a client to its answer.
const ROUND_TRIP = 40;

/** Simulated time for many timers, kept by the millisecond in which they are due. */
export class Clock {
  now = 1_000_000;
  /** Set by a callback that leaves something to promises: to wait for them after each timer would take minutes. */
  hasPromises = false;
  #due = new Map();

  setTimeout = (callback, milliseconds) => {
    const timer = { at: this.now + Math.max(0, milliseconds), callback };
    const millisecond = Math.floor(timer.at);
    const others = this.#due.get(millisecond);
    if (others) others.push(timer);
    else this.#due.set(millisecond, [timer]);
    return timer;
  };

  clearTimeout = (timer) => {
    if (timer) timer.callback = null;
  };

  /** Run what becomes due in so many milliseconds. */
  async pass(milliseconds) {
    const end = this.now + milliseconds;
    for (let millisecond = Math.floor(this.now); millisecond < end; millisecond += 1) {
      // A timer may set another one for the same millisecond.
      while (this.#due.has(millisecond)) await this.#run(millisecond);
    }
    this.now = end;
  }

  async #run(millisecond) {
    const timers = this.#due.get(millisecond).sort((a, b) => a.at - b.at);
    this.#due.delete(millisecond);
    for (const timer of timers) {
      if (!timer.callback) continue;
      this.now = Math.max(this.now, timer.at);
      timer.callback();
      if (this.hasPromises) await settled();
      this.hasPromises = false;
    }
  }
}

/** So many a second, with a burst of one second. */
export class Bucket {
  #tokens;
  #at;

  constructor(clock, perSecond) {
    this.clock = clock;
    this.perSecond = perSecond;
    this.#tokens = perSecond;
    this.#at = clock.now;
  }

  take() {
    this.#tokens = Math.min(this.perSecond, this.#tokens + ((this.clock.now - this.#at) / SECOND) * this.perSecond);
    this.#at = this.clock.now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** A connection of one client of a crowd, through the gateway. */
class Socket {
  isWelcomed = false;

  constructor(crowd, index) {
    this.crowd = crowd;
    crowd.sockets[index] = this;
    crowd.handshake(this);
  }

  send(text) {
    this.crowd.receive(this, JSON.parse(text));
  }

  close() {}

  // What the gateway does, a round trip later.

  later(does) {
    this.crowd.clock.setTimeout(does, ROUND_TRIP);
  }

  deliver(message) {
    this.later(() => this.onmessage?.({ data: JSON.stringify(message) }));
  }

  drop() {
    this.onclose?.({ code: 1006, reason: "" });
  }
}

/**
 * A gateway and its clients. `handshakes` and `tickets` count what the clients asked for since `count()`; `perSecond` has the
 * handshakes of each second, and `backAt` when each client was welcomed: in milliseconds since then.
 */
export class Crowd {
  clock = new Clock();
  clients = [];
  sockets = [];
  /** Whether the gateway admits a handshake now. */
  admits = () => true;
  /** The answer to a message other than hello. */
  answers = () => null;
  #ids = 0;

  /** @param {{seed?: number, limits?: object}} [options]  limits: what each welcome tells */
  constructor({ seed = 1, limits = {} } = {}) {
    this.dice = makeDice(seed);
    this.limits = limits;
    this.count();
  }

  count() {
    this.startedAt = this.clock.now;
    this.handshakes = this.tickets = 0;
    this.perSecond = [];
    this.backAt = [];
  }

  /** Admit so many handshakes a second, after refusing all for so many milliseconds. */
  limit(perSecond, { refusesFor = 0 } = {}) {
    const bucket = new Bucket(this.clock, perSecond);
    const opensAt = this.clock.now + refusesFor;
    this.admits = () => this.clock.now >= opensAt && bucket.take();
  }

  /** Connect so many clients, and wait until all are welcomed. */
  async open(count, options = {}) {
    for (let one = 0; one < count; one += 1) this.clients.push(this.#client(this.clients.length, options));
    await settled();
    await this.clock.pass(SECOND);
    this.count();
  }

  /** Push a message to all. */
  push(message) {
    for (const socket of this.sockets) socket.deliver(message);
  }

  /** All lose their connections at once. */
  cut() {
    for (const socket of this.sockets) socket.drop();
  }

  // What clients do.

  handshake(socket) {
    const second = Math.floor(this.#elapsed / SECOND);
    this.handshakes += 1;
    this.perSecond[second] = (this.perSecond[second] ?? 0) + 1;
    const isAdmitted = this.admits();
    socket.later(() => {
      if (isAdmitted) socket.onopen?.();
      else socket.drop();
    });
  }

  receive(socket, message) {
    if (message.action === "ping") return socket.deliver(pong);
    if (message.action !== "hello") return socket.deliver(this.answers(message));
    // A client in use says hello again, now and then.
    if (!socket.isWelcomed) this.backAt.push(this.#elapsed + ROUND_TRIP);
    socket.isWelcomed = true;
    socket.deliver(welcome(message.id, { server_now: this.clock.now, ...this.limits }));
  }

  get #elapsed() {
    return this.clock.now - this.startedAt;
  }

  #client(index, options) {
    const crowd = this;
    return new Headcount({
      ticket: async () => {
        this.tickets += 1;
        this.clock.hasPromises = true;
        return { url: "ws://gateway/live", ticket: "t" };
      },
      WebSocket: class extends Socket {
        constructor() {
          super(crowd, index);
        }
      },
      random: this.dice,
      now: () => this.clock.now,
      performance: { now: () => this.clock.now },
      newId: () => `i${++this.#ids}`,
      setTimeout: this.clock.setTimeout,
      clearTimeout: this.clock.clearTimeout,
      ...options,
    });
  }
}
