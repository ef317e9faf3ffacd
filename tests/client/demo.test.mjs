import assert from "node:assert/strict";
import { test } from "node:test";

import { told } from "../../client/demo-api.js";
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

test("what was claimed stays claimed, whatever another tab heard", () => {
  assert.equal(view.settled("claimed", "sold_out"), "claimed");
  assert.equal(view.settled("already_claimed", "sold_out"), "already_claimed");
  assert.equal(view.settled(null, "sold_out"), "sold_out");
  assert.equal(view.settled("sold_out", null), "sold_out");
  assert.equal(view.settled("too_early", "claimed"), "claimed");
});

test("an open bonus of which nothing is left is sold out", () => {
  const states = [[1, "open"], [0, "open"], [null, "open"], [0, "expired"]].map(([left, state]) => view.stateText({ state, left }));
  assert.deepEqual(states, ["open", "sold out", "open", "expired"]);
});

test("how a session ended is said in a viewer's words", () => {
  assert.deepEqual(
    ["client", "idle", "expired", "swept", "node_lost", "kicked", null, "new_word"].map(view.endText),
    ["closed", "nothing heard for ten minutes", "after two hours", "connection lost", "connection lost", "ended by the operator", "–", "new_word"],
  );
});

test("a time of today is a time, one of another day has its day", () => {
  const now = new Date(2026, 10, 23, 14, 0).getTime();
  const at = (...parts) => view.timeText(new Date(2026, 10, ...parts).getTime(), now, "en-GB");
  assert.deepEqual([at(23, 0, 0, 0), at(22, 23, 59, 59)], ["00:00:00", "22 Nov, 23:59:59"]);
});

test("each event of the stream reads as a sentence, one of another app as its type", () => {
  const told = (type, body) => Object.values(view.sentence({ seq: 1, type, body, at: 1, id: null })).join("");
  assert.equal(told("react", { kind: "heart" }), "You sent a heart");
  assert.equal(told("note", { text: "hi" }), "Note: hi");
  assert.equal(told("note", { text: "" }), "Note cleared");
  assert.equal(told("bonus.claimed", { reward: { text: "50 coins" } }), "You claimed 50 coins");
  assert.equal(told("moved", {}), "moved");
});

test("one connection, two connections", () => {
  assert.deepEqual([1, 2].map((count) => view.counted(count, "connection")), ["1 connection", "2 connections"]);
});

test("what others wrote is told apart from our own words", () => {
  const { ours, theirs } = view.sentence({ seq: 1, type: "note", body: { text: "\u202Eabc" }, at: 1, id: null });
  assert.deepEqual([ours, theirs], ["Note: ", "\u202Eabc"]);
});

test("a refusal of the API reads as a sentence, be it one or a list", () => {
  const listed = [{ loc: ["body", "user_id"], msg: "String should have at most 128 characters" }, { msg: "odd" }];
  assert.equal(told("no such bonus"), "no such bonus");
  assert.equal(told(listed), "user_id: String should have at most 128 characters; request: odd");
  assert.deepEqual([told(undefined), told({ odd: 1 }), told([])], ["", "", ""]);
});

test("a device is called after its browser and its system", () => {
  const agents = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36": "Chrome on Linux",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":
      "Edge on Windows",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":
      "Safari on iPhone",
    "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0": "Firefox on Android",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:127.0) Gecko/20100101 Firefox/127.0": "Firefox on Mac",
    curl: "A browser",
  };
  for (const [agent, name] of Object.entries(agents)) assert.equal(view.deviceText(agent), name);
});

test("a kick says how many it closed, and when to kick again", () => {
  assert.equal(view.kickedText({ closed: 0, gone: 0, unreachable: 0 }), "Nobody of that name is online.");
  assert.equal(view.kickedText({ closed: 1, gone: 0, unreachable: 0 }), "1 connection closed.");
  assert.equal(view.kickedText({ closed: 1, gone: 1, unreachable: 2 }), "2 connections closed. 2 could not be reached: kick again.");
});
