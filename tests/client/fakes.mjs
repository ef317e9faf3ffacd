/** Small fakes that remember: a clock that is moved by hand, and a WebSocket whose other end is the test. */

import { Headcount } from "../../client/src/headcount.js";

/** Let everything that waits on a settled promise run. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export class FakeTime {
  now = 1_000_000;
  #timers = new Map();
  #next = 1;

  setTimeout = (callback, milliseconds) => {
    this.#timers.set(this.#next, { at: this.now + milliseconds, callback });
    return this.#next++;
  };

  clearTimeout = (timer) => this.#timers.delete(timer);

  /** Move on by so many milliseconds; what falls due runs in order, at its time. */
  async pass(milliseconds) {
    const end = this.now + milliseconds;
    await settled();
    for (let due = this.#due(end); due; due = this.#due(end)) {
      const [id, { at, callback }] = due;
      this.#timers.delete(id);
      this.now = Math.max(this.now, at);
      callback();
      await settled();
    }
    this.now = end;
  }

  /** How many timers are set: none is left behind. */
  get pending() {
    return this.#timers.size;
  }

  #due(end) {
    return [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
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

    // The other end.

    accept() {
      this.onopen?.();
    }

    say(message) {
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

export const EPOCH = "e1";

export const event = (seq, type = "like", body = {}) => ({ seq, type, body, at: 1, id: `i${seq}` });

export const welcome = (re, more = {}) => ({
  type: "welcome",
  re,
  server_now: 5_000_000,
  user_id: "ann",
  resource: "site",
  connection_id: "c1",
  is_counted: true,
  session: { joined_at: 4_000_000, connections: 1 },
  watched_ms: 60_000,
  epoch: EPOCH,
  seq: 0,
  recovered: false,
  events: [],
  state: {},
  bonuses: [],
  broadcasts: { seq: 0, recovered: true, news: [] },
  ...more,
});

/** A client in a world made of fakes; `heard` has all it said, as [name, detail]. */
export function setUp({ random = () => 0.5, ticket, ...more } = {}) {
  const time = new FakeTime();
  const { made, FakeWebSocket } = fakeSockets();
  const heard = [];
  let tickets = 0;
  let ids = 0;
  const headcount = new Headcount({
    ticket: ticket ?? (async () => ({ url: "ws://gateway/live", ticket: `t${++tickets}` })),
    WebSocket: FakeWebSocket,
    random,
    now: () => time.now,
    newId: () => `id${++ids}`,
    setTimeout: time.setTimeout,
    clearTimeout: time.clearTimeout,
    ...more,
  });
  for (const name of ["status", "welcome", "watching", "snapshot", "event", "state", "bonus", "claim", "news", "backlog"]) {
    headcount.on(name, (detail) => heard.push([name, detail]));
  }
  const of = (name) => heard.filter(([one]) => one === name).map(([, detail]) => detail);
  return { headcount, time, sockets: made, heard, of };
}

/** The same, up to its first welcome. */
export async function online(options) {
  const world = setUp(options);
  await settled();
  await greet(world.sockets[0]);
  return world;
}

/** Accept the newest connection and answer its hello. */
export async function greet(socket, more) {
  socket.accept();
  socket.say(welcome(socket.last("hello").id, more));
  await settled();
}
