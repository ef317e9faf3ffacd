/** The client as a page sees it: its first connection, its stream, its state, its ledger, and its end. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeStorage, greet, keepAlive, online, setUp, settled } from "./fakes.mjs";
import { CRASH, EPOCH, acted, bonus, bonusPush, event, pushed, refusal, welcome } from "./messages.mjs";

// Connecting.

test("it connects with its ticket and says hello first, without since", async () => {
  const { sockets } = setUp({ ticket: async () => ({ url: "ws://gateway/live", ticket: "a+b/=" }) });
  await settled();
  sockets[0].accept();
  assert.equal(sockets[0].url, "ws://gateway/live?ticket=a%2Bb%2F%3D");
  assert.deepEqual(sockets[0].sent, [{ action: "hello", id: "id1", visible: true, change: 1 }]);
});

test("it is online once welcomed, not before", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  assert.deepEqual(of("status").map(({ status }) => status), ["connecting"]);
  sockets[0].receive(welcome("id1"));
  assert.deepEqual(of("status").map(({ status }) => status), ["connecting", "online"]);
});

test("a welcome brings its snapshot, its state and its bonuses", async () => {
  const { sockets, dispatched } = setUp();
  await settled();
  await greet(sockets[0], { seq: 1, events: [event(1)], bonuses: [bonus()] });
  assert.deepEqual(dispatched.map(([name]) => name), ["status", "status", "welcome", "snapshot", "state", "bonus"]);
});

test("the server's clock is known from the first reply", async () => {
  const { headcount, time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  await time.pass(100);
  sockets[0].receive(welcome("id1", { server_now: 5_000_000 }));
  assert.equal(headcount.serverNow(), 5_000_050);
});

test("a pushed bonus is reported", async () => {
  const { sockets, of } = await online();
  sockets[0].receive(bonusPush({ bonus_id: "b" }));
  assert.deepEqual(of("bonus"), [{ bonus_id: "b", outcome: null }]);
});

test("a bonus pushed twice is reported once, even if a welcome brings it again", async () => {
  const { time, sockets, of } = await online();
  sockets[0].receive(bonusPush(bonus()));
  sockets[0].receive(bonusPush(bonus()));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { bonuses: [bonus()] });
  assert.deepEqual(of("bonus"), [bonus()]);
});

// The stream.

test("a gap that lasts is asked for once", async () => {
  const { time, sockets, of } = await online();
  sockets[0].receive(pushed(event(2)));
  sockets[0].receive(pushed(event(3)));
  await time.pass(400);
  assert.deepEqual(sockets[0].of("hello").slice(1), [{ action: "hello", id: "id2", since: 0, epoch: EPOCH, broadcasts_since: 0, visible: true, change: 1 }]);
  sockets[0].receive(welcome("id2", { recovered: true, seq: 2, events: [event(1), event(2)] }));
  assert.deepEqual(of("event").map(({ seq }) => seq), [1, 2, 3]);
});

test("events in the wrong order are reported in order", async () => {
  const { time, sockets, of } = await online();
  sockets[0].receive(pushed(event(2)));
  sockets[0].receive(pushed(event(1)));
  await time.pass(100);
  assert.deepEqual(of("event").map(({ seq }) => seq), [1, 2]);
});

test("a push of another epoch brings a fresh snapshot", async () => {
  const { time, sockets, of } = await online();
  sockets[0].receive(pushed(event(7), "e2"));
  await time.pass(400);
  sockets[0].receive(welcome("id2", { epoch: "e2", seq: 7, recovered: false, events: [event(7)] }));
  assert.deepEqual(of("snapshot").at(-1), { seq: 7, events: [event(7)] });
  assert.deepEqual(of("event"), []);
});

test("a hello that crashed is repeated, and so is one without an answer", async () => {
  const { time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(CRASH);
  await time.pass(200);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].receive(welcome(sockets[0].last("hello").id));
  sockets[0].receive(pushed(event(2)));
  await time.pass(400);
  await keepAlive(time, sockets[0], 30_000);
  assert.equal(sockets[0].of("hello").length, 4);
});

test("a hello refused for good ends its connection", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(refusal("id1", "bad_request"));
  assert.deepEqual([of("status").at(-1).status, sockets[0].closed], ["offline", 4000]);
});

test("a gap on a lost connection is left to the next connection's hello", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(pushed(event(2)));
  sockets[0].drop();
  await time.pass(60_000);
  assert.equal(sockets[0].of("hello").length, 1);
});

// The state.

test("an act sends its patch, if it has one", async () => {
  const { headcount, sockets } = await online();
  headcount.act("like", { photo: 7 }, { patch: { likes: 1 } });
  assert.deepEqual(sockets[0].last("act"), { action: "act", id: "id2", type: "like", body: { photo: 7 }, patch: { likes: 1 } });
  sockets[0].receive(acted("id2", 1));
  headcount.act("like");
  assert.deepEqual(sockets[0].last("act"), { action: "act", id: "id3", type: "like", body: {} });
});

test("the state starts with the welcome's, and each patch changes it once, in order", async () => {
  const { headcount, sockets, of } = setUp();
  await settled();
  assert.deepEqual(headcount.state, {});
  await greet(sockets[0], { state: { likes: 3, note: "hi" } });
  const changed = (seq, patch) => pushed({ ...event(seq), patch });
  sockets[0].receive(changed(2, { likes: 5 }));
  sockets[0].receive(changed(1, { likes: 4, note: null }));
  sockets[0].receive(changed(1, { likes: 4, note: null }));
  assert.deepEqual(headcount.state, { likes: 5 });
  assert.deepEqual(of("state"), [{ likes: 3, note: "hi" }, { likes: 5 }]);
});

test("the answer to an act changes the state before the act resolves, and its push does not change it again", async () => {
  const { headcount, sockets, of } = await online();
  const act = headcount.act("like", {}, { patch: { likes: 1 } });
  const entry = { ...event(1), patch: { likes: 1 } };
  sockets[0].receive({ ...acted("id2", 1), event: entry });
  await act;
  assert.deepEqual(headcount.state, { likes: 1 });
  sockets[0].receive(pushed(entry));
  assert.deepEqual(of("state"), [{}, { likes: 1 }]);
});

test("an event without a patch does not change the state", async () => {
  const { sockets, of } = await online();
  sockets[0].receive(pushed(event(1)));
  assert.deepEqual(of("state"), [{}]);
});

test("an act that makes the state too large is rejected", async () => {
  const { headcount, sockets } = await online();
  const act = headcount.act("like", {}, { patch: { note: "long" } });
  sockets[0].receive(refusal("id2", "state_too_large"));
  await assert.rejects(act, { code: "state_too_large" });
  assert.deepEqual(headcount.state, {});
});

// The ledger.

test("the ledger is read one page at a time", async () => {
  const { headcount, sockets } = await online();
  const first = headcount.ledger();
  assert.deepEqual(sockets[0].last("ledger"), { action: "ledger", id: "id2" });
  const entries = [{ id: "9", entry: "claimed", bonus_id: "b", reward: {}, at: 1 }];
  sockets[0].receive({ type: "ledger", re: "id2", server_now: 1, entries, next: "9" });
  assert.deepEqual(await first, { entries, next: "9" });
  const second = headcount.ledger({ before: "9" });
  assert.deepEqual(sockets[0].last("ledger"), { action: "ledger", id: "id3", before: "9" });
  sockets[0].receive({ type: "ledger", re: "id3", server_now: 1, entries: [], next: null });
  assert.deepEqual(await second, { entries: [], next: null });
});

test("a ledger request survives its connection, but not a reload", async () => {
  const storage = new FakeStorage();
  const { headcount, time, sockets } = await online({ storage });
  const page = headcount.ledger();
  assert.equal(storage.items.size, 0);
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  sockets[1].receive({ type: "ledger", re: sockets[1].last("ledger").id, server_now: 1, entries: [], next: null });
  assert.deepEqual(await page, { entries: [], next: null });
});

// Leaving.

test("close is final: it rejects what waits, leaves no timer, and dispatches nothing more", async () => {
  const { headcount, time, sockets, dispatched } = await online();
  const act = headcount.act("like");
  headcount.close();
  await assert.rejects(act, { code: "closed" });
  await assert.rejects(headcount.claim("b"), { code: "closed" });
  assert.deepEqual([sockets[0].closed, time.pending], [1000, 0]);
  assert.deepEqual(dispatched.at(-1), ["status", { status: "stopped", reason: "closed", code: "closed", retryAt: null }]);
  const count = dispatched.length;
  headcount.close();
  headcount.wake();
  assert.deepEqual([dispatched.length, time.pending], [count, 0]);
});

test("a client closed before it began never connects", async () => {
  const { headcount, sockets } = setUp();
  headcount.close();
  await settled();
  assert.equal(sockets.length, 0);
});

test("a client closed while it waits for its ticket never connects", async () => {
  let give;
  const { headcount, sockets } = setUp({ ticket: () => new Promise((resolve) => (give = resolve)) });
  await settled();
  headcount.close();
  give({ url: "ws://gateway/live", ticket: "t" });
  await settled();
  assert.equal(sockets.length, 0);
});

test("a removed listener is not called", async () => {
  const { headcount, sockets } = await online();
  const seen = [];
  const off = headcount.on("event", ({ seq }) => seen.push(seq));
  sockets[0].receive(pushed(event(1)));
  off();
  sockets[0].receive(pushed(event(2)));
  assert.deepEqual(seen, [1]);
});
