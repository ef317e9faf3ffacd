import assert from "node:assert/strict";
import { test } from "node:test";

import { EPOCH, FakeStorage, event, greet, online, setUp, settled, welcome } from "./fakes.mjs";

const MINUTE = 60_000;
const pushed = (seq, epoch = EPOCH) => ({ type: "event", server_now: 1, epoch, event: event(seq) });
const acted = (re, seq) => ({ type: "acted", re, server_now: 1, epoch: EPOCH, event: event(seq) });
const refusal = (re, code) => ({ type: "error", re, code, reason: "a reason" });
const CRASH = '{"message": "Internal server error", "connectionId":"c", "requestId":"r"}';

const ticketError = (status) => async () => {
  throw Object.assign(new Error("no ticket"), { status });
};

// Connecting.

test("it connects with its ticket and says hello first, without since", async () => {
  const { sockets } = setUp({ ticket: async () => ({ url: "ws://gateway/live", ticket: "a+b/=" }) });
  await settled();
  sockets[0].accept();
  assert.equal(sockets[0].url, "ws://gateway/live?ticket=a%2Bb%2F%3D");
  assert.deepEqual(sockets[0].sent, [{ action: "hello", id: "id1" }]);
});

test("it is online once welcomed, not before", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  assert.deepEqual(of("status").map(({ status }) => status), ["connecting"]);
  sockets[0].say(welcome("id1"));
  assert.deepEqual(of("status").map(({ status }) => status), ["connecting", "online"]);
});

test("a welcome is told with its snapshot and its bonuses", async () => {
  const bonus = { bonus_id: "b", reward: {}, opens_at: 1, expires_at: 2, outcome: null };
  const { sockets, heard } = setUp();
  await settled();
  await greet(sockets[0], { seq: 1, events: [event(1)], bonuses: [bonus] });
  assert.deepEqual(heard.map(([name]) => name), ["status", "status", "welcome", "snapshot", "state", "bonus"]);
});

test("the server's clock is known from the first reply", async () => {
  const { headcount, time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  await time.pass(100);
  sockets[0].say(welcome("id1", { server_now: 5_000_000 }));
  assert.equal(headcount.serverNow(), 5_000_050);
});

test("a pushed bonus is told", async () => {
  const { sockets, of } = await online();
  sockets[0].say({ type: "bonus", server_now: 1, bonus: { bonus_id: "b" } });
  assert.deepEqual(of("bonus"), [{ bonus_id: "b", outcome: null }]);
});

test("a bonus that is pushed twice is told once, also when a welcome brings it again", async () => {
  const bonus = { bonus_id: "b", reward: {}, opens_at: 1, expires_at: 2, outcome: null };
  const { time, sockets, of } = await online();
  sockets[0].say({ type: "bonus", server_now: 1, bonus });
  sockets[0].say({ type: "bonus", server_now: 1, bonus });
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1], { bonuses: [bonus] });
  assert.deepEqual(of("bonus"), [bonus]);
});

// Coming back.

test("a lost connection comes back with a new ticket, and asks for what it missed", async () => {
  const { time, sockets } = await online();
  sockets[0].say(pushed(1));
  sockets[0].drop(1001, "Going away");
  await time.pass(500);
  sockets[1].accept();
  assert.equal(sockets[1].url, "ws://gateway/live?ticket=t2");
  assert.deepEqual(sockets[1].last("hello"), { action: "hello", id: "id2", since: 1, epoch: EPOCH, broadcasts_since: 0 });
});

test("offline says why and when it tries again", async () => {
  const { time, sockets, of } = await online();
  sockets[0].drop(1001, "Going away");
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "Going away", retryAt: time.now + 500 });
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

test("a line that held for ten seconds starts the attempts again, a shorter one does not", async () => {
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

test("lines that are welcomed and soon lost do not widen the window over eight seconds", async () => {
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

test("a handshake without an answer is given up after half a minute", async () => {
  const { time, sockets, of } = setUp();
  await settled();
  await time.pass(30_000);
  assert.equal(sockets[0].closed, 1000);
  assert.equal(of("status").at(-1).status, "offline");
});

test("a ticket endpoint that fails is asked again", async () => {
  for (const status of [undefined, 408, 429, 500, 503]) {
    const { of } = setUp({ ticket: ticketError(status) });
    await settled();
    assert.equal(of("status").at(-1).status, "offline", String(status));
  }
});

test("a ticket that is denied stops the client and rejects what waits", async () => {
  for (const status of [400, 401, 403, 422]) {
    const { headcount, time, sockets, of } = setUp({ ticket: ticketError(status) });
    const act = headcount.act("like");
    await assert.rejects(act, { code: "stopped" });
    assert.deepEqual(of("status").at(-1), { status: "stopped", reason: "no ticket", retryAt: null });
    await assert.rejects(headcount.act("like"), { code: "stopped" });
    assert.deepEqual([sockets.length, time.pending], [0, 0]);
  }
});

test("a network that comes back is a reason to try within a second", async () => {
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

test("a network that is gone is said at once, and nothing is sent", async () => {
  const window = new EventTarget();
  const { headcount, sockets, of } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "this device is offline", retryAt: null });
  headcount.act("like");
  assert.deepEqual([sockets[0].of("act").length, sockets[0].closed], [0, null]);
  assert.deepEqual(of("backlog"), [{ count: 1, isStuck: false }]);
});

test("a line that outlived the loss is in use again once it answers, and what waits is sent", async () => {
  const window = new EventTarget();
  const { headcount, time, sockets, of } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  const act = headcount.act("like");
  await time.pass(MINUTE);
  window.dispatchEvent(new Event("online"));
  assert.deepEqual([headcount.status.status, sockets[0].of("ping").length], ["connecting", 1]);
  sockets[0].say({ type: "pong", server_now: 1 });
  assert.deepEqual([headcount.status.status, sockets.length], ["online", 1]);
  sockets[0].say(acted("id2", 1));
  assert.deepEqual(await act, event(1));
  assert.deepEqual(of("backlog").map(({ count }) => count), [1, 0]);
});

test("a line that did not outlive the loss is replaced", async () => {
  const window = new EventTarget();
  const { headcount, time, sockets } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  headcount.act("like");
  window.dispatchEvent(new Event("online"));
  await time.pass(10_000 + 500);
  await greet(sockets[1]);
  assert.deepEqual([headcount.status.status, sockets[1].of("act").length], ["online", 1]);
});

test("a line that ends without a network says that, not how it ended", async () => {
  const window = new EventTarget();
  const { sockets, of } = await online({ window });
  window.dispatchEvent(new Event("offline"));
  sockets[0].drop(1006);
  assert.equal(of("status").at(-1).reason, "this device is offline");
});

test("a network that goes while an attempt is under way ends it", async () => {
  const window = new EventTarget();
  const { time, sockets, of } = setUp({ window });
  await settled();
  window.dispatchEvent(new Event("offline"));
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "this device is offline", retryAt: time.now + 500 });
  assert.equal(sockets[0].closed, 1000);
});

test("a network that goes while the next attempt is waited for is the reason now", async () => {
  const window = new EventTarget();
  const { time, sockets, of } = setUp({ window });
  await settled();
  sockets[0].drop();
  window.dispatchEvent(new Event("offline"));
  assert.deepEqual(of("status").at(-1), { status: "offline", reason: "this device is offline", retryAt: time.now + 500 });
});

test("twice offline or twice online is as once", async () => {
  const window = new EventTarget();
  const { headcount, sockets } = await online({ window });
  for (const name of ["online", "offline", "offline", "online", "online"]) window.dispatchEvent(new Event(name));
  sockets[0].say({ type: "pong", server_now: 1 });
  assert.deepEqual([headcount.status.status, sockets.length], ["online", 1]);
});

test("a wake never makes an attempt later than it was", async () => {
  const { headcount, time, sockets, of } = await online({ random: () => 0.9 });
  sockets[0].drop();
  const { retryAt } = of("status").at(-1);
  await time.pass(850);
  headcount.wake();
  assert.equal(of("status").at(-1).retryAt, retryAt);
});

// Staying.

test("it pings after four minutes in which it said nothing", async () => {
  const { headcount, time, sockets } = await online();
  await time.pass(3 * MINUTE);
  headcount.act("like");
  await time.pass(4 * MINUTE - 1);
  assert.equal(sockets[0].of("ping").length, 0);
  sockets[0].say(acted("id2", 1));
  await time.pass(4 * MINUTE);
  assert.equal(sockets[0].of("ping").length, 1);
});

test("a pong keeps the line, and ten seconds of silence end it", async () => {
  const { time, sockets, of } = await online();
  await time.pass(4 * MINUTE + 9_999);
  sockets[0].say({ type: "pong", server_now: 1 });
  await time.pass(3 * MINUTE);
  assert.equal(of("status").at(-1).status, "online");
  await time.pass(MINUTE + 1);
  assert.deepEqual([of("status").at(-1).status, of("status").at(-1).reason], ["offline", "the connection timed out"]);
});

test("a tab that is looked at again checks its line at once, one check at a time", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const { sockets } = await online({ document });
  document.dispatchEvent(new Event("visibilitychange"));
  document.dispatchEvent(new Event("visibilitychange"));
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(sockets[0].of("ping").length, 1);
});

test("it replaces its line after 90 to 115 minutes, and nobody sees it", async () => {
  const { time, sockets, of } = await online();
  sockets[0].say(pushed(1));
  const heard = of("status").length;
  await keepAlive(time, sockets[0], 102.5 * MINUTE);
  assert.deepEqual([sockets.length, sockets[0].closed], [2, null]);
  sockets[1].accept();
  sockets[0].say(pushed(2));
  sockets[1].say(welcome(sockets[1].last("hello").id, { recovered: true, seq: 2, events: [event(2)] }));
  assert.equal(sockets[0].closed, 1000);
  assert.deepEqual(of("event").map(({ seq }) => seq), [1, 2]);
  assert.deepEqual(of("status").slice(heard).map(({ status }) => status), []);
});

test("a rotation that is refused leaves the old line in use and tries again", async () => {
  const { headcount, time, sockets } = await online();
  await keepAlive(time, sockets[0], 102.5 * MINUTE);
  sockets[1].drop();
  assert.equal(headcount.status.status, "online");
  await time.pass(500);
  assert.equal(sockets.length, 3);
});

test("a line lost during its rotation leaves the new one to take over", async () => {
  const { headcount, time, sockets } = await online();
  await keepAlive(time, sockets[0], 102.5 * MINUTE);
  sockets[0].drop();
  assert.equal(headcount.status.status, "connecting");
  await greet(sockets[1]);
  assert.deepEqual([headcount.status.status, sockets.length], ["online", 2]);
});

async function keepAlive(time, socket, milliseconds) {
  for (let left = milliseconds; left > 0; left -= MINUTE) {
    await time.pass(Math.min(left, MINUTE));
    socket.say({ type: "pong", server_now: 1 });
  }
}

// The stream.

test("a gap that lasts is asked for, once", async () => {
  const { time, sockets, of } = await online();
  sockets[0].say(pushed(2));
  sockets[0].say(pushed(3));
  await time.pass(400);
  assert.deepEqual(sockets[0].of("hello").slice(1), [{ action: "hello", id: "id2", since: 0, epoch: EPOCH, broadcasts_since: 0 }]);
  sockets[0].say(welcome("id2", { recovered: true, seq: 2, events: [event(1), event(2)] }));
  assert.deepEqual(of("event").map(({ seq }) => seq), [1, 2, 3]);
});

test("events that overtook each other fill their own gap", async () => {
  const { time, sockets, of } = await online();
  sockets[0].say(pushed(2));
  sockets[0].say(pushed(1));
  await time.pass(100);
  assert.deepEqual(of("event").map(({ seq }) => seq), [1, 2]);
});

test("a push of another epoch brings a fresh snapshot", async () => {
  const { time, sockets, of } = await online();
  sockets[0].say(pushed(7, "e2"));
  await time.pass(400);
  sockets[0].say(welcome("id2", { epoch: "e2", seq: 7, recovered: false, events: [event(7)] }));
  assert.deepEqual(of("snapshot").at(-1), { seq: 7, events: [event(7)] });
  assert.deepEqual(of("event"), []);
});

test("a hello that crashed is said again, and so is one without an answer", async () => {
  const { time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].say(CRASH);
  await time.pass(200);
  assert.equal(sockets[0].of("hello").length, 2);
  sockets[0].say(welcome(sockets[0].last("hello").id));
  sockets[0].say(pushed(2));
  await time.pass(400 + 30_000);
  assert.equal(sockets[0].of("hello").length, 4);
});

test("a hello that is refused for good ends that connection", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].say(refusal("id1", "bad_request"));
  assert.deepEqual([of("status").at(-1).status, sockets[0].closed], ["offline", 1000]);
});

test("a gap on a line that dies is left to the next hello", async () => {
  const { time, sockets } = await online();
  sockets[0].say(pushed(2));
  sockets[0].drop();
  await time.pass(60_000);
  assert.equal(sockets[0].of("hello").length, 1);
});

// Acting and claiming.

test("an act resolves with its event, which is heard before", async () => {
  const { headcount, sockets, of } = await online();
  const act = headcount.act("like", { photo: 7 });
  assert.deepEqual(sockets[0].last("act"), { action: "act", id: "id2", type: "like", body: { photo: 7 } });
  sockets[0].say(acted("id2", 1));
  assert.deepEqual(of("event"), [event(1)]);
  assert.deepEqual(await act, event(1));
});

test("acts go one at a time, in the order they were made", async () => {
  const { headcount, sockets } = await online();
  headcount.act("first");
  headcount.act("second");
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first"]);
  sockets[0].say(acted("id2", 1));
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first", "second"]);
});

test("a claim does not wait for acts, and any outcome is an answer", async () => {
  const { headcount, sockets, of } = await online();
  headcount.act("like");
  const claim = headcount.claim("b");
  const reply = { type: "claim", re: "id3", server_now: 1, bonus_id: "b", outcome: "sold_out", epoch: EPOCH, event: null };
  sockets[0].say(reply);
  assert.deepEqual(await claim, { bonus_id: "b", outcome: "sold_out", event: null });
  assert.deepEqual(of("claim"), [{ bonus_id: "b", outcome: "sold_out", event: null }]);
});

test("what has no answer is sent again with the same id after a reconnect", async () => {
  const { headcount, time, sockets } = await online();
  const act = headcount.act("like");
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].of("act").map(({ id }) => id), ["id2"]);
  sockets[1].say(acted("id2", 1));
  assert.deepEqual(await act, event(1));
});

test("an act made offline waits for the welcome", async () => {
  const { headcount, sockets } = setUp();
  const act = headcount.act("like");
  await settled();
  sockets[0].accept();
  assert.deepEqual(sockets[0].of("act"), []);
  sockets[0].say(welcome(sockets[0].last("hello").id));
  sockets[0].say(acted(sockets[0].last("act").id, 1));
  assert.deepEqual(await act, event(1));
});

test("an answer that comes twice changes nothing", async () => {
  const { headcount, sockets, of } = await online();
  headcount.act("like");
  sockets[0].say(acted("id2", 1));
  sockets[0].say(acted("id2", 1));
  assert.deepEqual(of("event"), [event(1)]);
});

test("a refused act rejects with its code, and the next one goes", async () => {
  const { headcount, sockets } = await online();
  const act = headcount.act("Bad Type");
  headcount.act("next");
  sockets[0].say(refusal("id2", "bad_request"));
  await assert.rejects(act, { code: "bad_request", message: "a reason" });
  assert.equal(sockets[0].last("act").type, "next");
});

test("unavailable is tried again, later each time, with the same id", async () => {
  const { headcount, time, sockets } = await online();
  headcount.act("like");
  for (const wait of [500, 1_000, 2_000]) {
    const before = sockets[0].of("act").length;
    sockets[0].say(refusal("id2", "unavailable"));
    await time.pass(wait - 1);
    assert.equal(sockets[0].of("act").length, before);
    await time.pass(1);
    assert.equal(sockets[0].of("act").length, before + 1);
  }
  assert.deepEqual([...new Set(sockets[0].of("act").map(({ id }) => id))], ["id2"]);
});

test("a server that cannot do a request is told until it can", async () => {
  const { headcount, time, sockets, of } = await online();
  headcount.act("like");
  sockets[0].say(refusal("id2", "unavailable"));
  await time.pass(500);
  sockets[0].say(refusal("id2", "unavailable"));
  await time.pass(1_000);
  sockets[0].say(acted("id2", 1));
  const told = [{ count: 1, isStuck: false }, { count: 1, isStuck: true }, { count: 0, isStuck: false }];
  assert.deepEqual(of("backlog"), told);
  assert.deepEqual(headcount.backlog, told[2]);
});

test("a hello that cannot be answered yet says why it is not online", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].say(refusal("id1", "unavailable"));
  assert.deepEqual(of("status").at(-1), { status: "connecting", reason: "the server is temporarily unavailable", retryAt: null });
});

test("a crash behind the gateway repeats what is under way", async () => {
  const { headcount, time, sockets } = await online();
  headcount.act("like");
  headcount.claim("b");
  sockets[0].say(CRASH);
  await time.pass(500);
  assert.deepEqual([sockets[0].of("act").length, sockets[0].of("claim").length], [2, 2]);
});

test("silence repeats a request after half a minute", async () => {
  const { headcount, time, sockets } = await online();
  headcount.claim("b");
  await time.pass(29_999);
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

test("an empty frame and a frame that is not JSON are passed over", async () => {
  const { headcount, sockets } = await online();
  for (const text of ["", "{", "null", "7"]) sockets[0].say(text);
  assert.equal(headcount.status.status, "online");
});

// The state.

test("an act brings its patch, and one without has none", async () => {
  const { headcount, sockets } = await online();
  headcount.act("like", { photo: 7 }, { patch: { likes: 1 } });
  assert.deepEqual(sockets[0].last("act"), { action: "act", id: "id2", type: "like", body: { photo: 7 }, patch: { likes: 1 } });
  sockets[0].say(acted("id2", 1));
  headcount.act("like");
  assert.deepEqual(sockets[0].last("act"), { action: "act", id: "id3", type: "like", body: {} });
});

test("the state is the welcome's, then changed by each patch, in order, once", async () => {
  const { headcount, sockets, of } = setUp();
  await settled();
  assert.deepEqual(headcount.state, {});
  await greet(sockets[0], { state: { likes: 3, note: "hi" } });
  const changed = (seq, patch) => ({ ...pushed(seq), event: { ...event(seq), patch } });
  sockets[0].say(changed(2, { likes: 5 }));
  sockets[0].say(changed(1, { likes: 4, note: null }));
  sockets[0].say(changed(1, { likes: 4, note: null }));
  assert.deepEqual(headcount.state, { likes: 5 });
  assert.deepEqual(of("state"), [{ likes: 3, note: "hi" }, { likes: 5 }]);
});

test("an act's own answer changes the state before it resolves, and the push of it does not do so again", async () => {
  const { headcount, sockets, of } = await online();
  const act = headcount.act("like", {}, { patch: { likes: 1 } });
  const entry = { ...event(1), patch: { likes: 1 } };
  sockets[0].say({ ...acted("id2", 1), event: entry });
  await act;
  assert.deepEqual(headcount.state, { likes: 1 });
  sockets[0].say({ ...pushed(1), event: entry });
  assert.deepEqual(of("state"), [{}, { likes: 1 }]);
});

test("an event without a patch leaves the state alone", async () => {
  const { sockets, of } = await online();
  sockets[0].say(pushed(1));
  assert.deepEqual(of("state"), [{}]);
});

test("a state that would get too large is the act's error", async () => {
  const { headcount, sockets } = await online();
  const act = headcount.act("like", {}, { patch: { note: "long" } });
  sockets[0].say(refusal("id2", "state_too_large"));
  await assert.rejects(act, { code: "state_too_large" });
  assert.deepEqual(headcount.state, {});
});

// The ledger.

test("the ledger is read a page at a time", async () => {
  const { headcount, sockets } = await online();
  const first = headcount.ledger();
  assert.deepEqual(sockets[0].last("ledger"), { action: "ledger", id: "id2" });
  const entries = [{ id: "9", entry: "claimed", bonus_id: "b", reward: {}, at: 1 }];
  sockets[0].say({ type: "ledger", re: "id2", server_now: 1, entries, next: "9" });
  assert.deepEqual(await first, { entries, next: "9" });
  const second = headcount.ledger({ before: "9" });
  assert.deepEqual(sockets[0].last("ledger"), { action: "ledger", id: "id3", before: "9" });
  sockets[0].say({ type: "ledger", re: "id3", server_now: 1, entries: [], next: null });
  assert.deepEqual(await second, { entries: [], next: null });
});

test("a page that was asked for outlives its connection, but not its page", async () => {
  const storage = new FakeStorage();
  const { headcount, time, sockets } = await online({ storage });
  const page = headcount.ledger();
  assert.equal(storage.items.size, 0);
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  sockets[1].say({ type: "ledger", re: sockets[1].last("ledger").id, server_now: 1, entries: [], next: null });
  assert.deepEqual(await page, { entries: [], next: null });
});

// A reload.

test("what an earlier page left unanswered is sent by the next, of the same user only", async () => {
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

test("an answer takes the request out of the storage", async () => {
  const storage = new FakeStorage();
  const { headcount, sockets } = await online({ storage });
  headcount.act("like");
  assert.equal(storage.items.size, 1);
  sockets[0].say(acted("id2", 1));
  assert.equal(storage.items.size, 0);
});

test("a storage that holds something else, or is full, costs nothing but the reload", async () => {
  const storage = new FakeStorage();
  storage.items.set("headcount.outbox.ann.site", '{"not":"ours"}');
  storage.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const { headcount, sockets } = await online({ storage });
  headcount.act("like");
  sockets[0].say(acted("id2", 1));
  assert.equal(headcount.status.status, "online");
});

// Leaving.

test("close is final: what waits is rejected, no timer stays, nothing more is heard", async () => {
  const { headcount, time, sockets, heard } = await online();
  const act = headcount.act("like");
  headcount.close();
  await assert.rejects(act, { code: "closed" });
  await assert.rejects(headcount.claim("b"), { code: "closed" });
  assert.deepEqual([sockets[0].closed, time.pending], [1000, 0]);
  assert.deepEqual(heard.at(-1), ["status", { status: "stopped", reason: "closed", retryAt: null }]);
  const count = heard.length;
  headcount.close();
  headcount.wake();
  assert.deepEqual([heard.length, time.pending], [count, 0]);
});

test("closed before it began, it never connects", async () => {
  const { headcount, sockets } = setUp();
  headcount.close();
  await settled();
  assert.equal(sockets.length, 0);
});

test("closed while its ticket is on the way, it never connects", async () => {
  let give;
  const { headcount, sockets } = setUp({ ticket: () => new Promise((resolve) => (give = resolve)) });
  await settled();
  headcount.close();
  give({ url: "ws://gateway/live", ticket: "t" });
  await settled();
  assert.equal(sockets.length, 0);
});

test("a listener that was taken off hears nothing", async () => {
  const { headcount, sockets } = await online();
  const seen = [];
  const off = headcount.on("event", ({ seq }) => seen.push(seq));
  sockets[0].say(pushed(1));
  off();
  sockets[0].say(pushed(2));
  assert.deepEqual(seen, [1]);
});
