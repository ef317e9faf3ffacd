import assert from "node:assert/strict";
import { test } from "node:test";

import { UNSET, learn, offset } from "../../client/src/clock.js";

test("the server is assumed to read its clock halfway through the round trip", () => {
  const clock = learn(UNSET, { sentAt: 1_000, receivedAt: 1_100, serverNow: 9_050 });
  assert.deepEqual([offset(clock), clock.at], [8_000, 1_100]);
});

test("a slower reply does not replace a quicker one", () => {
  const quick = learn(UNSET, { sentAt: 1_000, receivedAt: 1_010, serverNow: 9_005 });
  const slow = learn(quick, { sentAt: 1_020, receivedAt: 1_500, serverNow: 9_400 });
  assert.ok(Math.abs(offset(slow) - offset(quick)) < 1);
});

test("an equally quick reply replaces an older one", () => {
  const first = learn(UNSET, { sentAt: 0, receivedAt: 100, serverNow: 50 });
  // The two agree on 10 to 50, give or take the drift.
  assert.ok(Math.abs(offset(learn(first, { sentAt: 100, receivedAt: 200, serverNow: 210 })) - 30) < 1);
});

test("an old reply loses its value over time", () => {
  const old = learn(UNSET, { sentAt: 1_000, receivedAt: 1_010, serverNow: 9_005 });
  const later = { sentAt: 101_000, receivedAt: 101_110, serverNow: 109_150 };
  assert.ok(offset(learn(old, later)) > 8_040);
});

test("a repeated message has no round trip, but the server's clock has reached its moment", () => {
  const clock = learn(UNSET, { sentAt: NaN, receivedAt: 10, serverNow: 1_000 });
  assert.equal(offset(clock), 990);
  assert.ok(Math.abs(offset(learn(clock, { receivedAt: 20, serverNow: 900 })) - 990) < 1);
  assert.equal(offset(learn(clock, { receivedAt: 20, serverNow: 1_110 })), 1_090);
});

test("a message that contradicts what is known counts alone: a clock has stopped or was set", () => {
  const clock = learn(UNSET, { sentAt: 1_000, receivedAt: 1_010, serverNow: 9_005 });
  assert.equal(offset(learn(clock, { sentAt: 2_000, receivedAt: 2_010, serverNow: 129_005 })), 127_000);
  assert.equal(offset(learn(clock, { sentAt: 2_000, receivedAt: 2_010, serverNow: 5 })), -2_000);
  assert.equal(offset(learn(clock, { receivedAt: 2_010, serverNow: 129_005 })), 126_995);
});
