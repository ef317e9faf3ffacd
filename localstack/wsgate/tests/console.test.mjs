import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, clock, dollars, matches, pretty, span } from "../src/wsgate/console/static/format.js";

test("a span is shown in its two largest units", () => {
  const given = [-5, 0, 999, 1000, 59_999, 60_000, 200_000, 3_600_000, 3_900_000, 90_000_000];
  assert.deepEqual(given.map(span), ["0s", "0s", "0s", "1s", "59s", "1m", "3m 20s", "1h", "1h 5m", "1d 1h"]);
});

test("a KB is 1024 bytes", () => {
  assert.deepEqual([0, 1023, 1024, 1536, 20 * 1024 ** 2, 3 * 1024 ** 4].map(bytes), ["0 B", "1023 B", "1.0 KB", "1.5 KB", "20 MB", "3.0 TB"]);
});

test("small amounts of money show more places", () => {
  assert.deepEqual([0, 1e-9, 0.000261, 0.0123, 0.25, 1, 11.294, 1234.5].map(dollars), ["$0", "< $0.000001", "$0.000261", "$0.0123", "$0.25", "$1.00", "$11.29", "$1,234.50"]);
});

test("a time has milliseconds", () => {
  assert.match(clock(1714484641120), /^\d\d:\d\d:01\.120$/);
});

test("a fixture is set in lines, its keys in order; what is no JSON stays", () => {
  assert.equal(pretty('{"b":1,"a":["x"]}'), '{\n  "b": 1,\n  "a": [\n    "x"\n  ]\n}');
  assert.equal(pretty("no {json"), "no {json");
});

test("a filter's words are each somewhere in the line", () => {
  const entry = { route: "echo", connection: "AbC=", outcome: "200", function: "Chat", cold: true };
  for (const filter of ["", "echo", "ABC", "echo 200", "chat cold"]) assert.equal(matches(entry, filter), true, filter);
  for (const filter of ["ping", "echo 500"]) assert.equal(matches(entry, filter), false, filter);
  assert.equal(matches({ ...entry, connection: null, cold: null }, "null"), false);
});
