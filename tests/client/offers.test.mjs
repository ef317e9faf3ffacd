import assert from "node:assert/strict";
import { test } from "node:test";

import { offered } from "../../client/offers.js";

const bonus = (more) => ({ bonus_id: "b", reward: { text: "x" }, opens_at: 1, expires_at: 2, outcome: null, ...more });
const { known } = offered(new Map(), bonus());
const isNews = (more, before = known) => offered(before, bonus(more)).isNews;

test("an offer is news once", () => {
  assert.equal(offered(new Map(), bonus()).isNews, true);
  assert.equal(isNews({}), false);
});

test("an offer that changed is news", () => {
  assert.deepEqual([isNews({ expires_at: 3 }), isNews({ reward: {} }), isNews({ bonus_id: "c" })], [true, true, true]);
});

test("an outcome is news once, and a late push does not take it back", () => {
  const step = offered(known, bonus({ outcome: "claimed" }));
  assert.equal(step.isNews, true);
  assert.equal(isNews({ outcome: "claimed" }, step.known), false);
  assert.equal(isNews({ outcome: null }, step.known), false);
});

test("what is known is bounded, the newest stay", () => {
  let many = new Map();
  for (let id = 0; id < 300; id += 1) many = offered(many, bonus({ bonus_id: String(id) })).known;
  assert.deepEqual([many.size, many.has("99"), many.has("100")], [200, false, true]);
});
