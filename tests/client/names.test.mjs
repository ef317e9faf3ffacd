import assert from "node:assert/strict";
import { test } from "node:test";

import * as names from "../../pages/demo/names.js";

test("a name has 1 to 128 characters, counted as the server counts them", () => {
  assert.deepEqual(["a", "a".repeat(128), "💛".repeat(128)].map((name) => names.problem(name, "name")), ["", "", ""]);
  assert.match(names.problem("a".repeat(129), "name"), /too long: 129 characters.*1–128/);
  assert.match(names.problem("", "name"), /1–128/);
});

test("a name needs a visible character", () => {
  for (const name of [" ", "\u00A0\t", "\u200B\u2060", "\u202E"]) assert.notEqual(names.problem(name, "name"), "", JSON.stringify(name));
  for (const name of [".", "_", "💛", " a "]) assert.equal(names.problem(name, "name"), "", name);
});

test("direction marks show as a character", () => {
  assert.equal(names.shown("\u202Enna"), "\uFFFDnna");
  assert.equal(names.shown("\u2066x\u2069"), "\uFFFDx\uFFFD");
  assert.equal(names.shown("شيماء Ann"), "شيماء Ann");
});

test("initials are letters, or else a visible character", () => {
  const given = ["ann", "Ann Lee Poe", "Émile", "(bob)", "\u202Enna", "💛 7", "…", "___", "💛", "", "\u202E"];
  assert.deepEqual(given.map(names.initials), ["A", "AL", "É", "B", "N", "7", "…", "_", "💛", "?", "?"]);
});

test("a name has one colour, and its neighbour another", () => {
  assert.equal(names.hue("ann"), names.hue("ann"));
  assert.notEqual(names.hue("ann"), names.hue("ano"));
});
