/** A user who sends too much is told when to come again. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EPOCH, event, greet, online, setUp, settled, welcome } from "./fakes.mjs";

const slow = (re, retry_after_ms) => ({ type: "error", re, code: "slow_down", reason: "too many messages", retry_after_ms });
const acted = (re, seq) => ({ type: "acted", re, server_now: 1, epoch: EPOCH, event: event(seq) });

test("what is refused is sent again, with the same id, when it is let through", async () => {
  const { headcount, time, sockets } = await online();
  const act = headcount.act("like");
  sockets[0].say(slow("id2", 3_000));
  await time.pass(3_249);
  assert.equal(sockets[0].of("act").length, 1);
  await time.pass(1);
  assert.deepEqual(sockets[0].of("act").map(({ id }) => id), ["id2", "id2"]);
  sockets[0].say(acted("id2", 1));
  assert.deepEqual(await act, event(1));
});

test("until then nothing else is sent, and after it everything", async () => {
  const { headcount, time, sockets } = await online();
  headcount.claim("a");
  sockets[0].say(slow("id2", 3_000));
  headcount.claim("b");
  headcount.act("like");
  headcount.ledger().catch(() => {});
  assert.equal(sockets[0].sent.length, 2);
  await time.pass(3_250);
  assert.deepEqual(sockets[0].sent.slice(2).map(({ action, bonus_id }) => bonus_id ?? action), ["a", "b", "act", "ledger"]);
});

test("what is under way is answered meanwhile, and what it held up waits", async () => {
  const { headcount, time, sockets } = await online();
  const first = headcount.act("first");
  headcount.act("second");
  headcount.claim("b");
  sockets[0].say(slow("id4", 3_000));
  sockets[0].say(acted("id2", 1));
  assert.deepEqual(await first, event(1));
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first"]);
  await time.pass(3_250);
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first", "second"]);
});

test("the last word counts when several are refused", async () => {
  const { headcount, time, sockets } = await online();
  for (const id of ["a", "b"]) headcount.claim(id);
  sockets[0].say(slow("id2", 1_000));
  sockets[0].say(slow("id3", 5_000));
  await time.pass(5_249);
  assert.equal(sockets[0].of("claim").length, 2);
  await time.pass(1);
  assert.equal(sockets[0].of("claim").length, 4);
});

test("a new connection does not end the wait", async () => {
  const { headcount, time, sockets } = await online();
  headcount.act("like");
  sockets[0].say(slow("id2", 3_000));
  sockets[0].drop(1000);
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].sent.map(({ action }) => action), ["hello"]);
  await time.pass(2_750);
  assert.equal(sockets[1].of("act").length, 1);
});

test("the server is well: nothing is stuck", async () => {
  const { headcount, sockets } = await online();
  headcount.act("like");
  sockets[0].say(slow("id2", 3_000));
  assert.deepEqual(headcount.backlog, { count: 1, isStuck: false });
});

test("an acknowledgement that is refused so waits as well", async () => {
  const { time, sockets } = await online();
  const bonus = { bonus_id: "b", reward: {}, opens_at: 1, expires_at: 6_000_000, outcome: null, acknowledge: true };
  sockets[0].say({ type: "bonus", server_now: 1, broadcast: null, bonus });
  await time.pass(500);
  sockets[0].say(slow(sockets[0].last("ack").id, 3_000));
  await time.pass(3_249);
  assert.equal(sockets[0].of("ack").length, 1);
  await time.pass(1);
  assert.equal(sockets[0].of("ack").length, 2);
});

test("a hello that is refused so is said again on its line, when it is let through", async () => {
  const { time, sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].say(slow("id1", 3_000));
  assert.deepEqual(of("status").at(-1), { status: "connecting", reason: "waiting for the rate limit: this user sent too many messages", retryAt: null });
  await time.pass(3_249);
  assert.equal(sockets[0].of("hello").length, 1);
  await time.pass(1);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].say(welcome(sockets[0].last("hello").id));
  await time.pass(60_000);
  assert.deepEqual([of("status").at(-1).status, sockets[0].of("hello").length, sockets.length], ["online", 2, 1]);
});

test("a hello for a gap that is refused so leaves the line in use", async () => {
  const { time, sockets, of } = await online();
  sockets[0].say({ type: "event", server_now: 1, epoch: EPOCH, event: event(2) });
  await time.pass(200);
  sockets[0].say(slow(sockets[0].last("hello").id, 3_000));
  sockets[0].say({ type: "event", server_now: 1, epoch: EPOCH, event: event(3) });
  await time.pass(3_249);
  assert.equal(sockets[0].of("hello").length, 2);
  await time.pass(1);
  assert.deepEqual([sockets[0].of("hello").length, of("status").at(-1).status], [3, "online"]);
});

test("a server that closes all the same is come back to with room, not at once and again", async () => {
  const { headcount, time, sockets, of } = await online();
  headcount.act("like");
  const waits = [];
  for (let loss = 0; loss < 5; loss += 1) {
    sockets.at(-1).say(slow("id2", 200));
    sockets.at(-1).drop(1000, "Connection Closed Normally");
    waits.push(of("status").at(-1).retryAt - time.now);
    await time.pass(waits.at(-1));
    await greet(sockets.at(-1));
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 4_000]);
});

test("close leaves no wait behind", async () => {
  const { headcount, time, sockets } = await online();
  const act = headcount.act("like");
  sockets[0].say(slow("id2", 3_000));
  headcount.close();
  await assert.rejects(act, { code: "closed" });
  assert.equal(time.pending, 0);
});
