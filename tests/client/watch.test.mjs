import assert from "node:assert/strict";
import { test } from "node:test";

import { EPOCH, FakeStorage, event, greet, online, setUp, settled, welcome } from "./fakes.mjs";

const MINUTE = 60_000;
const watching = (re, resource, more = {}) => ({
  type: "watching",
  re,
  server_now: 5_000_000,
  resource,
  is_counted: true,
  session: { joined_at: 4_000_000, connections: 1 },
  watched_ms: 7,
  ...more,
});
const told = (resource) => ({
  resource,
  server_now: 5_000_000,
  session: { joined_at: 4_000_000, connections: 1 },
  watched_ms: 7,
});
const nowhere = { is_counted: false, session: { joined_at: null, connections: 0 } };
const refusal = (re, code) => ({ type: "error", re, code, reason: "a reason" });
const acted = (re, seq, more) => ({ type: "acted", re, server_now: 1, epoch: EPOCH, event: event(seq), ...more });

/** The other end moves the connection to whatever was asked for last. */
const agree = (socket) => {
  const { id, resource } = socket.last("watch");
  socket.say(watching(id, resource));
};

// Moving.

test("a watch resolves with the session it leads to, and is told", async () => {
  const { headcount, sockets, of } = await online();
  const moving = headcount.watch("two");
  assert.deepEqual(sockets[0].last("watch"), { action: "watch", id: "id2", resource: "two" });
  agree(sockets[0]);
  assert.deepEqual(await moving, told("two"));
  assert.deepEqual(of("watching"), [told("two")]);
});

test("a move is followed by a hello, which brings the bonuses that are open there", async () => {
  const bonus = { bonus_id: "b", reward: {}, opens_at: 1, expires_at: 2, outcome: null };
  const { headcount, sockets, of } = await online();
  headcount.watch("two");
  agree(sockets[0]);
  agree(sockets[0]);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].say(welcome(sockets[0].last("hello").id, { resource: "two", bonuses: [bonus] }));
  assert.deepEqual(of("bonus"), [bonus]);
});

test("a watch is sent only once the one before has its answer, and the last one wins", async () => {
  const { headcount, sockets } = await online();
  const moves = ["one", "two", "three"].map((resource) => headcount.watch(resource));
  assert.deepEqual(sockets[0].of("watch").map(({ resource }) => resource), ["one"]);
  agree(sockets[0]);
  assert.deepEqual(sockets[0].of("watch").map(({ resource }) => resource), ["one", "three"]);
  agree(sockets[0]);
  assert.deepEqual((await Promise.all(moves)).map(({ resource }) => resource), ["one", "three", "three"]);
});

test("of what is wanted without a connection only the last is sent", async () => {
  const { headcount, sockets } = setUp();
  const moves = ["one", "two"].map((resource) => headcount.watch(resource));
  await settled();
  await greet(sockets[0]);
  assert.deepEqual(sockets[0].of("watch").map(({ resource }) => resource), ["two"]);
  agree(sockets[0]);
  assert.deepEqual((await Promise.all(moves)).map(({ resource }) => resource), ["two", "two"]);
  assert.deepEqual(headcount.backlog, { count: 0, isStuck: false });
});

test("a watch neither waits for acts nor holds them up", async () => {
  const { headcount, sockets } = await online();
  headcount.act("like");
  headcount.watch("two");
  headcount.act("like");
  assert.deepEqual(sockets[0].sent.slice(1).map(({ action }) => action), ["act", "watch"]);
  sockets[0].say(acted("id2", 1));
  assert.equal(sockets[0].of("act").length, 2);
});

test("a refused watch rejects with its code, and nothing is remembered", async () => {
  const { headcount, time, sockets } = await online();
  const moving = headcount.watch("two");
  sockets[0].say(refusal("id2", "not_allowed"));
  await assert.rejects(moving, { code: "not_allowed" });
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].of("watch"), []);
});

test("an answer that comes twice is told twice and answers once", async () => {
  const { headcount, sockets } = await online();
  const moving = headcount.watch("two");
  agree(sockets[0]);
  agree(sockets[0]);
  assert.deepEqual(await moving, told("two"));
});

test("a watch without an answer is sent again, also over the next connection", async () => {
  const { headcount, time, sockets } = await online();
  const moving = headcount.watch("two");
  await time.pass(30_000);
  assert.deepEqual(sockets[0].of("watch").map(({ id }) => id), ["id2", "id2"]);
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  agree(sockets[1]);
  assert.deepEqual(await moving, told("two"));
});

test("a lost connection takes what was wanted last to the next one, and nothing before it", async () => {
  const { headcount, time, sockets } = await online();
  const moves = ["one", "two"].map((resource) => headcount.watch(resource));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].of("watch").map(({ resource }) => resource), ["two"]);
  agree(sockets[1]);
  assert.deepEqual((await Promise.all(moves)).map(({ resource }) => resource), ["two", "two"]);
});

test("a watch does not outlive its page", async () => {
  const storage = new FakeStorage();
  const { headcount } = await online({ storage });
  headcount.watch("two");
  assert.equal(storage.items.size, 0);
});

test("what was to be watched is rejected by close", async () => {
  const { headcount } = await online();
  const moves = ["one", "two", "three"].map((resource) => headcount.watch(resource));
  headcount.close();
  for (const moving of moves) await assert.rejects(moving, { code: "closed" });
});

// Staying there.

/** A client that has moved to "two"; `wishes` has what its ticket function was asked for. */
async function moved(options) {
  const wishes = [];
  const ticket = async ({ resource }) => {
    wishes.push(resource);
    return { url: "ws://gateway/live", ticket: `t${wishes.length}` };
  };
  const world = await online({ ticket, ...options });
  world.headcount.watch("two");
  agree(world.sockets[0]);
  await settled();
  return { ...world, wishes };
}

test("the next ticket is asked for the resource that is watched now", async () => {
  const { time, sockets, wishes } = await moved();
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { resource: "two" });
  assert.deepEqual(wishes, [null, "two"]);
  assert.deepEqual(sockets[1].of("watch"), []);
});

test("a ticket that names the old resource all the same is followed by a watch", async () => {
  const { time, sockets, of } = await moved();
  for (const next of [1, 2]) {
    sockets[next - 1].drop();
    await time.pass(10_000);
    await greet(sockets[next], { resource: "site" });
    assert.deepEqual(sockets[next].of("watch").map(({ resource }) => resource), ["two"]);
    agree(sockets[next]);
    // What was pushed there meanwhile is in the welcome of a hello that is said there.
    assert.deepEqual(sockets[next].of("hello").length, 2);
  }
  assert.deepEqual(of("watching").map(({ resource }) => resource), ["two", "two", "two"]);
});

test("a move that is refused after a reconnect is given up, and the welcome has said where it is", async () => {
  const { time, sockets, of, wishes } = await moved();
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { resource: "site" });
  sockets[1].say(refusal(sockets[1].last("watch").id, "not_allowed"));
  await settled();
  sockets[1].drop();
  await time.pass(1_000);
  await greet(sockets[2], { resource: "site" });
  assert.deepEqual([sockets[2].of("watch"), wishes.at(-1)], [[], null]);
  assert.equal(of("welcome").at(-1).resource, "site");
});

test("something else that is wanted meanwhile goes before what was watched", async () => {
  const { headcount, time, sockets } = await moved();
  sockets[0].drop();
  headcount.watch("three");
  await time.pass(500);
  await greet(sockets[1], { resource: "site" });
  assert.deepEqual(sockets[1].of("watch").map(({ resource }) => resource), ["three"]);
});

test("a rotation ends up where the line before it was", async () => {
  const { time, sockets, wishes, of } = await moved();
  for (let minute = 0; minute < 102; minute += 1) {
    await time.pass(MINUTE);
    sockets[0].say({ type: "pong", server_now: 1 });
  }
  await time.pass(30_000);
  await greet(sockets[1], { resource: "two" });
  assert.deepEqual([wishes, sockets[0].closed], [[null, "two"], 1000]);
  assert.deepEqual(of("status").map(({ status }) => status), ["connecting", "online"]);
});

// Not counted.

test("a line that is not counted is replaced within a second, and rests on the old one until then", async () => {
  for (const word of [
    (socket) => socket.say(acted("id2", 1, { is_counted: false })),
    (socket) => socket.say(welcome("id2", { is_counted: false })),
    (socket) => socket.say({ type: "claim", re: "x", server_now: 1, epoch: EPOCH, event: event(1), is_counted: false }),
  ]) {
    const { time, sockets, of } = await online();
    word(sockets[0]);
    await time.pass(499);
    assert.equal(sockets.length, 1);
    await time.pass(1);
    assert.deepEqual([sockets.length, sockets[0].closed], [2, null]);
    await greet(sockets[1]);
    assert.equal(sockets[0].closed, 1000);
    assert.deepEqual(of("status").map(({ status }) => status), ["connecting", "online"]);
  }
});

test("a line that hears twice that it is not counted is replaced once", async () => {
  const { time, sockets } = await online();
  for (const seq of [1, 2]) sockets[0].say(acted(`x${seq}`, seq, { is_counted: false }));
  await time.pass(500);
  sockets[0].say(acted("x3", 3, { is_counted: false }));
  await time.pass(10_000);
  assert.equal(sockets.length, 2);
});

test("the next line that is not counted either waits longer, and so on: no storm", async () => {
  const { time, sockets } = await online();
  sockets[0].say(acted("x", 1, { is_counted: false }));
  for (const wait of [500, 1_000, 2_000, 4_000]) {
    const before = sockets.length;
    await time.pass(wait - 1);
    assert.equal(sockets.length, before);
    await time.pass(1);
    assert.equal(sockets.length, before + 1);
    await greet(sockets.at(-1), { is_counted: false });
  }
  await time.pass(8_000);
  await greet(sockets.at(-1));
  sockets.at(-1).say(acted("y", 2, { is_counted: false }));
  const before = sockets.length;
  await time.pass(500);
  assert.equal(sockets.length, before + 1, "counted once, it starts with quick attempts again");
});

test("a line that is not counted and then lost is replaced as any lost one", async () => {
  const { time, sockets, of } = await online();
  sockets[0].say(acted("x", 1, { is_counted: false }));
  sockets[0].drop();
  assert.equal(of("status").at(-1).status, "offline");
  await time.pass(500);
  await greet(sockets[1]);
  await time.pass(10_000);
  assert.deepEqual([sockets.length, of("status").at(-1).status], [2, "online"]);
});

test("a replacement that is refused is tried again while the old line is in use", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].say(acted("x", 1, { is_counted: false }));
  await time.pass(500);
  sockets[1].drop();
  sockets[0].say(acted("y", 2, { is_counted: false }));
  assert.equal(headcount.status.status, "online");
  await time.pass(500);
  assert.equal(sockets.length, 3);
});

test("a watch that led nowhere is sent again over the next line", async () => {
  const { headcount, time, sockets, of } = await online();
  const moving = headcount.watch("two");
  sockets[0].say(watching("id2", "two", nowhere));
  await time.pass(500);
  await greet(sockets[1]);
  agree(sockets[1]);
  assert.deepEqual(await moving, told("two"));
  assert.equal(of("watching").length, 1);
});
