/** All claim at once: the daily size of `node tests/client/crowd/rush.mjs`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { REFUSALS, rush } from "./rush.mjs";

// With three times as many of both, each figure is the same within 0.1.
const SIZE = { clients: 1_000, perSecond: 13 };

for (const [name, refuse] of Object.entries(REFUSALS)) {
  test(`each claim of a rush is answered, and the rush stays small: refused by ${name}`, async () => {
    const { answered, requests, peak, outcomes } = await rush({ ...SIZE, seconds: 120, refuse });
    assert.equal(answered, 1);
    assert.deepEqual(outcomes, { sold_out: SIZE.clients });
    assert.ok(requests <= 6, `${requests} requests a client`);
    assert.ok(peak <= 4, `${peak} times the claims of the users`);
  });

  test(`when the bonus expires first, all know it: refused by ${name}`, async () => {
    const { answered, requests, outcomes } = await rush({ ...SIZE, seconds: 30, refuse });
    assert.equal(answered, 1);
    assert.equal(outcomes.sold_out + outcomes.expired, SIZE.clients);
    assert.ok(requests <= 6, `${requests} requests a client`);
  });
}

test("claims that the gateway refused are not sent any more once the bonus has expired", async () => {
  const refuse = REFUSALS["the gateway's error frame"];
  const { late, lastAfter } = await rush({ ...SIZE, seconds: 30, refuse });
  assert.equal(late, 0);
  assert.ok(lastAfter <= 31, `the last after ${lastAfter} s`);
});
