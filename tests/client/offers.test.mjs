import assert from "node:assert/strict";
import { test } from "node:test";

import { NONE, ended, offered } from "../../client/src/offers.js";

const bonus = (more) => ({ bonus_id: "b", reward: { text: "x" }, opens_at: 1, expires_at: 2, outcome: null, ...more });
const { offers } = offered(NONE, bonus());
const change = (more, before = offers) => offered(before, bonus(more)).changed;

test("an offer is reported once", () => {
  assert.deepEqual(offered(NONE, bonus()).changed, bonus());
  assert.equal(change({}), null);
});

test("a changed offer is reported", () => {
  for (const more of [{ expires_at: 3 }, { reward: {} }, { left: 5 }, { bonus_id: "c" }]) assert.deepEqual(change(more), bonus(more));
});

test("an outcome is reported once, and a late push does not remove it", () => {
  const step = offered(offers, bonus({ outcome: "claimed" }));
  assert.deepEqual(step.changed, bonus({ outcome: "claimed" }));
  assert.equal(change({ outcome: "claimed" }, step.offers), null);
  assert.equal(change({ outcome: null }, step.offers), null);
});

test("the outcome is reported with its offer", () => {
  const step = ended(offers, "b", "sold_out");
  assert.deepEqual(step.changed, bonus({ outcome: "sold_out" }));
  assert.equal(ended(step.offers, "b", "sold_out").changed, null);
});

test("an outcome that arrives before its offer is reported with the offer", () => {
  const step = ended(NONE, "b", "claimed");
  assert.equal(step.changed, null);
  assert.deepEqual(change({}, step.offers), bonus({ outcome: "claimed" }));
});

test("a claimed bonus stays claimed", () => {
  for (const known of ["claimed", "already_claimed"]) {
    const after = ended(offers, "b", known).offers;
    for (const outcome of ["sold_out", "cancelled", "expired", "already_claimed"]) assert.equal(ended(after, "b", outcome).changed, null);
  }
});

test("a bonus sold out or cancelled here may have been claimed elsewhere", () => {
  for (const known of ["sold_out", "cancelled"]) {
    assert.deepEqual(ended(ended(offers, "b", known).offers, "b", "claimed").changed, bonus({ outcome: "claimed" }));
  }
});

test("a claim that is too early, or before enough was watched, does not end the bonus", () => {
  for (const passing of ["too_early", "not_eligible"]) {
    assert.equal(ended(offers, "b", passing).changed, null);
    assert.deepEqual(ended(ended(offers, "b", passing).offers, "b", "claimed").changed, bonus({ outcome: "claimed" }));
  }
});

test("the list is bounded, and the newest stay", () => {
  let many = NONE;
  for (let id = 0; id < 300; id += 1) many = offered(many, bonus({ bonus_id: String(id) })).offers;
  assert.deepEqual([many.size, many.has("99"), many.has("100")], [200, false, true]);
  const again = offered(ended(many, "100", "claimed").offers, bonus({ bonus_id: "300" })).offers;
  assert.deepEqual([again.has("100"), again.has("101")], [true, false]);
});
