/** Small fakes: a clock that the test moves, and a WebSocket whose server is the test. */

import { Headcount } from "../../client/src/headcount.js";
import { pong, watching, welcome } from "./messages.mjs";

/** Run everything that waits for a settled promise. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export class FakeTime {
  /** By the clock that is never set: timers run by it. */
  elapsed = 1_000_000;
  /** How far the computer's clock is ahead of it. */
  ahead = 0;
  #timers = new Map();
  #next = 1;

  get now() {
    return this.elapsed + this.ahead;
  }

  /** The device sleeps until then: both clocks go on, and no timer runs. */
  set now(now) {
    this.elapsed = now - this.ahead;
  }

  setTimeout = (callback, milliseconds) => {
    this.#timers.set(this.#next, { at: this.elapsed + milliseconds, callback });
    return this.#next++;
  };

  clearTimeout = (timer) => this.#timers.delete(timer);

  /** Move on by so many milliseconds; timers that become due run in order, each at its time. */
  async pass(milliseconds) {
    const end = this.elapsed + milliseconds;
    await settled();
    for (let due = this.#due(end); due; due = this.#due(end)) {
      const [id, { at, callback }] = due;
      this.#timers.delete(id);
      this.elapsed = Math.max(this.elapsed, at);
      callback();
      await settled();
    }
    this.elapsed = end;
  }

  /** How many timers are set. */
  get pending() {
    return this.#timers.size;
  }

  #due(end) {
    let first;
    for (const timer of this.#timers) if (timer[1].at <= end && !(first?.[1].at <= timer[1].at)) first = timer;
    return first;
  }
}

/** Makes the class for one test; `made` has every socket, oldest first. */
export function fakeSockets() {
  const made = [];
  class FakeWebSocket {
    sent = [];
    closed = null;

    constructor(url) {
      this.url = url;
      made.push(this);
    }

    send(text) {
      this.sent.push(JSON.parse(text));
    }

    close(code) {
      this.closed = code;
    }

    // What the server does.

    accept() {
      this.onopen?.();
    }

    receive(message) {
      this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
    }

    drop(code = 1006, reason = "") {
      this.onclose?.({ code, reason });
    }

    of(action) {
      return this.sent.filter((message) => message.action === action);
    }

    last(action) {
      return this.of(action).at(-1);
    }
  }
  return { made, FakeWebSocket };
}

export class FakeStorage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => this.items.set(key, value);
  removeItem = (key) => this.items.delete(key);
}

/** A client among fakes. `dispatched` has all its events, as [name, detail]; `of(name)` has the details of one name. */
export function setUp({ random = () => 0.5, time = new FakeTime(), ...more } = {}) {
  const { made, FakeWebSocket } = fakeSockets();
  const dispatched = [];
  let tickets = 0;
  let ids = 0;
  const headcount = new Headcount({
    ticket: async () => ({ url: "ws://gateway/live", ticket: `t${++tickets}` }),
    WebSocket: FakeWebSocket,
    random,
    now: () => time.now,
    performance: { now: () => time.elapsed },
    newId: () => `id${++ids}`,
    setTimeout: time.setTimeout,
    clearTimeout: time.clearTimeout,
    ...more,
  });
  for (const name of ["status", "welcome", "watching", "snapshot", "event", "state", "bonus", "claim", "news", "news_cancelled", "progress", "backlog", "error"]) {
    headcount.on(name, (detail) => dispatched.push([name, detail]));
  }
  const of = (name) => dispatched.filter(([one]) => one === name).map(([, detail]) => detail);
  return { headcount, time, sockets: made, dispatched, of };
}

/** The same, after its first welcome. */
export async function online(options) {
  const client = setUp(options);
  await settled();
  await greet(client.sockets[0]);
  return client;
}

/** Open the connection and answer its hello. */
export async function greet(socket, more) {
  socket.accept();
  socket.receive(welcome(socket.last("hello").id, more));
  await settled();
}

/** Pass the time, and answer the connection's pings meanwhile. */
export async function keepAlive(time, socket, milliseconds) {
  for (let left = milliseconds; left > 0; left -= 5_000) {
    const pings = socket.of("ping").length;
    await time.pass(Math.min(left, 5_000));
    if (socket.of("ping").length > pings) socket.receive(pong);
  }
}

/** The server moves the connection to the resource of the last watch. */
export function answerWatch(socket) {
  const { id, resource } = socket.last("watch");
  socket.receive(watching(id, resource));
}
