/** A listener that comes late reads what it missed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { answerWatch, greet, online, setUp, settled } from "./fakes.mjs";
import { bonus, bonusPush, claimed } from "./messages.mjs";

const SERVER_NOW = 5_000_000;
const open = (bonus_id, expires_at) => bonus({ bonus_id, expires_at: SERVER_NOW + expires_at });
const ids = ({ headcount }) => headcount.bonuses.map(({ bonus_id, outcome }) => [bonus_id, outcome]);

test("a bonus that was told before the page listens is still to be read, until it is over", async () => {
  const client = setUp();
  await settled();
  assert.deepEqual(client.headcount.bonuses, []);
  await greet(client.sockets[0], { bonuses: [open("late", 60_000)] });
  client.sockets[0].receive(bonusPush(open("soon", 10_000)));
  assert.deepEqual(ids(client), [["soon", null], ["late", null]]);
  await client.time.pass(10_000);
  assert.deepEqual(ids(client), [["late", null]]);
  await client.time.pass(50_000);
  assert.deepEqual(ids(client), []);
});

test("it has the outcome, and none whose offer is not known", async () => {
  const client = await online();
  client.sockets[0].receive(bonusPush(open("b", 60_000)));
  client.headcount.claim("b");
  client.sockets[0].receive(claimed(client.sockets[0].last("claim").id, "claimed"));
  await settled();
  assert.deepEqual(ids(client), [["b", "claimed"]]);
});

test("what the connection watches is to be read from the first welcome on", async () => {
  const client = setUp();
  await settled();
  assert.equal(client.headcount.watched, null);
  await greet(client.sockets[0]);
  const { resource, session, watched_ms, visible_ms } = client.headcount.watched;
  assert.deepEqual([resource, session.connections, watched_ms, visible_ms], ["site", 1, 60_000, 40_000]);
  client.headcount.watch("final");
  answerWatch(client.sockets[0]);
  assert.deepEqual(client.headcount.watched, client.of("watching")[0]);
  assert.equal(client.headcount.watched.resource, "final");
});
