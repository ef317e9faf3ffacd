import assert from "node:assert/strict";
import { test } from "node:test";

import { UNSET, learn } from "../../client/src/clock.js";

test("the server is assumed to read its clock halfway through the round trip", () => {
  const clock = learn(UNSET, { sentAt: 1_000, receivedAt: 1_100, serverNow: 9_050 });
  assert.deepEqual(clock, { offset: 8_000, roundTrip: 100, at: 1_100 });
});

test("a slower reply does not replace a quicker one", () => {
  const quick = learn(UNSET, { sentAt: 1_000, receivedAt: 1_010, serverNow: 9_005 });
  assert.equal(learn(quick, { sentAt: 1_020, receivedAt: 1_500, serverNow: 9_400 }), quick);
});

test("an equally quick reply replaces an older one", () => {
  const first = learn(UNSET, { sentAt: 0, receivedAt: 100, serverNow: 50 });
  assert.equal(learn(first, { sentAt: 100, receivedAt: 200, serverNow: 160 }).offset, 10);
});

test("an old reply loses its value over time", () => {
  const old = learn(UNSET, { sentAt: 1_000, receivedAt: 1_010, serverNow: 9_005 });
  const later = { sentAt: 101_000, receivedAt: 101_110, serverNow: 109_500 };
  assert.equal(learn(old, later).at, 101_110);
});

test("a repeated message has no round trip and is ignored", () => {
  assert.equal(learn(UNSET, { sentAt: NaN, receivedAt: 1, serverNow: 1 }), UNSET);
});

test("a reply is ignored when the local clock was set back", () => {
  assert.equal(learn(UNSET, { sentAt: 2_000, receivedAt: 1_000, serverNow: 1 }), UNSET);
});
