import assert from "node:assert/strict";
import { test } from "node:test";

import * as view from "../../client/demo-state.js";

const react = (kind, count) => ({ seq: 1, type: "react", body: { kind, count }, at: 1, id: null });
const bonus = { bonus_id: "b", reward: {}, opens_at: 100, expires_at: 200, outcome: null };

test("two tabs that react at once count as two", () => {
  assert.equal(view.summary([react("heart", 1), react("heart", 1)]).reactions.heart, 2);
});

test("counting goes on where older events are forgotten", () => {
  assert.equal(view.summary([react("heart", 140)]).reactions.heart, 140);
});

test("the last note stands", () => {
  const note = (text) => ({ seq: 1, type: "note", body: { text }, at: 1, id: null });
  assert.equal(view.summary([note("one"), note("two")]).note, "two");
});

test("a tab keeps as many events as a snapshot has", () => {
  const many = Array.from({ length: 100 }, (_, index) => react("star", index));
  assert.equal(view.append(many, react("star", 100)).length, 100);
});

test("a bonus opens and expires at its moments", () => {
  const phases = [99, 100, 199, 200].map((now) => view.phase(bonus, now));
  assert.deepEqual(phases, ["upcoming", "open", "open", "expired"]);
});

test("an outcome outlives the window, but too early is not the last word", () => {
  assert.equal(view.phase({ ...bonus, outcome: "claimed" }, 900), "claimed");
  assert.equal(view.phase({ ...bonus, outcome: "too_early" }, 150), "open");
});

test("watch time reads as hours, minutes and seconds", () => {
  assert.deepEqual([-5, 999, 61_000, 36_000_000].map(view.clockText), ["0:00:00", "0:00:00", "0:01:01", "10:00:00"]);
});

test("a reward of any shape has a text", () => {
  assert.deepEqual([{ text: "50 coins" }, { coins: 5 }].map(view.rewardText), ["50 coins", '{"coins":5}']);
});

test("initials are letters, whatever the name", () => {
  assert.deepEqual(["ann", "Ann Lee Poe", "Émile", "…", ""].map(view.initials), ["A", "AL", "É", "…", ""]);
});

test("each event of the stream reads as a sentence, one of another app as its type", () => {
  const told = (type, body) => view.sentence({ seq: 1, type, body, at: 1, id: null });
  assert.equal(told("react", { kind: "heart" }), "You sent a heart");
  assert.equal(told("note", { text: "hi" }), "Note: hi");
  assert.equal(told("note", { text: "" }), "Note cleared");
  assert.equal(told("bonus.claimed", { reward: { text: "50 coins" } }), "You claimed 50 coins");
  assert.equal(told("moved", {}), "moved");
});

test("one connection, two connections", () => {
  assert.deepEqual([1, 2].map((count) => view.counted(count, "connection")), ["1 connection", "2 connections"]);
});

test("a name has one colour, and its neighbour another", () => {
  assert.equal(view.hue("ann"), view.hue("ann"));
  assert.notEqual(view.hue("ann"), view.hue("ano"));
});
