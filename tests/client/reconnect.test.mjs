/** One connection after another: after a loss, with the network, and before the gateway ends it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { greet, keepAlive, online, setUp, settled } from "./fakes.mjs";
import { EPOCH, acted, event, pong, pushed, welcome } from "./messages.mjs";

const MINUTE = 60_000;

const ticketError = (status) => async () => {
  throw Object.assign(new Error("no ticket"), { status });
};

// Coming back.

test("after a loss the client connects with a new ticket and asks for what it missed", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(pushed(event(1)));
  sockets[0].drop(1001, "Going away");
  await time.pass(500);
  sockets[1].accept();
  assert.equal(sockets[1].url, "ws://gateway/live?ticket=t2");
  assert.deepEqual(sockets[1].last("hello"), { action: "hello", id: "id2", since: 1, epoch: EPOCH, broadcasts_since: 0, visible: true, change: 1 });
});

test("the offline status has the reason and the time of the next attempt", async () => {
  const { time, sockets, of } = await online();
  sockets[0].drop(1001, "Going away");
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "Going away", code: "going_away", retryAt: time.now + 500 });
});

test("refused handshakes widen the window, each with its own ticket", async () => {
  const { time, sockets, of } = setUp();
  await settled();
  for (const wait of [500, 1_000, 2_000, 4_000]) {
    sockets.at(-1).drop(1006);
    assert.equal(of("status").at(-1).retryAt - time.now, wait);
    await time.pass(wait);
  }
  assert.deepEqual(sockets.map(({ url }) => url.at(-1)), ["1", "2", "3", "4", "5"]);
  assert.equal(of("status").at(-1).reason, "the server refused the connection");
});

test("a connection that held for ten seconds resets the attempts, a shorter one does not", async () => {
  const { time, sockets, of } = await online();
  await time.pass(9_999);
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  await time.pass(9_999);
  sockets[1].drop();
  assert.equal(of("status").at(-1).retryAt - time.now, 1_000);
  await time.pass(1_000);
  await greet(sockets[2]);
  await time.pass(10_000);
  sockets[2].drop();
  assert.equal(of("status").at(-1).retryAt - time.now, 500);
});

test("connections that are welcomed and soon lost keep the window under eight seconds", async () => {
  const { time, sockets, of } = await online();
  const waits = [];
  for (let loss = 0; loss < 6; loss += 1) {
    sockets.at(-1).drop();
    waits.push(of("status").at(-1).retryAt - time.now);
    await time.pass(waits.at(-1));
    await greet(sockets.at(-1));
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
});

test("a handshake without an answer ends after half a minute", async () => {
  const { time, sockets, of } = setUp();
  await settled();
  await time.pass(30_000);
  assert.equal(sockets[0].closed, 4000);
  assert.equal(of("status").at(-1).status, "offline");
});

test("a ticket endpoint that fails is called again", async () => {
  for (const status of [undefined, 408, 429, 500, 503]) {
    const { of } = setUp({ ticket: ticketError(status) });
    await settled();
    assert.equal(of("status").at(-1).status, "offline", String(status));
  }
});

test("a refused ticket stops the client and rejects what waits", async () => {
  for (const status of [400, 401, 403, 422]) {
    const { headcount, time, sockets, of } = setUp({ ticket: ticketError(status) });
    const act = headcount.act("like");
    await assert.rejects(act, { code: "stopped" });
    assert.deepEqual(of("status").at(-1), { status: "stopped", reason: "no ticket", code: "refused", retryAt: null });
    await assert.rejects(headcount.act("like"), { code: "stopped" });
    assert.deepEqual([sockets.length, time.pending], [0, 0]);
  }
});

test("the client tries within a second when the network comes back", async () => {
  const window = new EventTarget();
  const { time, sockets } = setUp({ window });
  await settled();
  for (let attempt = 0; attempt < 8; attempt += 1) {
    sockets.at(-1).drop();
    await time.pass(attempt < 7 ? 300_000 : 0);
  }
  const before = sockets.length;
  window.dispatchEvent(new Event("online"));
  await time.pass(500);
  assert.equal(sockets.length, before + 1);
});

// The network.

test("without a network the client is offline at once and sends nothing", async () => {
  const window = new EventTarget();
  const { headcount, sockets, of } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "this device is offline", code: "no_network", retryAt: null });
  headcount.act("like");
  assert.deepEqual([sockets[0].of("act").length, sockets[0].closed], [0, null]);
  assert.deepEqual(of("backlog"), [{ count: 1, isStuck: false }]);
});

test("a connection that survived the loss is used again once it answers, and what waits is sent", async () => {
  const window = new EventTarget();
  const { headcount, time, sockets, of } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  const act = headcount.act("like");
  await time.pass(MINUTE);
  window.dispatchEvent(new Event("online"));
  assert.deepEqual([headcount.status.status, sockets[0].of("ping").length], ["connecting", 2]);
  sockets[0].receive(pong);
  assert.deepEqual([headcount.status.status, sockets.length], ["online", 1]);
  sockets[0].receive(acted("id2", 1));
  assert.deepEqual(await act, event(1));
  assert.deepEqual(of("backlog").map(({ count }) => count), [1, 0]);
});

test("a connection that did not survive the loss is replaced", async () => {
  const window = new EventTarget();
  const { headcount, time, sockets } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  headcount.act("like");
  window.dispatchEvent(new Event("online"));
  await time.pass(10_000 + 500);
  await greet(sockets[1]);
  assert.deepEqual([headcount.status.status, sockets[1].of("act").length], ["online", 1]);
});

test("a connection that ends without a network has that as its reason", async () => {
  const window = new EventTarget();
  const { sockets, of } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  sockets[0].drop(1006);
  assert.equal(of("status").at(-1).reason, "this device is offline");
});

test("an attempt ends when the network goes", async () => {
  const window = new EventTarget();
  const { time, sockets, of } = setUp({ window });
  await settled();
  window.dispatchEvent(new Event("offline"));
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "this device is offline", code: "no_network", retryAt: time.now + 500 });
  assert.equal(sockets[0].closed, 4000);
});

test("the reason changes when the network goes before the next attempt", async () => {
  const window = new EventTarget();
  const { time, sockets, of } = setUp({ window });
  await settled();
  sockets[0].drop();
  window.dispatchEvent(new Event("offline"));
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "this device is offline", code: "no_network", retryAt: time.now + 500 });
});

test("two offline or online events have the effect of one", async () => {
  const window = new EventTarget();
  const { headcount, sockets } = await online({ window });
  for (const name of ["online", "offline", "offline", "online", "online"]) window.dispatchEvent(new Event(name));
  sockets[0].receive(pong);
  assert.deepEqual([headcount.status.status, sockets.length], ["online", 1]);
});

test("a wake never delays an attempt", async () => {
  const { headcount, time, sockets, of } = await online({ random: () => 0.9 });
  sockets[0].drop();
  const { retryAt } = of("status").at(-1);
  await time.pass(850);
  headcount.wake();
  assert.equal(of("status").at(-1).retryAt, retryAt);
});

// Staying.

test("it pings after four minutes in which nothing was answered", async () => {
  const { headcount, time, sockets } = await online();
  await time.pass(3 * MINUTE);
  headcount.act("like");
  sockets[0].receive(acted("id2", 1));
  await time.pass(4 * MINUTE - 1);
  assert.equal(sockets[0].of("ping").length, 0);
  await time.pass(1);
  assert.equal(sockets[0].of("ping").length, 1);
});

test("a pong keeps the connection, and ten seconds of silence end it", async () => {
  const { time, sockets, of } = await online();
  await time.pass(4 * MINUTE + 9_999);
  sockets[0].receive(pong);
  await time.pass(3 * MINUTE);
  assert.equal(of("status").at(-1).status, "online");
  await time.pass(MINUTE + 1);
  assert.deepEqual([of("status").at(-1).status, of("status").at(-1).reason], ["offline", "the connection timed out"]);
});

test("a tab that becomes visible checks its connection at once, one check at a time", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const { sockets } = await online({ document });
  document.dispatchEvent(new Event("visibilitychange"));
  document.dispatchEvent(new Event("visibilitychange"));
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(sockets[0].of("ping").length, 1);
});

test("it replaces its connection after 90 to 115 minutes, without a change of status", async () => {
  const { time, sockets, of } = await online();
  sockets[0].receive(pushed(event(1)));
  const before = of("status").length;
  await keepAlive(time, sockets[0], 102.5 * MINUTE);
  assert.deepEqual([sockets.length, sockets[0].closed], [2, null]);
  sockets[1].accept();
  sockets[0].receive(pushed(event(2)));
  sockets[1].receive(welcome(sockets[1].last("hello").id, { recovered: true, seq: 2, events: [event(2)] }));
  assert.equal(sockets[0].closed, 1000);
  assert.deepEqual(of("event").map(({ seq }) => seq), [1, 2]);
  assert.deepEqual(of("status").slice(before).map(({ status }) => status), []);
});

test("a refused rotation leaves the old connection in use and tries again", async () => {
  const { headcount, time, sockets } = await online();
  await keepAlive(time, sockets[0], 102.5 * MINUTE);
  sockets[1].drop();
  assert.equal(headcount.status.status, "online");
  await time.pass(500);
  assert.equal(sockets.length, 3);
});

test("when the old connection is lost during its rotation, the new one takes over", async () => {
  const { headcount, time, sockets } = await online();
  await keepAlive(time, sockets[0], 102.5 * MINUTE);
  sockets[0].drop();
  assert.equal(headcount.status.status, "connecting");
  await greet(sockets[1]);
  assert.deepEqual([headcount.status.status, sockets.length], ["online", 2]);
});
