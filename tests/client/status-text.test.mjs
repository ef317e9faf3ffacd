import assert from "node:assert/strict";
import { test } from "node:test";

import { line } from "../../pages/demo/status-text.js";

const NOW = 1_000_000;
const ONLINE = { status: "online", reason: "", retryAt: null };
const offline = (reason, retryAt = null) => ({ status: "offline", reason, retryAt });
const shown = (more) => line({ status: ONLINE, backlog: { count: 0, isStuck: false }, waitingSince: NOW, problem: "", ...more }, NOW);

test("online with nothing to explain is green and silent", () => {
  assert.deepEqual(shown({}), { word: "Online", isWell: true, trouble: "", next: "", canWake: false, waiting: "" });
});

test("a server that cannot save is said while requests are sent again", () => {
  const { word, isWell, trouble, waiting } = shown({ backlog: { count: 2, isStuck: true } });
  assert.deepEqual([word, isWell, waiting], ["Online", false, "2 waiting"]);
  assert.match(trouble, /^Online, but the server cannot save right now/);
});

test("lists that cannot be fetched are said to be old", () => {
  assert.match(shown({ problem: "the database does not answer" }).trouble, /not everything here is up to date: the database does not answer/);
});

test("a refused connection says so, and when the next try is", () => {
  const { trouble, next, canWake } = shown({ status: offline("the server refused the connection", NOW + 4_001) });
  assert.deepEqual([trouble + next, canWake], ["The server refused the connection; next try in 5 s", true]);
});

test("an attempt that is due within two seconds needs no button", () => {
  assert.deepEqual([2_000, 2_001].map((ms) => shown({ status: offline("x", NOW + ms) }).canWake), [false, true]);
});

test("without a network there is no next try, but a button", () => {
  const { trouble, next, canWake, isWell } = shown({ status: offline("the network is gone") });
  assert.deepEqual([trouble, next, canWake, isWell], ["The network is gone", "", true, false]);
});

test("what waits shows at once while offline, and online after a second", () => {
  const backlog = { count: 3, isStuck: false };
  assert.equal(shown({ backlog, status: offline("x") }).waiting, "3 waiting");
  assert.deepEqual([999, 1_000].map((age) => shown({ backlog, waitingSince: NOW - age }).waiting), ["", "3 waiting"]);
});
