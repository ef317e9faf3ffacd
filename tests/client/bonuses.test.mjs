import assert from "node:assert/strict";
import { test } from "node:test";

import { EPOCH, FakeStorage, event, greet, online, setUp, settled, welcome } from "./fakes.mjs";

const NOW = 5_000_000; // by the server's clock, at the welcome
const bonus = (more) => ({ bonus_id: "b", reward: {}, opens_at: NOW, expires_at: NOW + 30_000, outcome: null, acknowledge: true, ...more });
const plain = (more) => bonus({ acknowledge: false, ...more });
const push = (one) => ({ type: "bonus", server_now: 1, broadcast: null, bonus: one });
const happened = (seq, type, body) => ({ type: "event", server_now: 1, epoch: EPOCH, event: event(seq, type, body) });
const offered = (seq, more) => happened(seq, "bonus.offered", plain(more));
const claimed = (seq) => happened(seq, "bonus.claimed", { bonus_id: "b", reward: {} });
const claim = (re, outcome) => ({ type: "claim", re, server_now: 1, bonus_id: "b", outcome, epoch: EPOCH, event: null });
const outcomes = (of) => of("bonus").map(({ outcome }) => outcome);

// Acknowledging.

test("an offer that asks for it is acknowledged, within a second, once", async () => {
  const { time, sockets } = await online();
  sockets[0].say(push(bonus()));
  sockets[0].say(push(bonus()));
  await time.pass(499);
  assert.deepEqual(sockets[0].of("ack"), []);
  await time.pass(1);
  assert.deepEqual(sockets[0].of("ack"), [{ action: "ack", id: "id2", bonus_id: "b" }]);
  sockets[0].say({ type: "acked", re: "id2" });
  sockets[0].say(push(bonus()));
  await time.pass(20_000);
  assert.equal(sockets[0].of("ack").length, 1);
});

test("one that does not ask for it is not", async () => {
  const { time, sockets } = await online();
  sockets[0].say(push(plain()));
  await time.pass(2_000);
  assert.deepEqual(sockets[0].of("ack"), []);
});

test("an offer in a welcome or in the stream is acknowledged as a pushed one", async () => {
  const { time, sockets } = setUp();
  await settled();
  await greet(sockets[0], { bonuses: [bonus({ bonus_id: "a" })] });
  sockets[0].say(happened(1, "bonus.offered", bonus({ bonus_id: "c" })));
  await time.pass(500);
  assert.deepEqual(sockets[0].of("ack").map(({ bonus_id }) => bonus_id), ["a", "c"]);
});

test("a claim says as much: under way, answered, or made on another device", async () => {
  for (const meanwhile of [
    ({ headcount }) => headcount.claim("b").catch(() => {}),
    ({ headcount, sockets }) => {
      headcount.claim("b");
      sockets[0].say(claim(sockets[0].last("claim").id, "sold_out"));
    },
    ({ sockets }) => sockets[0].say(claimed(1)),
    ({ sockets }) => sockets[0].say(push(bonus({ outcome: "cancelled" }))),
  ]) {
    const world = await online();
    world.sockets[0].say(push(bonus()));
    meanwhile(world);
    await world.time.pass(2_000);
    assert.deepEqual(world.sockets[0].of("ack"), []);
  }
});

test("a claim that came too early leaves the acknowledgement to be made", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].say(push(bonus()));
  headcount.claim("b");
  sockets[0].say(claim(sockets[0].last("claim").id, "too_early"));
  await time.pass(500);
  assert.equal(sockets[0].of("ack").length, 1);
});

test("an offer that is over by then needs none", async () => {
  const { time, sockets } = await online();
  sockets[0].say(push(bonus({ expires_at: NOW + 500 })));
  sockets[0].say(push(bonus({ bonus_id: "c", expires_at: NOW + 501 })));
  await time.pass(500);
  assert.deepEqual(sockets[0].of("ack").map(({ bonus_id }) => bonus_id), ["c"]);
});

test("an acknowledgement is sent until it is answered, over the next connection too", async () => {
  const { time, sockets } = await online();
  sockets[0].say(push(bonus()));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  sockets[1].say({ type: "error", re: sockets[1].last("ack").id, code: "unavailable", reason: "" });
  await time.pass(500);
  assert.deepEqual(sockets[1].of("ack").map(({ id }) => id), [sockets[1].last("ack").id, sockets[1].last("ack").id]);
});

test("an acknowledgement that is refused is dropped in silence", async () => {
  const { time, sockets, heard } = await online();
  sockets[0].say(push(bonus()));
  await time.pass(500);
  const before = heard.length;
  sockets[0].say({ type: "error", re: sockets[0].last("ack").id, code: "bad_request", reason: "no" });
  await time.pass(60_000);
  assert.deepEqual([sockets[0].of("ack").length, heard.length], [1, before]);
});

test("an acknowledgement is nobody's wish: not in the backlog, not in the storage, nor in anything's way", async () => {
  const storage = new FakeStorage();
  const { headcount, time, sockets, of } = await online({ storage });
  for (let id = 0; id < 120; id += 1) sockets[0].say(push(bonus({ bonus_id: String(id) })));
  await time.pass(500);
  assert.deepEqual([sockets[0].of("ack").length, of("backlog"), storage.items.size], [120, [], 0]);
  headcount.act("like");
  headcount.claim("0");
  assert.deepEqual([sockets[0].of("act").length, sockets[0].of("claim").length], [1, 1]);
  assert.deepEqual(headcount.backlog, { count: 2, isStuck: false });
  for (let count = 2; count < 100; count += 1) headcount.act("like");
  sockets[0].say(push(bonus({ bonus_id: "more" })));
  await time.pass(500);
  assert.equal(sockets[0].last("ack").bonus_id, "more");
});

test("close leaves no acknowledgement behind", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].say(push(bonus()));
  headcount.close();
  await time.pass(2_000);
  assert.deepEqual([time.pending, sockets[0].of("ack")], [0, []]);
});

test("a page that leaves when it sees an offer leaves nothing behind", async () => {
  const { headcount, time, sockets } = await online();
  headcount.on("bonus", () => headcount.close());
  sockets[0].say(push(bonus()));
  assert.equal(time.pending, 0);
});

// Offers in the stream.

test("an offer in the stream is told as an event and as a bonus, once", async () => {
  const { sockets, of } = await online();
  sockets[0].say(offered(1));
  sockets[0].say(offered(1));
  sockets[0].say(push(plain()));
  assert.deepEqual([of("event").length, of("bonus")], [1, [plain()]]);
});

test("an offer that comes when its window is over is an event only", async () => {
  const { sockets, of } = await online();
  sockets[0].say(offered(1, { expires_at: NOW }));
  sockets[0].say(offered(2, { bonus_id: "c", expires_at: NOW + 1 }));
  assert.deepEqual([of("event").length, of("bonus").map(({ bonus_id }) => bonus_id)], [2, ["c"]]);
});

test("of offers that a welcome brings in its events, its bonuses say which still hold", async () => {
  const events = [offered(1).event, offered(2, { bonus_id: "cancelled-meanwhile" }).event];
  for (const recovered of [true, false]) {
    const { time, sockets, of } = await online();
    sockets[0].drop();
    await time.pass(500);
    await greet(sockets[1], { seq: 2, recovered, events, bonuses: [plain()] });
    assert.deepEqual(of("bonus"), [plain()]);
  }
});

test("an offer that was pushed while the welcome was under way is not in it, and told", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].say(offered(2));
  sockets[0].say(welcome("id1", { seq: 1, events: [event(1)] }));
  assert.deepEqual(of("bonus"), [plain()]);
});

// How it ends.

test("a claim on another device is told with its bonus, once", async () => {
  const { sockets, of } = await online();
  sockets[0].say(push(plain()));
  sockets[0].say(claimed(1));
  sockets[0].say(claimed(1));
  assert.deepEqual(of("bonus"), [plain(), plain({ outcome: "claimed" })]);
});

test("an offer that comes after its claim, pushed late, is claimed", async () => {
  const { sockets, of } = await online();
  sockets[0].say(claimed(1));
  sockets[0].say(push(plain()));
  assert.deepEqual(of("bonus"), [plain({ outcome: "claimed" })]);
});

test("a claim that was missed is told, be it recovered or in a snapshot", async () => {
  for (const recovered of [true, false]) {
    const { time, sockets, of } = await online();
    sockets[0].say(push(plain()));
    sockets[0].drop();
    await time.pass(500);
    await greet(sockets[1], { seq: 1, recovered, events: [claimed(1).event] });
    assert.deepEqual(outcomes(of), [null, "claimed"]);
  }
});

test("how a claim of this client's ended is told with its bonus, then as a claim", async () => {
  const { headcount, sockets, heard, of } = await online();
  sockets[0].say(push(plain()));
  headcount.claim("b");
  sockets[0].say(claim(sockets[0].last("claim").id, "sold_out"));
  await settled();
  assert.deepEqual(outcomes(of), [null, "sold_out"]);
  assert.deepEqual(heard.slice(-3).map(([name]) => name), ["bonus", "backlog", "claim"]);
});

test("so is a claim of the page before", async () => {
  const storage = new FakeStorage();
  (await online({ storage })).headcount.claim("b");
  const { sockets, of } = await online({ storage, newId: () => "other" });
  sockets[0].say(push(plain()));
  sockets[0].say(claim(sockets[0].last("claim").id, "expired"));
  assert.deepEqual(outcomes(of), [null, "expired"]);
});

test("sold out and cancelled are pushed, and told once", async () => {
  for (const outcome of ["sold_out", "cancelled"]) {
    const { sockets, of } = await online();
    sockets[0].say(push(plain()));
    for (let twice = 0; twice < 2; twice += 1) sockets[0].say(push(plain({ outcome })));
    assert.deepEqual(outcomes(of), [null, outcome]);
  }
});

test("a cancelled bonus stays cancelled, whatever push or welcome comes late", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].say(push(plain()));
  sockets[0].say(push(plain({ outcome: "cancelled" })));
  sockets[0].say(welcome("id1", { bonuses: [plain()] }));
  sockets[0].say(push(plain()));
  assert.deepEqual(outcomes(of), [null, "cancelled"]);
});

test("what was claimed is not cancelled", async () => {
  const { sockets, of } = await online();
  sockets[0].say(push(plain()));
  sockets[0].say(claimed(1));
  sockets[0].say(push(plain({ outcome: "cancelled" })));
  assert.deepEqual(outcomes(of), [null, "claimed"]);
});

test("an open offer that a welcome does not name is left as it is: it may be one of more than ten", async () => {
  const { headcount, time, sockets, of } = await online();
  sockets[0].say(push(plain()));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(outcomes(of), [null]);
  headcount.claim("b");
  sockets[1].say(claim(sockets[1].last("claim").id, "cancelled"));
  assert.deepEqual(outcomes(of), [null, "cancelled"]);
});
