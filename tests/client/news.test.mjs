import assert from "node:assert/strict";
import { test } from "node:test";

import { EPOCH, greet, online, setUp, settled, welcome } from "./fakes.mjs";

const news = (seq) => ({ seq, type: "note", body: { text: `news ${seq}` }, at: 1, expires_at: 2 });
const told = (seq, ...seqs) => ({ seq, recovered: true, news: seqs.map(news) });
const push = (seq, follows) => ({ type: "news", server_now: 1, broadcast: { seq, follows }, news: news(seq) });
const bonus = { bonus_id: "b", reward: {}, opens_at: 1, expires_at: 2, outcome: null, acknowledge: false };
const drop = (seq, follows) => ({ type: "bonus", server_now: 1, broadcast: { seq, follows }, bonus });
const seqs = (of) => of("news").map(({ seq }) => seq);

/** A client whose welcome was at seq 5 of broadcasts. */
async function atFive(options) {
  const world = setUp(options);
  await settled();
  await greet(world.sockets[0], { broadcasts: told(5, 4) });
  return world;
}

test("news is told once, pushed or in a welcome", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].say(push(6, 5));
  sockets[0].say(push(6, 5));
  assert.deepEqual(of("news"), [news(4), news(6)]);
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { broadcasts: told(8, 6, 8) });
  assert.deepEqual(seqs(of), [4, 6, 8]);
});

test("the next hello names the last welcome's seq, whatever was pushed since", async () => {
  const { time, sockets } = await atFive();
  sockets[0].say(push(6, 5));
  sockets[0].drop();
  await time.pass(500);
  sockets[1].accept();
  assert.deepEqual(sockets[1].last("hello"), { action: "hello", id: "id2", since: 0, epoch: EPOCH, broadcasts_since: 5 });
});

test("a gap is asked about on its line, within half a minute since everybody may have it, and once", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].say(push(8, 7));
  sockets[0].say(push(9, 8));
  assert.deepEqual(seqs(of), [4, 8, 9]);
  await time.pass(14_999);
  assert.equal(sockets[0].of("hello").length, 1);
  await time.pass(1);
  assert.equal(sockets[0].last("hello").broadcasts_since, 5);
  sockets[0].say(welcome(sockets[0].last("hello").id, { broadcasts: told(9, 7, 8, 9) }));
  await time.pass(60_000);
  assert.deepEqual([sockets[0].of("hello").length, seqs(of)], [2, [4, 8, 9, 7]]);
});

test("a gap that closes by itself is not asked about", async () => {
  const { time, sockets } = await atFive();
  sockets[0].say(push(7, 6));
  sockets[0].say(push(6, 5));
  await time.pass(60_000);
  assert.equal(sockets[0].of("hello").length, 1);
});

test("a bonus has its place among the broadcasts: one that is missing is noticed by the news after it", async () => {
  const { time, sockets } = await atFive();
  sockets[0].say(drop(6, 5));
  sockets[0].say(push(7, 6));
  await time.pass(60_000);
  assert.equal(sockets[0].of("hello").length, 1);
  sockets[0].say(push(9, 8));
  await time.pass(15_000);
  assert.equal(sockets[0].of("hello").length, 2);
});

test("a bonus behind a gap is offered at once", async () => {
  const { sockets, of } = await atFive();
  sockets[0].say(drop(9, 8));
  assert.deepEqual(of("bonus"), [bonus]);
});

test("a bonus that is told to one user has no place", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].say({ ...drop(), broadcast: null });
  await time.pass(60_000);
  assert.deepEqual([of("bonus").length, sockets[0].of("hello").length], [1, 1]);
});

test("a gap that stays is asked about less and less", async () => {
  const { time, sockets } = await atFive();
  sockets[0].say(push(8, 7));
  for (const wait of [15_000, 30_000, 60_000]) {
    const before = sockets[0].of("hello").length;
    await time.pass(wait - 1);
    assert.equal(sockets[0].of("hello").length, before);
    await time.pass(1);
    assert.equal(sockets[0].of("hello").length, before + 1);
    sockets[0].say(welcome(sockets[0].last("hello").id, { broadcasts: told(5) }));
  }
  sockets[0].say(push(7, 5));
  sockets[0].say(push(10, 9));
  const before = sockets[0].of("hello").length;
  await time.pass(15_000);
  assert.equal(sockets[0].of("hello").length, before + 1, "another gap begins anew");
});

test("a gap is no reason to ask while a hello has no answer, nor without a line", async () => {
  const { time, sockets } = await atFive();
  sockets[0].say(push(8, 7));
  await time.pass(14_000);
  sockets[0].say({ type: "event", server_now: 1, epoch: EPOCH, event: { seq: 2, type: "like", body: {}, at: 1, id: "x" } });
  await time.pass(2_000);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].say(welcome(sockets[0].last("hello").id, { seq: 2, recovered: true, events: [], broadcasts: told(5) }));
  sockets[0].drop();
  await time.pass(20_000);
  assert.deepEqual(sockets.map((socket) => socket.of("hello").length), [2, 0]);
});

test("whoever watches something else asks for all the news that is good there", async () => {
  const { headcount, time, sockets, of } = await atFive();
  sockets[0].say(push(8, 7));
  headcount.watch("two");
  const { id, resource } = sockets[0].last("watch");
  sockets[0].say({ type: "watching", re: id, server_now: 1, resource, is_counted: true, session: { joined_at: 1, connections: 1 }, watched_ms: 0 });
  const hello = sockets[0].last("hello");
  assert.deepEqual(hello, { action: "hello", id: hello.id, since: 0, epoch: EPOCH });
  sockets[0].say(welcome(hello.id, { resource, broadcasts: told(9, 2, 8) }));
  await time.pass(60_000);
  assert.deepEqual([seqs(of), sockets[0].of("hello").length], [[4, 8, 2], 2]);
});

test("so does who was led elsewhere by a ticket", async () => {
  const { time, sockets, of } = await atFive();
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { resource: "two", broadcasts: told(9, 9) });
  await time.pass(15_000);
  const hello = sockets[1].last("hello");
  assert.deepEqual([sockets[1].of("hello").length, hello.broadcasts_since], [2, undefined]);
  sockets[1].say(welcome(hello.id, { resource: "two", broadcasts: told(9, 2, 9) }));
  await time.pass(60_000);
  assert.deepEqual([seqs(of), sockets[1].of("hello").length], [[4, 9, 2], 2]);
});

test("close leaves no question behind", async () => {
  const { headcount, time, sockets } = await atFive();
  sockets[0].say(push(8, 7));
  headcount.close();
  assert.equal(time.pending, 0);
});

test("a page that leaves when it is welcomed asks nothing", async () => {
  const { headcount, time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].say(push(8, 7));
  headcount.on("bonus", () => headcount.close());
  sockets[0].say(welcome(sockets[0].last("hello").id, { bonuses: [bonus], broadcasts: told(6) }));
  assert.equal(time.pending, 0);
});

test("a welcome without a gap takes the question back", async () => {
  const { time, sockets } = await online();
  sockets[0].say(push(8, 7));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { broadcasts: told(8, 7, 8) });
  await time.pass(60_000);
  assert.equal(sockets[1].of("hello").length, 1);
});
