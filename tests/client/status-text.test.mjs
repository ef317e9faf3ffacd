import assert from "node:assert/strict";
import { test } from "node:test";

import { statusText } from "../../pages/demo/status-text.js";

const NOW = 1_000_000;
const ONLINE = { status: "online", reason: "", code: null, retryAt: null };
const offline = (reason, retryAt = null, code = "lost") => ({ status: "offline", reason, code, retryAt });
const shown = (more) => statusText({ status: ONLINE, backlog: { count: 0, isStuck: false }, waitingSince: NOW, problem: "", removed: "", ...more }, NOW);

test("online without trouble shows no text", () => {
  assert.deepEqual(shown({}), { word: "Online", isWell: true, trouble: "", next: "", canWake: false, canDismiss: false, waiting: "" });
});

test("the text explains that the server cannot save while requests are sent again", () => {
  const { word, isWell, trouble, waiting } = shown({ backlog: { count: 2, isStuck: true } });
  assert.deepEqual([word, isWell, waiting], ["Online", false, "2 waiting"]);
  assert.match(trouble, /^Online, but the server cannot save right now/);
});

test("the text explains that the lists are not up to date", () => {
  assert.match(shown({ problem: "the database does not answer" }).trouble, /the lists are not up to date: the database does not answer/);
});

test("a refused connection shows its reason and the time of the next attempt", () => {
  const { trouble, next, canWake } = shown({ status: offline("the server refused the connection", NOW + 4_001) });
  assert.deepEqual([trouble + next, canWake], ["The server refused the connection; next try in 5 s", true]);
});

test("a removed viewer reads the operator's words until they have been read", () => {
  const removed = "be kind.";
  const { trouble, next, canDismiss } = shown({ status: offline(removed, NOW + 2_000, "kicked"), removed });
  assert.deepEqual([trouble + next, canDismiss], ["Removed by the operator: Be kind", false]);
  const back = shown({ removed });
  assert.deepEqual([back.trouble, back.canDismiss, back.isWell], ["Removed by the operator: Be kind", true, true]);
  const stuck = shown({ removed, backlog: { count: 1, isStuck: true } });
  assert.match(stuck.trouble, /^Online, but the server cannot save/);
  assert.equal(stuck.canDismiss, false);
});

test("no button is shown when an attempt is due within two seconds", () => {
  assert.deepEqual([2_000, 2_001].map((ms) => shown({ status: offline("x", NOW + ms) }).canWake), [false, true]);
});

test("without a network there is no next attempt, but a button", () => {
  const { trouble, next, canWake, isWell } = shown({ status: offline("this device is offline") });
  assert.deepEqual([trouble, next, canWake, isWell], ["This device is offline", "", true, false]);
});

test("waiting requests show at once while offline, and after a second while online", () => {
  const backlog = { count: 3, isStuck: false };
  assert.equal(shown({ backlog, status: offline("x") }).waiting, "3 waiting");
  assert.deepEqual([999, 1_000].map((age) => shown({ backlog, waitingSince: NOW - age }).waiting), ["", "3 waiting"]);
});
