/** When a client tries to connect again, as the server told it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { inWindow } from "../../client/src/backoff.js";
import { Schedule } from "../../client/src/schedule.js";
import { greet, keepAlive, online, setUp, settled } from "./fakes.mjs";
import { refusal, welcome } from "./messages.mjs";

const MINUTE = 60_000;
const WINDOW = 300_000;
const told = { reconnect_within_ms: WINDOW };

/** A client that was told the limits in its first welcome. */
async function toldOnline(limits = told, options = {}) {
  const client = setUp(options);
  await settled();
  await greet(client.sockets[0], limits);
  return { ...client, waits: () => client.of("status").at(-1).retryAt - client.time.now };
}

// The Python client passes the same table of cases.

const { cases } = JSON.parse(readFileSync(new URL("cases/schedule.json", import.meta.url), "utf8"));

for (const { name, told: window, steps } of cases) {
  test(`table: ${name}`, () => {
    const schedule = new Schedule(() => 0.5);
    schedule.tell(window && window * 1_000);
    let now = 0;
    for (const { lived, own = false, wait } of steps) {
      if (lived !== undefined) {
        schedule.welcomed(now);
        now += lived * 1_000;
        schedule.lost(now);
      } else {
        assert.equal(schedule.next(now, own) - now, wait * 1_000);
        now = schedule.at;
      }
    }
  });
}

// The window.

test("the first attempt after a loss is at any moment of the window told", async () => {
  for (const random of [0, 0.25, 0.999]) {
    const { sockets, waits } = await toldOnline(told, { random: () => random });
    sockets[0].drop();
    assert.equal(waits(), random * WINDOW);
  }
});

test("a refused attempt is repeated one window later, and further ones draw from wider windows", async () => {
  const { time, sockets, waits } = await toldOnline(told, { random: () => 0.1 });
  const all = [];
  for (let attempt = 0; attempt < 5; attempt += 1) {
    sockets.at(-1).drop();
    all.push(waits());
    await time.pass(all.at(-1));
  }
  assert.deepEqual(all, [30_000, WINDOW, 60_000, 60_000, 60_000]);
});

test("a short window doubles up to five minutes", () => {
  const widest = (attempt) => inWindow(attempt, 2_000, () => 1).wait;
  assert.deepEqual([0, 1, 2, 3, 7, 8, 60].map(widest), [2_000, 2_000, 8_000, 16_000, 256_000, 300_000, 300_000]);
});

test("the mean pause is never shorter than the window", () => {
  for (const window of [2_000, 60_000, 300_000, 900_000]) {
    for (const attempt of [1, 2, 3, 9]) assert.ok(inWindow(attempt, window, () => 0.5).wait >= window, `${window} ${attempt}`);
  }
});

test("each welcome tells the window again", async () => {
  const { sockets, waits } = await toldOnline();
  sockets[0].receive(welcome("id2", { reconnect_within_ms: 8_000 }));
  sockets[0].drop();
  assert.equal(waits(), 4_000);
});

test("limits that are no times are not followed", async () => {
  for (const wrong of [0, -5, 999, NaN, 1e12, "300000", null]) {
    const limits = { reconnect_within_ms: wrong, ping_every_ms: wrong, rotate_within_ms: wrong };
    const { time, sockets, waits } = await toldOnline(limits);
    await time.pass(3 * MINUTE);
    assert.deepEqual(sockets[0].sent.length, 1);
    sockets[0].drop();
    assert.equal(waits(), 500, String(wrong));
  }
});

test("connections that are welcomed and soon lost come back in the window told, or in a wider one", async () => {
  const { time, sockets, waits } = await toldOnline({ reconnect_within_ms: 4_000 });
  const all = [];
  for (let loss = 0; loss < 5; loss += 1) {
    sockets.at(-1).drop();
    all.push(waits());
    await time.pass(all.at(-1));
    await greet(sockets.at(-1), { reconnect_within_ms: 4_000 });
  }
  assert.deepEqual(all, [2_000, 2_000, 2_000, 4_000, 4_000]);
});

test("the window grows with the users who arrive: it is asked for again whenever the connection's age has doubled", async () => {
  const { time, sockets, waits } = await toldOnline({ reconnect_within_ms: 2_000 });
  const hellosAt = [];
  for (let minute = 1; minute <= 70; minute += 1) {
    const before = sockets[0].of("hello").length;
    await keepAlive(time, sockets[0], MINUTE);
    if (sockets[0].of("hello").length > before) hellosAt.push(minute);
  }
  assert.deepEqual(hellosAt, [4, 8, 16, 32, 64]);
  sockets[0].receive(welcome(sockets[0].last("hello").id, told));
  sockets[0].drop();
  assert.equal(waits(), WINDOW / 2);
  await time.pass(10 * MINUTE);
  assert.equal(sockets[0].of("hello").length, 1 + hellosAt.length);
});

test("asking for the window is not repeated when the server has no answer", async () => {
  const { time, sockets } = await toldOnline();
  await keepAlive(time, sockets[0], 4 * MINUTE);
  sockets[0].receive(refusal(sockets[0].last("hello").id, "unavailable", { retry_after_ms: 1_000 }));
  await keepAlive(time, sockets[0], 2 * MINUTE);
  assert.equal(sockets[0].of("hello").length, 2);
});

// Events.

test("an event brings the attempt forward within what is left of the window, never back", async () => {
  const dice = [0.5, 0.8, 0.25, 0.9];
  const { headcount, time, sockets, waits } = await toldOnline(told, { random: () => dice.shift() ?? 0.5 });
  // The first number was for the rotation.
  sockets[0].drop();
  assert.equal(waits(), 0.8 * WINDOW);
  await time.pass(100_000);
  headcount.wake();
  assert.equal(waits(), 0.25 * 200_000);
  headcount.wake();
  assert.equal(waits(), 0.25 * 200_000);
});

test("the network's return does not break the window of a loss that had another cause", async () => {
  const window = new EventTarget();
  const { sockets, waits } = await toldOnline(told, { window });
  sockets[0].drop();
  window.dispatchEvent(new Event("online"));
  assert.equal(waits(), WINDOW / 2);
  window.dispatchEvent(new Event("offline"));
  window.dispatchEvent(new Event("online"));
  assert.equal(waits(), WINDOW / 2);
});

// Its own cause.

test("a loss without a network is this client's own: it tries again within a second of the network's return", async () => {
  const window = new EventTarget();
  const { time, sockets, waits } = await toldOnline(told, { window });
  window.dispatchEvent(new Event("offline"));
  sockets[0].drop();
  for (let attempt = 0; attempt < 12; attempt += 1) {
    await time.pass(waits());
    sockets.at(-1).drop();
  }
  assert.ok(waits() > 1_000);
  window.dispatchEvent(new Event("online"));
  assert.ok(waits() <= 1_000);
});

test("so is a connection that did not survive the network's absence", async () => {
  const window = new EventTarget();
  const { time, sockets, waits } = await toldOnline(told, { window });
  window.dispatchEvent(new Event("offline"));
  await time.pass(MINUTE);
  window.dispatchEvent(new Event("online"));
  await time.pass(10_000);
  assert.equal(waits(), 500);
  await time.pass(500);
  sockets[1].drop();
  assert.equal(waits(), 1_000);
});

test("a quick attempt that is refused falls into the window", async () => {
  const window = new EventTarget();
  const { time, sockets, waits } = await toldOnline(told, { window });
  window.dispatchEvent(new Event("offline"));
  sockets[0].drop();
  window.dispatchEvent(new Event("online"));
  await time.pass(waits());
  await time.pass(20_000);
  sockets[1].drop();
  assert.equal(waits(), WINDOW / 2);
});

/** The device sleeps: no timer runs. */
const sleep = (time, milliseconds) => (time.now += milliseconds);

test("a device that slept comes back within a second", async () => {
  const { time, sockets, waits } = await toldOnline();
  await time.pass(MINUTE);
  sleep(time, 21_000);
  sockets[0].drop();
  assert.equal(waits(), 500);
});

test("a device that slept checks its connection, and replaces it within a second when it is dead", async () => {
  const { time, sockets, waits } = await toldOnline();
  await time.pass(MINUTE);
  sleep(time, 5 * MINUTE);
  await time.pass(0);
  assert.equal(sockets[0].of("ping").length, 1);
  await time.pass(10_000);
  assert.equal(waits(), 500);
});

test("a page that ran all the time did not sleep, nor a hidden one whose timers run once a minute", async () => {
  const { time, sockets, waits } = await toldOnline();
  await time.pass(MINUTE);
  sleep(time, 19_000);
  sockets[0].drop();
  assert.equal(waits(), WINDOW / 2);

  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const hidden = await toldOnline(told, { document });
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  sleep(hidden.time, 69_000);
  hidden.sockets[0].drop();
  assert.equal(hidden.waits(), WINDOW / 2);
});

test("a page that was stored and is shown again comes back within a second, whichever it hears first", async () => {
  const shown = Object.assign(new Event("pageshow"), { persisted: true });
  for (const order of [["drop", "show"], ["show", "drop"]]) {
    const window = new EventTarget();
    const { sockets, waits } = await toldOnline(told, { window });
    for (const step of order) {
      if (step === "show") window.dispatchEvent(shown);
      else sockets[0].drop();
    }
    assert.equal(waits(), 500, order.join());
  }
});

test("a connection that the backend closed, as for a kick, is replaced within a second", async () => {
  const { sockets, waits } = await toldOnline();
  sockets[0].drop(1000, "Connection Closed Normally");
  assert.equal(waits(), 500);
  const other = await toldOnline();
  other.sockets[0].drop(1001, "Going away");
  assert.equal(other.waits(), WINDOW / 2);
});

// What it is told.

test("a client that is kicked leaves the closing to the server, and comes again when it was told", async () => {
  const { sockets, waits } = await toldOnline();
  sockets[0].receive(refusal(null, "kicked", { retry_after_ms: 5_000 }));
  assert.equal(sockets[0].closed, null);
  sockets[0].drop(1000, "Connection Closed Normally");
  assert.equal(waits(), 5_250);
});

test("a ticket endpoint that says when to come again is asked then, and not before", async () => {
  const refusal = Object.assign(new Error("busy"), { status: 503, retryAfter: 20_000 });
  let asked = 0;
  const { time, of } = setUp({ ticket: async () => { asked += 1; throw refusal; } });
  await settled();
  assert.equal(of("status").at(-1).retryAt - time.now, 20_250);
  await time.pass(20_249);
  assert.equal(asked, 1);
  await time.pass(1);
  assert.equal(asked, 2);
});

test("a ticket endpoint that fails waits like a refused handshake, and each attempt asks once", async () => {
  let asked = 0;
  let fails = false;
  const ticket = () => {
    asked += 1;
    if (fails) throw new Error("broken");
    return Promise.resolve({ url: "ws://gateway/live", ticket: "t" });
  };
  const { time, sockets, waits } = await toldOnline(told, { ticket });
  fails = true;
  sockets[0].drop();
  await time.pass(WINDOW / 2 - 1);
  assert.equal(asked, 1);
  await time.pass(1);
  assert.deepEqual([asked, waits()], [2, WINDOW]);
});

test("it pings as often as it was told", async () => {
  const { time, sockets } = await toldOnline({ ping_every_ms: 8 * MINUTE });
  await time.pass(8 * MINUTE - 1);
  assert.equal(sockets[0].of("ping").length, 0);
  await time.pass(1);
  assert.equal(sockets[0].of("ping").length, 1);
});

test("it replaces its connection in the last part of the time told", async () => {
  for (const [random, minutes] of [[0, 45], [1, 57.5]]) {
    const { time, sockets } = await toldOnline({ rotate_within_ms: 57.5 * MINUTE }, { random: () => random });
    await keepAlive(time, sockets[0], minutes * MINUTE - 1);
    assert.equal(sockets.length, 1);
    await time.pass(1);
    assert.equal(sockets.length, 2);
  }
});

test("a connection that timed out is not closed as one that its client left", async () => {
  const { time, sockets } = await online();
  await time.pass(4 * MINUTE + 10_000);
  assert.equal(sockets[0].closed, 4000);
});
