/** News: each reported once, and asked for when it is missing. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { answerWatch, greet, online, setUp, settled } from "./fakes.mjs";
import { EPOCH, bonus, bonusPush, broadcastsUpTo, event, news, newsPush, pushed, welcome } from "./messages.mjs";

const seqs = (of) => of("news").map(({ seq }) => seq);

/** A client whose welcome was at seq 5 of broadcasts. */
async function atFive(options) {
  const client = setUp(options);
  await settled();
  await greet(client.sockets[0], { broadcasts: broadcastsUpTo(5, 4) });
  return client;
}

test("news is reported once, pushed or in a welcome", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].receive(newsPush(6, 5));
  sockets[0].receive(newsPush(6, 5));
  assert.deepEqual(of("news"), [news(4), news(6)]);
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { broadcasts: broadcastsUpTo(8, 6, 8) });
  assert.deepEqual(seqs(of), [4, 6, 8]);
});

test("the next hello has the seq of the last welcome, not of later pushes", async () => {
  const { time, sockets } = await atFive();
  sockets[0].receive(newsPush(6, 5));
  sockets[0].drop();
  await time.pass(500);
  sockets[1].accept();
  assert.deepEqual(sockets[1].last("hello"), { action: "hello", id: "id2", since: 0, epoch: EPOCH, broadcasts_since: 5, visible: true, change: 1 });
});

test("a gap is asked for once, on its connection, within half a minute because all clients may have it", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].receive(newsPush(8, 7));
  sockets[0].receive(newsPush(9, 8));
  assert.deepEqual(seqs(of), [4, 8, 9]);
  await time.pass(14_999);
  assert.equal(sockets[0].of("hello").length, 1);
  await time.pass(1);
  assert.equal(sockets[0].last("hello").broadcasts_since, 5);
  sockets[0].receive(welcome(sockets[0].last("hello").id, { broadcasts: broadcastsUpTo(9, 7, 8, 9) }));
  await time.pass(60_000);
  assert.deepEqual([sockets[0].of("hello").length, seqs(of)], [2, [4, 8, 9, 7]]);
});

test("a gap that closes by itself is not asked for", async () => {
  const { time, sockets } = await atFive();
  sockets[0].receive(newsPush(7, 6));
  sockets[0].receive(newsPush(6, 5));
  await time.pass(60_000);
  assert.equal(sockets[0].of("hello").length, 1);
});

test("a bonus has a place among the broadcasts, so the news after it shows that it is missing", async () => {
  const { time, sockets } = await atFive();
  sockets[0].receive(bonusPush(bonus(), { seq: 6, follows: 5 }));
  sockets[0].receive(newsPush(7, 6));
  await time.pass(60_000);
  assert.equal(sockets[0].of("hello").length, 1);
  sockets[0].receive(newsPush(9, 8));
  await time.pass(15_000);
  assert.equal(sockets[0].of("hello").length, 2);
});

test("a bonus after a gap is reported at once", async () => {
  const { sockets, of } = await atFive();
  sockets[0].receive(bonusPush(bonus(), { seq: 9, follows: 8 }));
  assert.deepEqual(of("bonus"), [bonus()]);
});

test("a bonus for one user has no place among the broadcasts", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].receive(bonusPush(bonus()));
  await time.pass(60_000);
  assert.deepEqual([of("bonus").length, sockets[0].of("hello").length], [1, 1]);
});

test("a gap that stays is asked for less and less often", async () => {
  const { time, sockets } = await atFive();
  sockets[0].receive(newsPush(8, 7));
  for (const wait of [15_000, 30_000, 60_000]) {
    const before = sockets[0].of("hello").length;
    await time.pass(wait - 1);
    assert.equal(sockets[0].of("hello").length, before);
    await time.pass(1);
    assert.equal(sockets[0].of("hello").length, before + 1);
    sockets[0].receive(welcome(sockets[0].last("hello").id, { broadcasts: broadcastsUpTo(5) }));
  }
  sockets[0].receive(newsPush(7, 5));
  sockets[0].receive(newsPush(10, 9));
  const before = sockets[0].of("hello").length;
  await time.pass(15_000);
  assert.equal(sockets[0].of("hello").length, before + 1, "another gap starts with the short wait again");
});

test("a gap is not asked for while a hello has no answer, or without a connection", async () => {
  const { time, sockets } = await atFive();
  sockets[0].receive(newsPush(8, 7));
  await time.pass(14_000);
  sockets[0].receive(pushed(event(2)));
  await time.pass(2_000);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].receive(welcome(sockets[0].last("hello").id, { seq: 2, recovered: true, events: [], broadcasts: broadcastsUpTo(5) }));
  sockets[0].drop();
  await time.pass(20_000);
  assert.deepEqual(sockets.map((socket) => socket.of("hello").length), [2, 0]);
});

test("after a watch the client asks for all news that is valid there", async () => {
  const { headcount, time, sockets, of } = await atFive();
  sockets[0].receive(newsPush(8, 7));
  headcount.watch("two");
  answerWatch(sockets[0]);
  const hello = sockets[0].last("hello");
  assert.deepEqual(hello, { action: "hello", id: hello.id, since: 0, epoch: EPOCH, visible: true, change: 1 });
  sockets[0].receive(welcome(hello.id, { resource: "two", broadcasts: broadcastsUpTo(9, 2, 8) }));
  await time.pass(60_000);
  assert.deepEqual([seqs(of), sockets[0].of("hello").length], [[4, 8, 2], 2]);
});

test("it does so too when a ticket leads to another resource", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { resource: "two", broadcasts: broadcastsUpTo(9, 9) });
  await time.pass(15_000);
  const hello = sockets[1].last("hello");
  assert.deepEqual([sockets[1].of("hello").length, hello.broadcasts_since], [2, undefined]);
  sockets[1].receive(welcome(hello.id, { resource: "two", broadcasts: broadcastsUpTo(9, 2, 9) }));
  await time.pass(60_000);
  assert.deepEqual([seqs(of), sockets[1].of("hello").length], [[4, 9, 2], 2]);
});

test("close leaves no timer for a gap", async () => {
  const { headcount, time, sockets } = await atFive();
  sockets[0].receive(newsPush(8, 7));
  headcount.close();
  assert.equal(time.pending, 0);
});

test("a page that closes the client on a welcome leaves no timer", async () => {
  const { headcount, time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(newsPush(8, 7));
  headcount.on("bonus", () => headcount.close());
  sockets[0].receive(welcome(sockets[0].last("hello").id, { bonuses: [bonus()], broadcasts: broadcastsUpTo(6) }));
  assert.equal(time.pending, 0);
});

test("a welcome without a gap cancels the hello", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(newsPush(8, 7));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { broadcasts: broadcastsUpTo(8, 7, 8) });
  await time.pass(60_000);
  assert.equal(sockets[1].of("hello").length, 1);
});

test("cancelled news is to be removed", async () => {
  const { sockets, of } = await atFive();
  sockets[0].receive(newsPush(6, 5));
  const { news: one, ...place } = newsPush(7, 6);
  sockets[0].receive({ ...place, news: { ...one, body: {}, cancels: 6 } });
  assert.deepEqual(seqs(of), [4, 6]);
  assert.deepEqual(of("news_cancelled"), [{ seq: 6 }]);
});
