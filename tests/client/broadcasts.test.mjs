import assert from "node:assert/strict";
import { test } from "node:test";

import { NOTHING, moved, pushed, welcomed } from "../../client/src/broadcasts.js";

const news = (seq) => ({ seq, type: "note", body: { text: `news ${seq}` }, at: 1, expires_at: 2 });
const welcome = (seq, missed = [], more = {}) => ({
  epoch: "e1",
  resource: "site",
  broadcasts: { seq, recovered: true, news: missed.map(news) },
  ...more,
});
const at = (seq, missed) => welcomed(NOTHING, welcome(seq, missed)).broadcasts;
const push = (before, seq, follows) => pushed(before, { seq, follows }, [news(seq)]);
const seqs = (step) => step.news.map(({ seq }) => seq);
/** Push several, each as [seq, follows]. */
const run = (before, ...places) => places.reduce((step, [seq, follows]) => push(step.broadcasts, seq, follows), { broadcasts: before });

test("the news of the first welcome is reported in order, without a gap", () => {
  const step = welcomed(NOTHING, welcome(9, [8, 3]));
  assert.deepEqual([seqs(step), step.isBehind, step.broadcasts.seq], [[3, 8], false, 9]);
});

test("news is reported once, pushed twice or also in a welcome", () => {
  assert.deepEqual(seqs(push(push(at(5), 6, 5).broadcasts, 6, 5)), []);
  assert.deepEqual(seqs(welcomed(push(at(5), 6, 5).broadcasts, welcome(6, [6]))), []);
  assert.deepEqual(seqs(push(at(6, [6]), 6, 5)), []);
});

test("a broadcast that follows a known one makes no gap", () => {
  assert.equal(push(at(5), 8, 5).isBehind, false);
  assert.equal(push(at(5), 8, 2).isBehind, false);
  assert.equal(push(at(0), 8, 0).isBehind, false);
  assert.equal(run(at(5), [8, 5], [9, 8]).isBehind, false);
});

test("each of two audiences has its own chain", () => {
  assert.equal(run(at(5), [6, 5], [7, 3], [8, 6], [9, 7]).isBehind, false);
});

test("a broadcast that follows a missing one is reported, and makes a gap", () => {
  const step = push(at(5), 8, 7);
  assert.deepEqual([seqs(step), step.isBehind], [[8], true]);
});

test("a gap closes when its broadcasts arrive in any order", () => {
  const step = run(at(5), [9, 8], [8, 7], [7, 5]);
  assert.equal(step.isBehind, false);
  assert.equal(run(at(5), [9, 8], [8, 7]).isBehind, true);
});

test("a gap stays while others arrive, and when its push is repeated", () => {
  assert.equal(run(at(5), [8, 7], [9, 8], [8, 7]).isBehind, true);
});

test("a welcome closes the gap and brings what was missing", () => {
  const step = welcomed(push(at(5), 8, 7).broadcasts, welcome(8, [7, 8]));
  assert.deepEqual([seqs(step), step.isBehind], [[7], false]);
});

test("a welcome from before the gap does not close it", () => {
  const step = welcomed(push(at(5), 8, 7).broadcasts, welcome(6));
  assert.equal(step.isBehind, true);
});

test("a push before the first welcome is reported once, and the welcome shows its gap", () => {
  const before = run(NOTHING, [8, 7]);
  assert.deepEqual([seqs(before), before.isBehind], [[8], false]);
  assert.deepEqual(seqs(welcomed(before.broadcasts, welcome(8, [7, 8]))), [7]);
  assert.equal(welcomed(before.broadcasts, welcome(6)).isBehind, true);
  assert.equal(push(welcomed(before.broadcasts, welcome(7)).broadcasts, 9, 8).isBehind, false);
});

test("a late welcome costs at most one hello", () => {
  const back = welcomed(at(9), welcome(5)).broadcasts;
  assert.equal(back.seq, 5);
  assert.equal(push(back, 10, 9).isBehind, true);
});

test("the seqs of another epoch are all new", () => {
  const step = welcomed(push(at(5), 6, 5).broadcasts, welcome(6, [6], { epoch: "e2" }));
  assert.deepEqual([seqs(step), step.isBehind, step.broadcasts.seq], [[6], false, 6]);
});

test("after a move there is no seq until the welcome, and nothing is reported twice", () => {
  const there = moved(push(at(5), 8, 7).broadcasts, "two");
  assert.deepEqual([there.seq, push(there, 10, 9).isBehind], [null, false]);
  const step = welcomed(there, welcome(10, [4, 8, 10], { resource: "two" }));
  assert.deepEqual([seqs(step), step.isBehind, step.broadcasts.seq], [[4, 10], false, 10]);
});

test("a repeated move to the same resource changes nothing", () => {
  const there = moved(at(5), "two");
  assert.deepEqual(moved(there, "two"), there);
  const { broadcasts } = welcomed(there, welcome(6, [], { resource: "two" }));
  assert.deepEqual([broadcasts.seq, moved(broadcasts, "two")], [6, broadcasts]);
});

test("a ticket that leads to another resource makes a gap, once", () => {
  const step = welcomed(at(5), welcome(9, [9], { resource: "two" }));
  assert.deepEqual([seqs(step), step.isBehind, step.broadcasts.seq], [[9], true, null]);
  const again = welcomed(step.broadcasts, welcome(9, [4, 9], { resource: "two" }));
  assert.deepEqual([seqs(again), again.isBehind, again.broadcasts.seq], [[4], false, 9]);
});

test("a repeated push is kept once", () => {
  const once = push(at(5), 8, 7).broadcasts;
  assert.deepEqual(push(once, 8, 7).broadcasts, once);
});

test("the lists are bounded", () => {
  let { broadcasts } = run(at(0));
  for (let seq = 1; seq < 1_000; seq += 1) broadcasts = push(broadcasts, 2 * seq, 2 * seq - 1).broadcasts;
  assert.deepEqual([broadcasts.received, broadcasts.missing, broadcasts.delivered].map(({ length }) => length), [200, 200, 200]);
  for (let seq = 2_000; seq < 2_300; seq += 1) broadcasts = push(broadcasts, seq, seq - 1).broadcasts;
  assert.equal(push(broadcasts, 2_300, 2_299).broadcasts.missing.at(-1), 1_999);
});

const cancellation = (seq, cancels) => ({ ...news(seq), body: {}, cancels });

test("a cancellation is reported once, and news that comes after its own cancellation never", () => {
  const step = pushed(at(5), { seq: 7, follows: 6 }, [cancellation(7, 6)]);
  assert.deepEqual(step.news, [cancellation(7, 6)]);
  assert.deepEqual(seqs(pushed(step.broadcasts, { seq: 7, follows: 6 }, [cancellation(7, 6)])), []);
  assert.deepEqual(seqs(push(step.broadcasts, 6, 5)), []);
  const missed = { ...welcome(7), broadcasts: { seq: 7, recovered: true, news: [news(6), cancellation(7, 6)] } };
  assert.deepEqual(seqs(welcomed(NOTHING, missed)), [7]);
});
