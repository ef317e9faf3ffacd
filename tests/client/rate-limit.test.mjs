/** What the client does when the server limits its user. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { greet, online, setUp, settled } from "./fakes.mjs";
import { acted, bonus, bonusPush, event, keptOut, pushed, slowDown, welcome } from "./messages.mjs";

test("a rate-limited request is sent again, with the same id, when the server accepts it", async () => {
  const { headcount, time, sockets } = await online();
  const act = headcount.act("like");
  sockets[0].receive(slowDown("id2", 3_000));
  await time.pass(3_249);
  assert.equal(sockets[0].of("act").length, 1);
  await time.pass(1);
  assert.deepEqual(sockets[0].of("act").map(({ id }) => id), ["id2", "id2"]);
  sockets[0].receive(acted("id2", 1));
  assert.deepEqual(await act, event(1));
});

test("until then nothing else is sent, and then everything", async () => {
  const { headcount, time, sockets } = await online();
  headcount.claim("a");
  sockets[0].receive(slowDown("id2", 3_000));
  headcount.claim("b");
  headcount.act("like");
  headcount.ledger().catch(() => {});
  assert.equal(sockets[0].sent.length, 2);
  await time.pass(3_250);
  assert.deepEqual(sockets[0].sent.slice(2).map(({ action, bonus_id }) => bonus_id ?? action), ["a", "b", "act", "ledger"]);
});

test("requests sent before are answered meanwhile, and those behind them wait", async () => {
  const { headcount, time, sockets } = await online();
  const first = headcount.act("first");
  headcount.act("second");
  headcount.claim("b");
  sockets[0].receive(slowDown("id4", 3_000));
  sockets[0].receive(acted("id2", 1));
  assert.deepEqual(await first, event(1));
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first"]);
  await time.pass(3_250);
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first", "second"]);
});

test("the last wait counts when several requests are refused", async () => {
  const { headcount, time, sockets } = await online();
  for (const id of ["a", "b"]) headcount.claim(id);
  sockets[0].receive(slowDown("id2", 1_000));
  sockets[0].receive(slowDown("id3", 5_000));
  await time.pass(5_249);
  assert.equal(sockets[0].of("claim").length, 2);
  await time.pass(1);
  assert.equal(sockets[0].of("claim").length, 4);
});

test("a new connection does not end the wait", async () => {
  const { headcount, time, sockets } = await online();
  headcount.act("like");
  sockets[0].receive(slowDown("id2", 3_000));
  sockets[0].drop(1000);
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].sent.map(({ action }) => action), ["hello"]);
  await time.pass(2_750);
  assert.equal(sockets[1].of("act").length, 1);
});

test("a rate limit does not make the backlog stuck", async () => {
  const { headcount, sockets } = await online();
  headcount.act("like");
  sockets[0].receive(slowDown("id2", 3_000));
  assert.deepEqual(headcount.backlog, { count: 1, isStuck: false });
});

test("a rate-limited acknowledgement waits too", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(bonusPush(bonus({ expires_at: 6_000_000, acknowledge: true })));
  await time.pass(500);
  sockets[0].receive(slowDown(sockets[0].last("ack").id, 3_000));
  await time.pass(3_249);
  assert.equal(sockets[0].of("ack").length, 1);
  await time.pass(1);
  assert.equal(sockets[0].of("ack").length, 2);
});

test("a rate-limited hello is repeated on its connection when the server accepts it", async () => {
  const { time, sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(slowDown("id1", 3_000));
  assert.deepEqual(of("status").at(-1), { status: "connecting", reason: "waiting for the rate limit: this user sent too many messages", code: "over_limit", retryAt: null });
  await time.pass(3_249);
  assert.equal(sockets[0].of("hello").length, 1);
  await time.pass(1);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].receive(welcome(sockets[0].last("hello").id));
  await time.pass(60_000);
  assert.deepEqual([of("status").at(-1).status, sockets[0].of("hello").length, sockets.length], ["online", 2, 1]);
});

test("a rate-limited hello for a gap leaves the connection in use", async () => {
  const { time, sockets, of } = await online();
  sockets[0].receive(pushed(event(2)));
  await time.pass(200);
  sockets[0].receive(slowDown(sockets[0].last("hello").id, 3_000));
  sockets[0].receive(pushed(event(3)));
  await time.pass(3_249);
  assert.equal(sockets[0].of("hello").length, 2);
  await time.pass(1);
  assert.deepEqual([sockets[0].of("hello").length, of("status").at(-1).status], [3, "online"]);
});

test("a user who is kept out comes back when the server lets them, and loses nothing", async () => {
  const { headcount, time, sockets, of } = await online();
  const act = headcount.act("like");
  sockets[0].receive(keptOut(60_000));
  assert.deepEqual(of("status").at(-1), {
    status: "offline",
    reason: "refused for a while: this user sent too many messages",
    code: "over_limit",
    retryAt: time.now + 60_250,
  });
  assert.equal(sockets[0].closed, 4000);
  await time.pass(60_249);
  assert.equal(sockets.length, 1);
  await time.pass(1);
  await greet(sockets[1]);
  sockets[1].receive(acted(sockets[1].last("act").id, 1));
  assert.deepEqual(await act, event(1));
  assert.equal(sockets[1].last("act").id, sockets[0].last("act").id);
});

test("neither a wake nor the network brings a user back who is kept out", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].receive(keptOut(60_000));
  headcount.wake();
  await time.pass(30_000);
  headcount.wake();
  await time.pass(30_249);
  assert.equal(sockets.length, 1);
  await time.pass(1);
  assert.equal(sockets.length, 2);
});

test("a hello that is refused so waits as long", async () => {
  const { time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(keptOut(5_000));
  await time.pass(5_249);
  assert.equal(sockets.length, 1);
  await time.pass(1);
  await greet(sockets[1]);
  assert.equal(sockets[1].of("hello").length, 1);
});

test("a handshake that is refused is tried again with growing waits, as any other", async () => {
  const { time, sockets, of } = await online();
  sockets[0].drop(1000);
  const waits = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    waits.push(of("status").at(-1).retryAt - time.now);
    await time.pass(waits.at(-1));
    sockets.at(-1).drop(1006);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000]);
});

test("when the server closes the connection as well, the attempts have growing waits", async () => {
  const { headcount, time, sockets, of } = await online();
  headcount.act("like");
  const waits = [];
  for (let loss = 0; loss < 5; loss += 1) {
    sockets.at(-1).receive(slowDown("id2", 200));
    sockets.at(-1).drop(1000, "Connection Closed Normally");
    waits.push(of("status").at(-1).retryAt - time.now);
    await time.pass(waits.at(-1));
    await greet(sockets.at(-1));
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 4_000]);
});

test("close leaves no timer for the rate limit", async () => {
  const { headcount, time, sockets } = await online();
  const act = headcount.act("like");
  sockets[0].receive(slowDown("id2", 3_000));
  headcount.close();
  await assert.rejects(act, { code: "closed" });
  assert.equal(time.pending, 0);
});
