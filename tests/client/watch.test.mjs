/** Watching another resource over the same connection, and connections that do not count. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeStorage, answerWatch, greet, keepAlive, online, setUp, settled } from "./fakes.mjs";
import { acted, bonus, claimed, event, refusal, watching, welcome } from "./messages.mjs";

const MINUTE = 60_000;
const moved = (resource) => {
  const { server_now, session, watched_ms, visible_ms } = watching("", resource);
  return { resource, server_now, session, watched_ms, visible_ms };
};
const nowhere = { is_counted: false, session: { joined_at: null, connections: 0 } };

// Moving.

test("a watch resolves with the session there, and dispatches it", async () => {
  const { headcount, sockets, of } = await online();
  const moving = headcount.watch("two");
  assert.deepEqual(sockets[0].last("watch"), { action: "watch", id: "id2", resource: "two" });
  answerWatch(sockets[0]);
  assert.deepEqual(await moving, moved("two"));
  assert.deepEqual(of("watching"), [moved("two")]);
});

test("a hello follows a move, and brings the bonuses that are open there", async () => {
  const { headcount, sockets, of } = await online();
  headcount.watch("two");
  answerWatch(sockets[0]);
  answerWatch(sockets[0]);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].receive(welcome(sockets[0].last("hello").id, { resource: "two", bonuses: [bonus()] }));
  assert.deepEqual(of("bonus"), [bonus()]);
});

test("a watch is sent after the answer to the one before, and the last one wins", async () => {
  const { headcount, sockets } = await online();
  const moves = ["one", "two", "three"].map((resource) => headcount.watch(resource));
  assert.deepEqual(sockets[0].of("watch").map(({ resource }) => resource), ["one"]);
  answerWatch(sockets[0]);
  assert.deepEqual(sockets[0].of("watch").map(({ resource }) => resource), ["one", "three"]);
  answerWatch(sockets[0]);
  assert.deepEqual((await Promise.all(moves)).map(({ resource }) => resource), ["one", "three", "three"]);
});

test("of the watches made without a connection, only the last is sent", async () => {
  const { headcount, sockets } = setUp();
  const moves = ["one", "two"].map((resource) => headcount.watch(resource));
  await settled();
  await greet(sockets[0]);
  assert.deepEqual(sockets[0].of("watch").map(({ resource }) => resource), ["two"]);
  answerWatch(sockets[0]);
  assert.deepEqual((await Promise.all(moves)).map(({ resource }) => resource), ["two", "two"]);
  assert.deepEqual(headcount.backlog, { count: 0, isStuck: false });
});

test("watches and acts do not wait for each other", async () => {
  const { headcount, sockets } = await online();
  headcount.act("like");
  headcount.watch("two");
  headcount.act("like");
  assert.deepEqual(sockets[0].sent.slice(1).map(({ action }) => action), ["act", "watch"]);
  sockets[0].receive(acted("id2", 1));
  assert.equal(sockets[0].of("act").length, 2);
});

test("a refused watch rejects with its code and is not remembered", async () => {
  const { headcount, time, sockets } = await online();
  const moving = headcount.watch("two");
  sockets[0].receive(refusal("id2", "not_allowed"));
  await assert.rejects(moving, { code: "not_allowed" });
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].of("watch"), []);
});

test("a repeated answer resolves the watch once", async () => {
  const { headcount, sockets } = await online();
  const moving = headcount.watch("two");
  answerWatch(sockets[0]);
  answerWatch(sockets[0]);
  assert.deepEqual(await moving, moved("two"));
});

test("a watch without an answer is sent again, also over the next connection", async () => {
  const { headcount, time, sockets } = await online();
  const moving = headcount.watch("two");
  await keepAlive(time, sockets[0], 30_000);
  assert.deepEqual(sockets[0].of("watch").map(({ id }) => id), ["id2", "id2"]);
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  answerWatch(sockets[1]);
  assert.deepEqual(await moving, moved("two"));
});

test("after a loss only the last watch is sent over the next connection", async () => {
  const { headcount, time, sockets } = await online();
  const moves = ["one", "two"].map((resource) => headcount.watch(resource));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].of("watch").map(({ resource }) => resource), ["two"]);
  answerWatch(sockets[1]);
  assert.deepEqual((await Promise.all(moves)).map(({ resource }) => resource), ["two", "two"]);
});

test("a watch does not survive a reload", async () => {
  const storage = new FakeStorage();
  const { headcount } = await online({ storage });
  headcount.watch("two");
  assert.equal(storage.items.size, 0);
});

test("close rejects all watches that wait", async () => {
  const { headcount } = await online();
  const moves = ["one", "two", "three"].map((resource) => headcount.watch(resource));
  headcount.close();
  for (const moving of moves) await assert.rejects(moving, { code: "closed" });
});

// Staying there.

/** A client that has moved to "two"; `wishes` has what its ticket function was asked for. */
async function onTwo(options) {
  const wishes = [];
  const ticket = async ({ resource }) => {
    wishes.push(resource);
    return { url: "ws://gateway/live", ticket: `t${wishes.length}` };
  };
  const client = await online({ ticket, ...options });
  client.headcount.watch("two");
  answerWatch(client.sockets[0]);
  await settled();
  return { ...client, wishes };
}

test("the next ticket is requested for the resource that is watched now", async () => {
  const { time, sockets, wishes } = await onTwo();
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { resource: "two" });
  assert.deepEqual(wishes, [null, "two"]);
  assert.deepEqual(sockets[1].of("watch"), []);
});

test("a watch follows a ticket that names the old resource", async () => {
  const { time, sockets, of } = await onTwo();
  for (const next of [1, 2]) {
    sockets[next - 1].drop();
    await time.pass(10_000);
    await greet(sockets[next], { resource: "site" });
    assert.deepEqual(sockets[next].of("watch").map(({ resource }) => resource), ["two"]);
    answerWatch(sockets[next]);
    // The hello brings what was pushed there meanwhile.
    assert.deepEqual(sockets[next].of("hello").length, 2);
  }
  assert.deepEqual(of("watching").map(({ resource }) => resource), ["two", "two", "two"]);
});

test("a move that is refused after a reconnect is not repeated", async () => {
  const { time, sockets, of, wishes } = await onTwo();
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { resource: "site" });
  sockets[1].receive(refusal(sockets[1].last("watch").id, "not_allowed"));
  await settled();
  sockets[1].drop();
  await time.pass(1_000);
  await greet(sockets[2], { resource: "site" });
  assert.deepEqual([sockets[2].of("watch"), wishes.at(-1)], [[], null]);
  assert.equal(of("welcome").at(-1).resource, "site");
});

test("a watch made while offline replaces the resource watched before", async () => {
  const { headcount, time, sockets } = await onTwo();
  sockets[0].drop();
  headcount.watch("three");
  await time.pass(500);
  await greet(sockets[1], { resource: "site" });
  assert.deepEqual(sockets[1].of("watch").map(({ resource }) => resource), ["three"]);
});

test("after a rotation the new connection watches the same resource", async () => {
  const { time, sockets, wishes, of } = await onTwo();
  await keepAlive(time, sockets[0], 102.5 * MINUTE);
  await greet(sockets[1], { resource: "two" });
  assert.deepEqual([wishes, sockets[0].closed], [[null, "two"], 1000]);
  assert.deepEqual(of("status").map(({ status }) => status), ["connecting", "online"]);
});

// Not counted.

test("a connection that is not counted is replaced within a second, and used until then", async () => {
  for (const word of [
    (socket) => socket.receive(acted("id2", 1, { is_counted: false })),
    (socket) => socket.receive(welcome("id2", { is_counted: false })),
    (socket) => socket.receive({ ...claimed("x", "claimed"), event: event(1), is_counted: false }),
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

test("a connection reported twice as not counted is replaced once", async () => {
  const { time, sockets } = await online();
  for (const seq of [1, 2]) sockets[0].receive(acted(`x${seq}`, seq, { is_counted: false }));
  await time.pass(500);
  sockets[0].receive(acted("x3", 3, { is_counted: false }));
  await time.pass(10_000);
  assert.equal(sockets.length, 2);
});

test("each further connection that is not counted waits longer", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(acted("x", 1, { is_counted: false }));
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
  sockets.at(-1).receive(acted("y", 2, { is_counted: false }));
  const before = sockets.length;
  await time.pass(500);
  assert.equal(sockets.length, before + 1, "counted once, it starts with quick attempts again");
});

test("a connection that is not counted and then lost is replaced like any lost one", async () => {
  const { time, sockets, of } = await online();
  sockets[0].receive(acted("x", 1, { is_counted: false }));
  sockets[0].drop();
  assert.equal(of("status").at(-1).status, "offline");
  await time.pass(500);
  await greet(sockets[1]);
  await time.pass(10_000);
  assert.deepEqual([sockets.length, of("status").at(-1).status], [2, "online"]);
});

test("a refused replacement is tried again while the old connection is in use", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].receive(acted("x", 1, { is_counted: false }));
  await time.pass(500);
  sockets[1].drop();
  sockets[0].receive(acted("y", 2, { is_counted: false }));
  assert.equal(headcount.status.status, "online");
  await time.pass(500);
  assert.equal(sockets.length, 3);
});

test("a watch on a connection that is not counted is sent again over the next one", async () => {
  const { headcount, time, sockets, of } = await online();
  const moving = headcount.watch("two");
  sockets[0].receive(watching("id2", "two", nowhere));
  await time.pass(500);
  await greet(sockets[1]);
  answerWatch(sockets[1]);
  assert.deepEqual(await moving, moved("two"));
  assert.equal(of("watching").length, 1);
});
