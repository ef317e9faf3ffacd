import assert from "node:assert/strict";
import { test } from "node:test";

import * as view from "../../pages/demo/view.js";

const react = (kind, count) => ({ seq: 1, type: "react", body: { kind }, at: 1, id: null, patch: view.reactionPatch(kind, count) });
const bonus = { bonus_id: "b", reward: {}, opens_at: 100, expires_at: 200, outcome: null, acknowledge: false };

test("two tabs that react at once count as two", () => {
  assert.deepEqual(view.reactions({ reactions: { heart: 1 } }, [react("heart", 1), react("heart", 1)]), { heart: 2 });
});

test("counting goes on from the state when older events are gone", () => {
  assert.deepEqual(view.reactions({ reactions: { heart: 140, star: 3 } }, [react("heart", 140)]), { heart: 140, star: 3 });
});

test("unexpected values in the state are ignored", () => {
  const odd = { reactions: { heart: "many" }, note: { text: "x" } };
  const event = { seq: 1, type: "react", body: { kind: "heart" }, at: 1, id: null };
  assert.deepEqual([view.reactions(odd, [event]), view.noteText(odd)], [{ heart: 1 }, ""]);
  assert.deepEqual([view.reactions({ reactions: 7 }, []), view.noteText({ note: "hi" })], [{}, "hi"]);
});

test("a tab keeps as many events as a snapshot has", () => {
  const many = Array.from({ length: 100 }, (_, index) => react("star", index));
  assert.equal(view.append(many, react("star", 100)).length, 100);
});

test("a bonus opens and expires at its moments", () => {
  const phases = [99, 100, 199, 200].map((now) => view.phase(bonus, now));
  assert.deepEqual(phases, ["upcoming", "open", "open", "expired"]);
  const lacks = { clock: "visible", min_ms: 90_000, watched_ms: 0, reached_at: 150 };
  const waiting = [99, 149, 150, 200].map((now) => view.phase({ ...bonus, progress: lacks }, now));
  assert.deepEqual(waiting, ["upcoming", "not_yet", "open", "expired"]);
  assert.equal(view.phaseText({ ...bonus, left: 50 }, "open", 150), "50 left at most");
  const still = { ...bonus, progress: { ...lacks, reached_at: null } };
  assert.deepEqual([view.phase(still, 199), view.phaseText(still, "not_yet", 199)], ["not_yet", "Keep watching: 2 minutes to go"]);
});

test("the title counts down to the bonus that expires first, and only while one can be claimed", () => {
  const later = { ...bonus, reward: { text: "A scarf" }, expires_at: 700_000 };
  const first = { ...bonus, reward: { text: "50 \u202Ecoins" }, expires_at: 42_050 };
  const titles = [[99, [later, first]], [150, [later, first]], [42_050, [later, first]], [150, [{ ...first, outcome: "claimed" }]], [150, []]];
  assert.deepEqual(titles.map(([now, all]) => view.titleText(all, now)), [
    "Headcount", "42 s – 50 \uFFFDcoins – Headcount", "10:58 – A scarf – Headcount", "Headcount", "Headcount",
  ]);
  assert.deepEqual([1, 99_000, 99_001, 3_600_000].map(view.leftText), ["1", "99", "1:40", "1:00:00"]);
});

test("bonuses stand in the order in which they matter", () => {
  const named = (name, more) => ({ ...bonus, reward: name, ...more });
  const lacks = { clock: "visible", min_ms: 90_000, watched_ms: 45_000, reached_at: null };
  const all = [
    named("over", { outcome: "claimed", expires_at: 160 }), named("soon", { opens_at: 180 }), named("lacks", { progress: lacks }),
    named("late", { expires_at: 300 }), named("now", {}),
  ];
  assert.deepEqual(all.sort((one, other) => view.inOrder(one, other, 150)).map(({ reward }) => reward), ["now", "late", "lacks", "soon", "over"]);
  assert.equal(view.watchedPercent(lacks, 150), 50);
});

test("a claim without an answer says when it is sent", () => {
  assert.deepEqual([true, false].map((isOnline) => view.claimingText(isOnline).outcome), ["Claiming…", "It will be sent when you are back"]);
});

test("a milestone says how far its user is", () => {
  const campaign = { state: "running" };
  const once = { watched_seconds: 900, days: null, repeats: false, awarded: 0, days_in_a_row: null };
  const progress = (milestone, watched, state = "running") => view.milestoneProgress({ ...campaign, state }, { ...once, ...milestone }, watched);
  assert.deepEqual(progress({}, 450_000), { percent: 50, text: "0:07:30 of 15 min" });
  assert.deepEqual(progress({}, 2_000_000), { percent: 100, text: "0:15:00 of 15 min" });
  assert.deepEqual(progress({ awarded: 1 }, 2_000_000), { percent: 100, text: "reached" });
  assert.deepEqual(progress({ repeats: true, awarded: 2 }, 2_025_000), { percent: 25, text: "0:03:45 of 15 min, had 2 times" });
  assert.deepEqual(progress({ watched_seconds: 15 }, 0, "paused"), { percent: 0, text: "0:00:00 of 15 s, paused" });
  assert.deepEqual(progress({ days: 4, days_in_a_row: 1 }, 0), { percent: 25, text: "1 of 4 days in a row, 15 min each" });
});

test("of a crowd, the user and the first others are named", () => {
  const people = ["ann", "ben", "cat", "you"].map((user_id) => ({ user_id }));
  assert.deepEqual(view.firstNames(people, "you", 3).map(({ user_id }) => user_id), ["you", "ann", "ben"]);
});

test("an outcome outlives the window", () => {
  assert.equal(view.phase({ ...bonus, outcome: "claimed" }, 900), "claimed");
});

test("watch time reads as hours, minutes and seconds", () => {
  assert.deepEqual([-5, 999, 61_000, 36_000_000].map(view.clockText), ["0:00:00", "0:00:00", "0:01:01", "10:00:00"]);
});

test("a reward of any shape has a text", () => {
  assert.deepEqual([{ text: "50 coins" }, { coins: 5 }].map(view.rewardText), ["50 coins", '{"coins":5}']);
});

test("an open bonus with no stock left is sold out", () => {
  const states = [[1, "open"], [0, "open"], [null, "open"], [0, "expired"]].map(([left, state]) => view.stateText({ state, left }));
  assert.deepEqual(states, ["open", "sold out", "open", "expired"]);
});

test("the end of a session has a plain text", () => {
  assert.deepEqual(
    ["client", "idle", "expired", "swept", "node_evicted", "kicked", null, "new_word"].map(view.endText),
    ["closed", "idle for ten minutes", "two-hour limit", "connection lost", "connection lost", "ended by the operator", "–", "new_word"],
  );
});

test("a time on another day has its date", () => {
  const now = new Date(2026, 10, 23, 14, 0).getTime();
  const at = (...parts) => view.timeText(new Date(2026, 10, ...parts).getTime(), now, "en-GB");
  assert.deepEqual([at(23, 0, 0, 0), at(22, 23, 59, 59)], ["00:00:00", "22 Nov, 23:59:59"]);
});

test("each event of the stream reads as a sentence, and an unknown one as its type", () => {
  const text = (type, body) => Object.values(view.sentence({ seq: 1, type, body, at: 1, id: null })).join("");
  assert.equal(text("react", { kind: "heart" }), "You sent a heart");
  assert.equal(text("note", { text: "hi" }), "Note: hi");
  assert.equal(text("note", { text: "" }), "Note cleared");
  assert.equal(text("bonus.claimed", { reward: { text: "50 coins" } }), "You claimed 50 coins");
  assert.equal(text("bonus.offered", { reward: { text: "50 coins" } }), "You were offered 50 coins");
  assert.equal(text("bonus.fulfilled", { reward: { text: "50 coins" }, reason: null }), "You were given 50 coins");
  assert.equal(text("bonus.rejected", { reward: { text: "50 coins" }, reason: "too young" }), "You were not given 50 coins (too young)");
  assert.equal(text("moved", {}), "moved");
});

test("one connection, two connections", () => {
  assert.deepEqual([1, 2].map((count) => view.counted(count, "connection")), ["1 connection", "2 connections"]);
});

test("a text by a user is kept apart from our words", () => {
  const { ours, theirs } = view.sentence({ seq: 1, type: "note", body: { text: "\u202Eabc" }, at: 1, id: null });
  assert.deepEqual([ours, theirs], ["Note: ", "\u202Eabc"]);
});

test("a device is labelled by its browser and its system", () => {
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

test("news is shown until it expires, newest first", () => {
  const news = [[4, 200], [6, 201], [5, 300]].map(([seq, expires_at]) => ({ seq, type: "note", body: {}, at: 1, expires_at }));
  assert.deepEqual([199, 200, 300].map((now) => view.currentNews(news, now).map(({ seq }) => seq)), [[6, 5, 4], [6, 5], []]);
});

test("each entry of the ledger reads as a sentence", () => {
  const text = (entry) => Object.values(view.entryText({ id: 1, entry, bonus_id: "b", reward: { text: "50 coins" }, at: 1 })).join("");
  assert.deepEqual(["created", "offered", "claimed", "expired", "cancelled", "new_word"].map(text), [
    "Dropped: 50 coins", "Offered to you: 50 coins", "Claimed: 50 coins", "Expired: 50 coins", "Cancelled: 50 coins", "new_word: 50 coins",
  ]);
});

test("the text on a broadcast lists only counts above zero", () => {
  const broadcast = { sent: 1_234, gone: 0, undelivered: 0, dropped: 0, shards: 2, shards_done: 2, is_done: true };
  assert.equal(view.broadcastText(broadcast), "Sent to 1,234.");
  assert.equal(
    view.broadcastText({ ...broadcast, gone: 2, undelivered: 3, dropped: 4, is_done: false }),
    "So far sent to 1,234, 2 gone, 3 not reached, 4 not tried.",
  );
});

test("the text on a kick has the closed connections, and those to try again", () => {
  assert.equal(view.kickedText({ closed: 0, gone: 0, unreachable: 0 }), "No user of that name is online.");
  assert.equal(view.kickedText({ closed: 1, gone: 0, unreachable: 0 }), "1 connection closed.");
  assert.equal(view.kickedText({ closed: 1, gone: 1, unreachable: 2 }), "2 connections closed. 2 could not be reached: try again.");
});
