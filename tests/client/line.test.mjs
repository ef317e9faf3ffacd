/** A line that dies without a word, and clocks that jump. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { greet, online, setUp, settled } from "./fakes.mjs";
import { TOO_MANY, acted, bonus, bonusPush, claimed, event, pong, pushed, refusal, slowDown } from "./messages.mjs";

const MINUTE = 60_000;
const told = { ping_every_ms: 2 * MINUTE, reconnect_within_ms: 2_000 };

/** A client that was told its limits. */
async function connected(options, limits = told) {
  const client = setUp(options);
  await settled();
  await greet(client.sockets[0], limits);
  return client;
}

// Something was sent.

test("a line that swallows a request is replaced within ten seconds, and the request goes again under its id", async () => {
  const { headcount, time, sockets, of } = await connected();
  await time.pass(MINUTE);
  const claim = headcount.claim("b");
  await time.pass(9_999);
  assert.equal(of("status").at(-1).status, "online");
  await time.pass(1);
  assert.deepEqual([of("status").at(-1).reason, sockets[0].closed], ["the connection timed out", 4000]);
  await time.pass(1_000);
  await greet(sockets[1], told);
  assert.deepEqual(sockets[1].last("claim"), sockets[0].last("claim"));
  sockets[1].receive(claimed(sockets[1].last("claim").id, "claimed"));
  assert.equal((await claim).outcome, "claimed");
});

test("to go on sending does not put that off", async () => {
  const { headcount, time, sockets } = await connected();
  for (let second = 0; second < 10; second += 1) {
    assert.equal(sockets[0].closed, null);
    headcount.claim(`b${second}`);
    await time.pass(1_000);
  }
  assert.deepEqual([sockets[0].closed, sockets[0].of("ping").length], [4000, 1]);
});

test("nor does a push that came before, or a visibility that has no answer", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const { headcount, time, sockets } = await connected({ document });
  headcount.act("like");
  sockets[0].receive(pushed(event(1)));
  await time.pass(10_000);
  assert.equal(sockets[0].closed, 4000);
  const other = await connected({ document });
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  await other.time.pass(10_000);
  assert.equal(other.sockets[0].closed, 4000);
});

test("a line that swallows the first hello is replaced in ten seconds", async () => {
  const { time, sockets } = setUp();
  await settled();
  sockets[0].accept();
  await time.pass(10_000);
  assert.equal(sockets[0].closed, 4000);
});

test("a server that is slow is asked once, and the line stays", async () => {
  const { headcount, time, sockets } = await connected();
  headcount.act("like");
  await time.pass(5_000);
  sockets[0].receive(pong);
  await time.pass(24_000);
  sockets[0].receive(acted(sockets[0].last("act").id, 1));
  assert.deepEqual([sockets[0].of("ping").length, sockets[0].closed], [1, null]);
});

test("a quick answer costs no ping, nor does a refusal", async () => {
  const { headcount, time, sockets } = await connected();
  for (let seq = 1; seq <= 20; seq += 1) {
    headcount.act("like");
    await time.pass(4_000);
    sockets[0].receive(acted(sockets[0].last("act").id, seq));
  }
  headcount.claim("a").catch(() => {});
  sockets[0].receive(slowDown(sockets[0].last("claim").id, 30_000));
  headcount.claim("b").catch(() => {});
  sockets[0].receive(TOO_MANY);
  await time.pass(1_000);
  for (const one of sockets[0].of("claim")) sockets[0].receive(refusal(one.id, "conflict"));
  await time.pass(20_000);
  assert.equal(sockets[0].of("ping").length, 0);
});

// Nothing was sent.

test("an idle line that dies is replaced within the told ping period and ten seconds, whatever was answered before", async () => {
  for (const answeredAt of [0, 1, MINUTE]) {
    const { headcount, time, sockets } = await connected();
    await time.pass(answeredAt);
    if (answeredAt > 0) headcount.act("like");
    if (answeredAt > 0) sockets[0].receive(acted(sockets[0].last("act").id, 1));
    await time.pass(2 * MINUTE + 9_999);
    assert.deepEqual([sockets[0].closed, sockets[0].of("ping").length], [null, 1]);
    await time.pass(1);
    assert.equal(sockets[0].closed, 4000);
  }
});

test("a push during the wait for a pong proves the line, and the next ping comes in its time", async () => {
  const { time, sockets } = await connected({}, { ping_every_ms: 2 * MINUTE });
  for (let round = 1; round <= 3; round += 1) {
    await time.pass(2 * MINUTE);
    sockets[0].receive(pushed(event(round)));
    assert.equal(sockets[0].of("ping").length, round);
  }
  assert.equal(sockets[0].closed, null);
});

// Hints.

test("a deadline that comes late, because the page did not run, asks once more", async () => {
  const { headcount, time, sockets } = await connected();
  headcount.wake();
  time.now += MINUTE;
  await time.pass(0);
  assert.deepEqual([sockets[0].closed, sockets[0].of("ping").length], [null, 2]);
  sockets[0].receive(pong);
  await time.pass(MINUTE);
  assert.equal(sockets[0].closed, null);
  headcount.wake();
  time.now += MINUTE;
  await time.pass(10_000);
  assert.equal(sockets[0].closed, 4000);
});

test("a browser that wrongly says offline is believed until a frame proves the line", async () => {
  const window = new EventTarget();
  const { headcount, time, sockets } = await connected({ window });
  window.dispatchEvent(new Event("offline"));
  headcount.act("like");
  assert.deepEqual([headcount.status.status, sockets[0].of("ping").length, sockets[0].of("act").length], ["offline", 1, 0]);
  sockets[0].receive(pong);
  assert.deepEqual([headcount.status.status, sockets[0].of("act").length], ["online", 1]);
  window.dispatchEvent(new Event("offline"));
  sockets[0].receive(pushed(event(1)));
  assert.equal(headcount.status.status, "online");
  await time.pass(0);
});

// Clocks.

const SERVER = 5_000_000;
const offered = bonus({ opens_at: SERVER, expires_at: SERVER + 30_000 });

for (const jump of [120_000, -120_000, 3_600_000]) {
  test(`the computer's clock is set by ${jump / 1_000} s: bonuses are told and countdowns are right`, async () => {
    const { headcount, time, sockets, of } = await online();
    time.ahead += jump;
    sockets[0].receive(pushed(event(1, "bonus.offered", offered)));
    sockets[0].receive(bonusPush({ ...offered, bonus_id: "c" }));
    assert.deepEqual(of("bonus").map(({ bonus_id }) => bonus_id), ["b", "c"]);
    await time.pass(3_000);
    assert.equal(offered.expires_at - headcount.serverNow(), 27_000);
    await time.pass(10_000);
    // It may ask. The answer says that nothing has happened.
    if (sockets[0].of("ping").length > 0) sockets[0].receive({ ...pong, server_now: SERVER + 13_000 });
    await time.pass(MINUTE);
    assert.ok(Math.abs(headcount.serverNow() - SERVER - 73_000) < 100);
    assert.deepEqual([headcount.status.status, sockets.length], ["online", 1]);
  });
}

test("the time of the next attempt is by the computer's clock", async () => {
  const { time, sockets, of } = await online();
  time.ahead = 120_000;
  sockets[0].drop();
  assert.equal(of("status").at(-1).retryAt, time.now + 500);
});

test("a clock that stopped while the device slept is corrected by the first message", async () => {
  const { headcount, time, sockets } = await online();
  await time.pass(MINUTE);
  time.ahead += 10 * MINUTE;
  await time.pass(10_000);
  assert.equal(sockets[0].of("ping").length, 1);
  sockets[0].receive({ ...pong, server_now: SERVER + 11 * MINUTE + 10_000 });
  assert.equal(headcount.serverNow(), SERVER + 11 * MINUTE + 10_000);
  assert.equal(sockets[0].closed, null);
});

test("before the first message the server's time is the computer's", () => {
  const { headcount, time } = setUp();
  assert.equal(headcount.serverNow(), time.now);
  headcount.close();
});
