/** Requests until they are answered. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeStorage, greet, online, setUp, settled } from "./fakes.mjs";
import { CRASH, acted, claimed, event, pong, refusal, welcome } from "./messages.mjs";

// Acting and claiming.

test("an act resolves with its event, after the event was dispatched", async () => {
  const { headcount, sockets, of } = await online();
  const act = headcount.act("like", { photo: 7 });
  assert.deepEqual(sockets[0].last("act"), { action: "act", id: "id2", type: "like", body: { photo: 7 } });
  sockets[0].receive(acted("id2", 1));
  assert.deepEqual(of("event"), [event(1)]);
  assert.deepEqual(await act, event(1));
});

test("acts are sent one at a time, in order", async () => {
  const { headcount, sockets } = await online();
  headcount.act("first");
  headcount.act("second");
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first"]);
  sockets[0].receive(acted("id2", 1));
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first", "second"]);
});

test("a claim does not wait for acts, and any outcome is an answer", async () => {
  const { headcount, sockets, of } = await online();
  headcount.act("like");
  const claim = headcount.claim("b");
  sockets[0].receive(claimed("id3", "sold_out"));
  assert.deepEqual(await claim, { bonus_id: "b", outcome: "sold_out", event: null, progress: null });
  assert.deepEqual(of("claim"), [{ bonus_id: "b", outcome: "sold_out", event: null, progress: null }]);
});

test("an unanswered request is sent again with the same id after a reconnect", async () => {
  const { headcount, time, sockets } = await online();
  const act = headcount.act("like");
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].of("act").map(({ id }) => id), ["id2"]);
  sockets[1].receive(acted("id2", 1));
  assert.deepEqual(await act, event(1));
});

test("an act made offline waits for the welcome", async () => {
  const { headcount, sockets } = setUp();
  const act = headcount.act("like");
  await settled();
  sockets[0].accept();
  assert.deepEqual(sockets[0].of("act"), []);
  sockets[0].receive(welcome(sockets[0].last("hello").id));
  sockets[0].receive(acted(sockets[0].last("act").id, 1));
  assert.deepEqual(await act, event(1));
});

test("a repeated answer changes nothing", async () => {
  const { headcount, sockets, of } = await online();
  headcount.act("like");
  sockets[0].receive(acted("id2", 1));
  sockets[0].receive(acted("id2", 1));
  assert.deepEqual(of("event"), [event(1)]);
});

test("a refused act rejects with its code, and the next one is sent", async () => {
  const { headcount, sockets } = await online();
  const act = headcount.act("Bad Type");
  headcount.act("next");
  sockets[0].receive(refusal("id2", "bad_request"));
  await assert.rejects(act, { code: "bad_request", message: "a reason" });
  assert.equal(sockets[0].last("act").type, "next");
});

test("an unavailable request is sent again, after longer waits each time, with the same id", async () => {
  const { headcount, time, sockets } = await online();
  headcount.act("like");
  for (const wait of [500, 1_000, 2_000]) {
    const before = sockets[0].of("act").length;
    sockets[0].receive(refusal("id2", "unavailable"));
    await time.pass(wait - 1);
    assert.equal(sockets[0].of("act").length, before);
    await time.pass(1);
    assert.equal(sockets[0].of("act").length, before + 1);
  }
  assert.deepEqual([...new Set(sockets[0].of("act").map(({ id }) => id))], ["id2"]);
});

test("the backlog is stuck until the server can do the request", async () => {
  const { headcount, time, sockets, of } = await online();
  headcount.act("like");
  sockets[0].receive(refusal("id2", "unavailable"));
  await time.pass(500);
  sockets[0].receive(refusal("id2", "unavailable"));
  await time.pass(1_000);
  sockets[0].receive(acted("id2", 1));
  const expected = [{ count: 1, isStuck: false }, { count: 1, isStuck: true }, { count: 0, isStuck: false }];
  assert.deepEqual(of("backlog"), expected);
  assert.deepEqual(headcount.backlog, expected[2]);
});

test("the status has the reason while a hello cannot be answered", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(refusal("id1", "unavailable"));
  assert.deepEqual(of("status").at(-1), { status: "connecting", reason: "the server is temporarily unavailable", code: "unavailable", retryAt: null });
});

test("a crash behind the gateway repeats all unanswered requests", async () => {
  const { headcount, time, sockets } = await online();
  headcount.act("like");
  headcount.claim("b");
  sockets[0].receive(CRASH);
  await time.pass(500);
  assert.deepEqual([sockets[0].of("act").length, sockets[0].of("claim").length], [2, 2]);
});

test("a request without an answer is repeated after half a minute", async () => {
  const { headcount, time, sockets } = await online();
  headcount.claim("b");
  await time.pass(5_000);
  sockets[0].receive(pong);
  await time.pass(24_999);
  assert.equal(sockets[0].of("claim").length, 1);
  await time.pass(1);
  assert.equal(sockets[0].of("claim").length, 2);
});

test("the queue has room for a hundred", async () => {
  const { headcount } = setUp();
  for (let count = 0; count < 100; count += 1) headcount.act("like").catch(() => {});
  await assert.rejects(headcount.act("like"), { code: "queue_full" });
  headcount.close();
});

test("a message over 16 KB is refused before it is sent, one of 16 KB is not", async () => {
  const { headcount, sockets } = await online();
  const overhead = JSON.stringify({ action: "act", id: "id2", type: "like", body: { text: "" } }).length;
  await assert.rejects(headcount.act("like", { text: "x".repeat(16 * 1024 - overhead + 1) }), { code: "too_large" });
  headcount.act("like", { text: "x".repeat(16 * 1024 - overhead) });
  assert.equal(sockets[0].of("act").length, 1);
});

test("an empty frame and a frame that is not JSON are ignored", async () => {
  const { headcount, sockets } = await online();
  for (const text of ["", "{", "null", "7"]) sockets[0].receive(text);
  assert.equal(headcount.status.status, "online");
});

// A reload.

test("the next page of the same user sends what an earlier page left unanswered", async () => {
  const storage = new FakeStorage();
  const before = await online({ storage });
  before.headcount.act("like", { photo: 7 });
  const after = await online({ storage, newId: () => "other" });
  assert.deepEqual(after.sockets[0].of("act"), [{ action: "act", id: "id2", type: "like", body: { photo: 7 } }]);
  const bob = setUp({ storage });
  await settled();
  await greet(bob.sockets[0], { user_id: "bob" });
  assert.deepEqual(bob.sockets[0].of("act"), []);
});

test("an answer removes the request from the storage", async () => {
  const storage = new FakeStorage();
  const { headcount, sockets } = await online({ storage });
  headcount.act("like");
  assert.equal(storage.items.size, 1);
  sockets[0].receive(acted("id2", 1));
  assert.equal(storage.items.size, 0);
});

test("a storage that is full or holds something else affects only a reload", async () => {
  const storage = new FakeStorage();
  storage.items.set('headcount.outbox ["ws://gateway/live","ann"]', '{"not":"ours"}');
  storage.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const { headcount, sockets } = await online({ storage });
  headcount.act("like");
  sockets[0].receive(acted("id2", 1));
  assert.equal(headcount.status.status, "online");
});
