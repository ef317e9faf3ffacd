/**
 * Random walks with faults of every kind: lines that go silent, clocks that jump, messages that are refused or lost, tickets
 * that fail, storages that throw, nonsense. Then all is well for a while, and the client must be as its server is.
 *
 *     HEADCOUNT_WALKS=1000 node --test tests/client/faults.test.mjs
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeDice } from "./dice.mjs";
import { EVENTS, FakeServer } from "./fake-server.mjs";
import { FakeStorage, setUp, settled } from "./fakes.mjs";
import { CRASH, TOO_MANY, claimed, pong, refusal, slowDown } from "./messages.mjs";

const WALKS = Number(process.env.HEADCOUNT_WALKS ?? 40);
const STEPS = 40;
const SERVER = 5_000_000;
const MINUTE = 60_000;

/** A server whose answers may be refusals, may be lost, and may be of no protocol. */
class FaultyServer extends FakeServer {
  isWell = false;
  lines = [];
  done = new Map();
  claims = new Map();

  /** hasAddresses: its refusals name the message. Without that, a message that is refused twice cannot be told from another. */
  constructor(dice, time, hasAddresses) {
    super(dice, time);
    this.hasAddresses = hasAddresses;
  }

  get now() {
    return SERVER + this.time.elapsed;
  }

  get line() {
    return this.lines.findLast(({ closed }) => closed === null);
  }

  open(line) {
    this.lines.push(line);
    this.time.setTimeout(() => line.closed === null && (this.isWell || this.dice() > 0.1 ? line.onopen() : line.drop()), 50);
  }

  take(line, message) {
    if (line.isSilent) return;
    const answer = this.answer(message);
    if (answer) this.send(line, typeof answer === "string" ? answer : { ...answer, server_now: this.now });
  }

  answer(message) {
    const { id, action } = message;
    if (action === "ping") return pong;
    if (message.bonus_id === "poison" || message.body?.poison) return refusal(this.hasAddresses ? id : null, "bad_json");
    const luck = this.isWell ? 1 : this.dice();
    if (luck < 0.08) return refusal(id, "unavailable", { retry_after_ms: 300 });
    if (luck < 0.14) return slowDown(id, 400);
    if (luck < 0.2 && this.hasAddresses) return this.dice() < 0.5 ? TOO_MANY : CRASH;
    const answer = this.answers[action](message);
    return luck < 0.3 ? null : answer;
  }

  answers = {
    hello: (message) => this.welcome(message),
    visibility: ({ id, change }) => ({ type: "noted", re: id, change }),
    claim: ({ id, bonus_id }) => {
      this.claims.set(id, bonus_id);
      return { ...claimed(id, "claimed"), bonus_id };
    },
    act: ({ id, body, patch }) => {
      if (!this.done.has(id)) {
        const { event } = this.act(patch);
        Object.assign(event, { id, body });
        this.done.set(id, event);
      }
      return { type: "acted", re: id, epoch: this.epoch, event: this.done.get(id) };
    },
  };
}

/** @param {FaultyServer} server */
const lineOf = (server) =>
  class Line {
    closed = null;
    isSilent = false;

    constructor() {
      server.open(this);
    }

    send(text) {
      server.take(this, JSON.parse(text));
    }

    close(code) {
      this.closed = code;
    }

    receive(message) {
      if (this.isSilent) return;
      this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
    }

    drop() {
      this.closed ??= 1006;
      this.onclose?.({ code: 1006, reason: "" });
    }
  };

const NONSENSE = ["{", "", "7", { type: "welcome" }, { type: "event", event: {} }, { type: "bonus" }];
const pick = (dice, from) => from[Math.floor(dice() * from.length)];

async function walk(seed) {
  const dice = makeDice(seed);
  const window = new EventTarget();
  const flags = { failsTicket: false, failsStorage: false };
  const storage = new FakeStorage();
  const guarded = (name) => (...given) => {
    if (flags.failsStorage) throw new Error("denied");
    return storage[name](...given);
  };
  let server;
  const ticket = () => {
    if (!flags.failsTicket) return { url: "ws://gateway/live", ticket: "t" };
    return pick(dice, [() => undefined, () => ({}), () => "<html>", () => Promise.reject(new Error("busy")), () => { throw new Error("broken"); }])();
  };
  const { headcount, time } = setUp({
    random: dice,
    ticket,
    window,
    storage: { getItem: guarded("getItem"), setItem: guarded("setItem"), removeItem: guarded("removeItem") },
    WebSocket: class {
      constructor() {
        return new (lineOf(server))();
      }
    },
  });
  server = new FaultyServer(dice, time, seed % 2 === 0);
  const followed = [];
  headcount.on("snapshot", ({ events }) => followed.splice(0, Infinity, ...events));
  headcount.on("event", (event) => followed.push(event));
  const ends = { acts: [], claims: [] };
  const made = { acts: 0, claims: 0, poison: 0 };
  const act = (body) => {
    made.acts += 1;
    const patch = dice() < 0.5 ? { [pick(dice, "abc")]: made.acts } : undefined;
    headcount.act("act", body, { patch }).then(() => ends.acts.push("done"), ({ code }) => ends.acts.push(code));
  };
  const claim = (bonusId) => {
    made.claims += 1;
    headcount.claim(bonusId).then(({ outcome }) => ends.claims.push(outcome), ({ code }) => ends.claims.push(code));
  };
  const poison = (send) => {
    made.poison += 1;
    send();
  };
  const steps = [
    [0.3, () => act({ n: made.acts })],
    [0.4, () => claim("b")],
    [0.44, () => poison(() => act({ poison: true }))],
    [0.47, () => poison(() => claim("poison"))],
    [0.57, () => server.line && server.push(server.line, { ...server.act({ server: dice() }), server_now: server.now })],
    [0.63, () => server.line?.drop()],
    [0.7, () => server.line && (server.line.isSilent = true)],
    [0.75, () => (time.ahead += pick(dice, [-120_000, 120_000, 3_600_000]))],
    [0.79, () => (time.now += dice() * MINUTE)],
    [0.84, () => (flags.failsTicket = dice() < 0.5)],
    [0.88, () => (flags.failsStorage = dice() < 0.5)],
    [0.94, () => window.dispatchEvent(new Event(pick(dice, ["online", "offline"])))],
    [0.97, () => server.line?.receive(pick(dice, NONSENSE))],
    [1, () => headcount.wake()],
  ];
  await settled();
  for (let step = 0; step < STEPS; step += 1) {
    const luck = dice();
    steps.find(([below]) => luck < below)[1]();
    await time.pass(dice() * 2_000);
  }
  Object.assign(flags, { failsTicket: false, failsStorage: false });
  server.isWell = true;
  window.dispatchEvent(new Event("online"));
  // What a storage kept while it could not be changed is corrected by the next change.
  act({ n: made.acts });
  await time.pass(20 * MINUTE);
  return { headcount, server, followed, ends, made, storage };
}

test("after faults of every kind the client is as its server is, and each request was done once or refused once", async () => {
  for (let seed = 1; seed <= WALKS; seed += 1) {
    const { headcount, server, followed, ends, made, storage } = await walk(seed);
    const what = `walk ${seed}`;
    assert.equal(headcount.status.status, "online", what);
    assert.deepEqual([headcount.backlog.count, storage.items.size], [0, 0], what);
    assert.deepEqual([ends.acts.length, ends.claims.length], [made.acts, made.claims], what);
    const refused = [...ends.acts, ...ends.claims].filter((end) => end !== "done" && end !== "claimed");
    assert.deepEqual(refused, Array(made.poison).fill("bad_json"), what);
    const order = server.events.filter(({ id }) => id !== null).map(({ body }) => body.n);
    assert.deepEqual(order, order.toSorted((a, b) => a - b), what);
    assert.equal(new Set(order).size, ends.acts.filter((end) => end === "done").length, what);
    assert.deepEqual(headcount.state, server.state, what);
    assert.deepEqual(followed.map(({ seq }) => seq), server.events.slice(server.events.length - followed.length).map(({ seq }) => seq), what);
    assert.ok(followed.length >= Math.min(EVENTS, server.events.length), what);
    assert.ok(Math.abs(headcount.serverNow() - server.now) < 2_000, what);
    headcount.close();
  }
});
