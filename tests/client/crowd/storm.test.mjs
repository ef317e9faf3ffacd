/** All clients lose their connections at once: the daily size of `node tests/client/crowd/storm.mjs`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Crowd } from "./crowd.mjs";
import { STORMS, storm, windowOf } from "./storm.mjs";

// With so large a quota a second of bad luck stays near it. Three times the clients do the same in five times the time.
const SIZE = { clients: 5_000, perSecond: 50 };
// In seconds: what the gateway needs, and the window told.
const NEEDED = SIZE.clients / SIZE.perSecond;
const WINDOW = windowOf(SIZE.clients, SIZE.perSecond) / 1_000;

for (const [name, options] of Object.entries(STORMS)) {
  test(`a storm does not overload the gateway: ${name}`, async () => {
    const { handshakes, tickets, peak, back } = await storm({ ...SIZE, ...options });
    assert.ok(handshakes >= 1 && handshakes <= 1.2, `${handshakes} handshakes a client`);
    assert.equal(tickets, handshakes);
    assert.ok(peak <= 1.5, `${peak} times the quota`);
    assert.ok(back.most <= 1.5 * NEEDED, `99.9 % back after ${back.most} s`);
    // The server waits two windows for a lost line.
    assert.ok(back.all <= 2 * WINDOW, `all back after ${back.all} s`);
  });
}

/** One of many loses its connection; how long until it is welcomed again, in milliseconds. */
async function comesBack(online, lose) {
  const crowd = new Crowd({ limits: { reconnect_within_ms: windowOf(online, 500) } });
  const window = new EventTarget();
  await crowd.open(1, { window, random: () => 0.999 });
  lose(crowd, (name) => window.dispatchEvent(new Event(name)));
  await crowd.clock.pass(1_000_000);
  return crowd.backAt[0];
}

test("a single lost line is tried again within two seconds while few are online", async () => {
  assert.ok((await comesBack(900, (crowd) => crowd.cut())) <= 2_000 + 200);
});

test("a client whose own network was gone is back within two seconds, however many are online", async () => {
  const gone = (crowd, tell) => {
    tell("offline");
    crowd.cut();
    tell("online");
  };
  assert.ok((await comesBack(150_000, gone)) <= 2_000);
  assert.ok((await comesBack(150_000, (crowd) => crowd.cut())) > 300_000);
});
