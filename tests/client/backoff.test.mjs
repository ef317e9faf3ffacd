import assert from "node:assert/strict";
import { test } from "node:test";

import { delay, rotation } from "../../client/src/backoff.js";

const widest = (attempt) => delay(attempt, { random: () => 1 });

test("the window doubles with every attempt up to its cap", () => {
  assert.deepEqual([0, 1, 2, 8, 9, 20].map(widest), [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
});

test("the cap lets 150,000 clients back at 500 connections a second", () => {
  assert.equal(widest(30), (150_000 / 500) * 1_000);
});

test("the jitter is full: any moment of the window, from now on", () => {
  assert.equal(delay(3, { random: () => 0 }), 0);
  assert.equal(delay(3, { random: () => 0.25 }), 2_000);
});

test("each attempt draws a new random number", () => {
  const dice = [0.1, 0.9];
  const random = () => dice.shift();
  assert.deepEqual([delay(0, { random }), delay(0, { random })], [100, 900]);
});

test("even a very late attempt has a finite wait", () => {
  assert.equal(widest(5_000), 300_000);
});

test("a connection is replaced 90 to 115 minutes after it opened, before the gateway's two hours", () => {
  assert.deepEqual([0, 1].map((die) => rotation(() => die) / 60_000), [90, 115]);
});
