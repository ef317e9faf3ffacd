import assert from "node:assert/strict";
import { test } from "node:test";

import { refusalText } from "../../pages/demo/api.js";
import { NoAnswer, Refused, isOpen, withQuery } from "../../pages/operator/api.js";
import { layOut, roundUp, stepSeconds, summary } from "../../pages/operator/chart.js";
import { plateaus } from "../../pages/operator/claims.js";
import { size } from "../../pages/operator/drop.js";
import { listed, local, momentOf, numberOf, rewardOf } from "../../pages/operator/fields.js";
import { TookEffect, once } from "../../pages/operator/orders.js";
import * as text from "../../pages/operator/text.js";

/** Orders as the server sees them; `fail` says how the next answers fail. */
function server() {
  const done = new Map();
  const fails = [];
  let n = 0;
  const send = async (order, id) => {
    const fail = fails.shift();
    if (fail?.before) throw fail.before;
    done.set(id, order);
    if (fail?.after) throw fail.after;
    return order;
  };
  return { done, fails, order: once({ send, exists: async (id) => done.has(id), newId: () => `id-${(n += 1)}` }) };
}

test("an order whose answer got lost is done once, however often it is asked for", async () => {
  const { done, fails, order } = server();
  fails.push({ after: new NoAnswer("lost") }, { after: new Refused(503, "busy") });
  await assert.rejects(order({ reward: 1 }), NoAnswer);
  await assert.rejects(order({ reward: 1 }), Refused);
  await order({ reward: 1 });
  assert.deepEqual([...done.keys()], ["id-1"]);
});

test("the same order again, after its answer came, is another one", async () => {
  const { done, order } = server();
  await order({ reward: 1 });
  await order({ reward: 1 });
  assert.equal(done.size, 2);
});

test("another order is held back once, if the one before took effect after all", async () => {
  const { done, fails, order } = server();
  fails.push({ after: new NoAnswer("lost") });
  await assert.rejects(order({ reward: 1 }), NoAnswer);
  await assert.rejects(order({ reward: 2 }), TookEffect);
  assert.equal(done.size, 1);
  await order({ reward: 2 });
  assert.deepEqual([...done.values()], [{ reward: 1 }, { reward: 2 }]);
});

test("another order goes out at once, if the one before did not take effect", async () => {
  const { done, fails, order } = server();
  fails.push({ before: new NoAnswer("lost") });
  await assert.rejects(order({ reward: 1 }), NoAnswer);
  await order({ reward: 2 });
  assert.deepEqual([...done.values()], [{ reward: 2 }]);
});

test("what the server refused has not taken effect", async () => {
  const { done, fails, order } = server();
  fails.push({ before: new Refused(429, "too many") });
  await assert.rejects(order({ reward: 1 }), Refused);
  await order({ reward: 1 });
  assert.deepEqual([...done.keys()], ["id-2"]);
  assert.deepEqual([new NoAnswer(""), new Refused(503, ""), new Refused(500, ""), new Refused(422, "")].map(isOpen), [true, true, true, false]);
});

test("a refusal says what to do, whatever the server sends", () => {
  assert.match(refusalText(401, null), /refused the key/);
  assert.match(refusalText(429, { message: "Too Many Requests" }), /Try again/);
  assert.match(refusalText(503, { detail: "the queue does not answer" }), /the queue does not answer/);
  assert.match(refusalText(503, null), /overloaded/);
  assert.equal(refusalText(422, { detail: "stock: too small", code: "bad_request" }), "stock: too small");
  assert.equal(refusalText(500, "<html>"), "The server answered 500.");
});

test("a query leaves out what is empty and escapes the rest", () => {
  assert.equal(withQuery("/x", { a: "", b: null, c: undefined }), "/x");
  assert.equal(withQuery("/x", { a: "ä&b", n: 0 }), "/x?a=%C3%A4%26b&n=0");
});

const steps = [{ at: 0, viewers: 0, peak_viewers: 0 }, { at: 50, viewers: 40, peak_viewers: 70 }, { at: 100, viewers: 10, peak_viewers: 40 }];

test("a chart runs from its left to its right edge, and no higher than its scale", () => {
  const { paths, levels, marks } = layOut([{ name: "", steps }, { name: "x", steps: [] }], [{ at: 50, kind: "bonus", text: "b" }, { at: 101, kind: "news", text: "n" }], { from: 0, to: 100 }, 800);
  const points = paths[0].slice(1).split("L").map((point) => point.split(",").map(Number));
  assert.deepEqual(points.map(([x]) => x), [52, 422, 792]);
  assert.ok(points[1][1] < points[2][1] && points[2][1] < points[0][1]);
  assert.equal(paths[1], "");
  assert.equal(levels.at(-1).viewers, 50);
  assert.deepEqual(marks.map(({ x }) => x), [422]);
  assert.match(summary([{ name: "", steps }], [], { from: 0, to: 60_000 }), /10 now, 70 at the most; 0 bonuses/);
  assert.equal(layOut([{ name: "", steps: [] }], [], { from: 0, to: 1 }, 800).paths[0], "");
});

test("scales are round, and steps are at most a hundred", () => {
  assert.deepEqual([1, 3, 11, 99, 150_000].map(roundUp), [1, 5, 20, 100, 200_000]);
  assert.ok(Math.abs(roundUp(0.03) - 0.05) < 1e-9);
  const hour = 3_600_000;
  assert.deepEqual([hour / 4, hour, 24 * hour, 168 * hour].map(stepSeconds), [10, 60, 900, 6_300]);
  for (const length of [1, 60_000, hour, 5 * hour, 31 * 24 * hour]) assert.ok(length / 1_000 / stepSeconds(length) <= 100);
});

test("an audience is as large as the counts say", () => {
  const counts = { users: 9, connections: 12, resources: [{ resource: "final", users: 4, connections: 6 }] };
  assert.deepEqual(size({ kind: "everyone" }, counts), { users: 9, connections: 12 });
  assert.deepEqual(size({ kind: "resource", resource: "final" }, counts), { users: 4, connections: 6 });
  assert.deepEqual(size({ kind: "resource", resource: "none" }, counts), { users: 0, connections: 0 });
  assert.deepEqual(size({ kind: "users", user_ids: ["a", "b"] }, null), { users: 2, connections: 2 });
  assert.deepEqual(listed(" ann\n\nben \nann\n"), ["ann", "ben"]);
});

test("an estimate says how many are told, and when they are not all", () => {
  const known = { users: 150_000, connections: 160_000, perSecond: 7_000 };
  assert.equal(text.estimateText({ ...known, seconds: 60 }), "150,000 people on 160,000 connections, told within 23 seconds.");
  assert.equal(text.estimateText({ ...known, seconds: 10 }), "150,000 people on 160,000 connections: only 70,000 are told before it expires.");
  assert.equal(text.estimateText({ users: 1, connections: 1, perSecond: 7_000, seconds: 5 }), "1 person on 1 connection, told within a second.");
});

test("a bonus says where it is", () => {
  const bonus = { state: "open", left: null, opens_at: 0, expires_at: 60_000 };
  assert.equal(text.bonusState(bonus, 20_000), "open, 40 s left");
  assert.equal(text.bonusState({ ...bonus, left: 0 }, 0), "sold out");
  assert.equal(text.bonusState({ ...bonus, state: "upcoming", opens_at: 30_000 }, 0), "opens in 30 s");
  assert.equal(text.bonusState({ ...bonus, state: "cancelled" }, 0), "cancelled");
  const rates = [500, 10_000, 90_000].map((now) => text.claimRate({ claimed: 300, opens_at: 0, expires_at: 60_000 }, now));
  assert.deepEqual(rates, ["–", "30", "5.0"]);
  assert.equal(text.toldText({ sent: 1_200, gone: 3, undelivered: 1, dropped: 0, is_done: false }), "1,200…, 1 missed");
});

test("milestones say what they take, and how often they were awarded", () => {
  const one = { watched_seconds: 900, days: null, repeats: true, reward: { text: "5 coins" }, awarded: 1_200 };
  const streak = { ...one, watched_seconds: 7_200, days: 3, repeats: false, awarded: 0 };
  assert.equal(text.milestonesText([one, streak]), "each 15 min: 5 coins (1,200) · 2 h on 3 days in a row: 5 coins (0)");
});

test("a question says where it is, and what was answered", () => {
  const question = { state: "open", opens_at: 0, expires_at: 20_000, options: ["a", "b\u202E"], correct: 1, tally: [3, 1_200] };
  assert.deepEqual([5_000, 20_500].map((now) => text.questionState(question, now)), ["open, 15 s left", "open"]);
  assert.equal(text.questionState({ ...question, state: "upcoming", opens_at: 30_000 }, 0), "opens in 30 s");
  assert.equal(text.tallyText(question), "a: 3 · ✓ b\uFFFD: 1,200");
  assert.equal(text.tallyText({ ...question, correct: null, tally: undefined }), "a · b\uFFFD");
});

test("what an edit does not touch stays as it was", () => {
  const before = 1_772_927_000_123;
  assert.equal(momentOf(local(before), before), before);
  assert.equal(momentOf("", before), null);
  assert.equal(momentOf("", null), null);
  assert.equal(momentOf(local(before + 60_000), before) % 1_000, 0);
  const reward = { coins: 5 };
  assert.equal(rewardOf('{"coins":5}', reward), reward);
  assert.deepEqual(rewardOf("A scarf", reward), { text: "A scarf" });
  assert.deepEqual(rewardOf("6 coins", { text: "5 coins", sku: 7 }), { text: "6 coins", sku: 7 });
  assert.throws(() => rewardOf(" \u200B", reward), /visible/);
  assert.deepEqual(["", "0", "7"].map(numberOf), [null, 0, 7]);
});

test("health says what is late", () => {
  assert.equal(text.sweepText({ swept_at: null, server_now: 9 }), "has not run yet");
  assert.equal(text.sweepText({ swept_at: 0, server_now: 30_000 }), "last cycle 30 s ago");
  assert.match(text.sweepText({ swept_at: 0, server_now: 300_000 }), /late$/);
  assert.deepEqual([text.waitingText(null, 9), text.waitingText(0, 4_000), text.waitingText(0, 60_000)], ["nothing waits", "nothing waits", "waits since 60 s – late"]);
});

test("what failed lately says what, how often and when", () => {
  const errors = [{ source: "webhooks", code: "forbidden_address", count: 1_200, last_at: 0 }];
  assert.deepEqual(text.errorTexts(errors, 60_000), ["webhooks, forbidden address: 1,200, last 60 s ago"]);
  assert.deepEqual(text.errorTexts([], 0), []);
});

test("a webhook says whether it is on, and why not", () => {
  const on = { off_at: null, off_by: null, failing_since: null };
  assert.equal(text.webhookState(on, 0), "on");
  assert.equal(text.webhookState({ ...on, failing_since: 0 }, 600_000), "failing for 10 min");
  assert.equal(text.webhookState({ ...on, off_at: 1, off_by: "gone" }, 0), "off: it answered 410");
  const answers = [{ status: 503, error: "status" }, { status: null, error: "timeout" }, { status: 204, error: null }, { status: null, error: null }];
  assert.deepEqual(answers.map(text.deliveryText), ["answered 503", "timeout", "answered 204", "–"]);
});

test("a curve of claims is as high over each step as its claims per second", () => {
  const steps = plateaus([{ at: 1_000, claims: 10 }, { at: 6_000, claims: 0 }], 5);
  assert.deepEqual(steps.map(({ at, viewers }) => [at, viewers]), [[1_000, 2], [6_000, 2], [6_000, 0], [11_000, 0]]);
  assert.deepEqual([0, 0.0004, 9.94, 9.96, 12.4, 12_345.6].map(text.rate), ["0.0", "0.0004", "9.9", "10", "12", "12,346"]);
});
