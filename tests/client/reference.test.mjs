/** docs/reference/client.md has a heading for each public name, and no other. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Headcount } from "../../client/src/headcount.js";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const PAGE = read("docs/reference/client.md");
const TYPES = read("client/src/types.js");

/** The names in the headings below a heading of the second level: `### act(type, body, options)` gives "act". */
function headings(section) {
  const [, below = ""] = PAGE.split(`\n## ${section}\n`);
  const [own] = below.split(/^## /mu);
  return [...own.matchAll(/^### `?(\w+)/gmu)].map(([, name]) => name).sort();
}

/** The properties of a typedef in types.js. */
function properties(typedef) {
  const [, below] = TYPES.split(`@typedef {object} ${typedef} `);
  const [own] = below.split("@typedef");
  return [...own.matchAll(/^ \* @property \{.*?\} +(?:\[(\w+)\]|(\w+))/gmu)].map(([, optional, name]) => optional ?? name).sort();
}

/** The members of the class: getters are properties, all others are methods. */
function members(isProperty) {
  const all = Object.entries(Object.getOwnPropertyDescriptors(Headcount.prototype));
  return all.filter(([name, { get }]) => name !== "constructor" && Boolean(get) === isProperty).map(([name]) => name).sort();
}

test("each option has its heading", () => {
  assert.deepEqual(headings("Options"), properties("Options"));
  assert.ok(properties("Options").includes("ticket"));
});

test("each method has its heading", () => {
  assert.deepEqual(headings("Methods"), members(false));
});

test("each property has its heading", () => {
  assert.deepEqual(headings("Properties"), members(true));
});

test("each event has its heading", () => {
  assert.deepEqual(headings("Events"), properties("Events"));
});

test("the class lists its events in its own words", () => {
  const [, listed] = read("client/src/headcount.js").match(/\* names: (.*)\.\n/u);
  assert.deepEqual([...listed.matchAll(/\w+/gu)].map(([name]) => name).sort(), properties("Events"));
});
