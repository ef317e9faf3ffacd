import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, clock, dollars, kindOf, matches, pollOf, pretty, saidOf, span, userOf, wayIn } from "../src/wsgate/console/static/format.js";
import { saved, toggle } from "../src/wsgate/console/static/saved.js";

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

const entry = (route, more = {}) => ({ route, connection: "AbC=", outcome: "200", function: null, cold: null, event: null, said: null, ...more });

test("an entry has one kind", () => {
  const kinds = { $connect: "connections", authorizer: "connections", "page send": "pushes", "POST /dev/@connections/AbC%3D": "pushes", "GET /online": "http", chat: "messages", "-": "messages" };
  for (const [route, kind] of Object.entries(kinds)) assert.equal(kindOf(entry(route)), kind, route);
  assert.equal(kindOf(entry("queue", { connection: null })), "functions");
});

test("a kind and a user are filtered by", () => {
  const event = JSON.stringify({ body: '{"principalId": "eve"}', requestContext: { authorizer: { principalId: "ann" } } });
  assert.equal(userOf({ event }), "ann");
  assert.equal(userOf({ event: null }), "");
  assert.equal(matches(entry("chat", { event }), "ann", "messages"), true);
  assert.equal(matches(entry("chat", { event }), "ann", "pushes"), false);
  assert.equal(matches(entry("chat", { event }), "eve"), false);
});

test("what a client said can be said again", () => {
  assert.equal(saidOf(entry("chat", { event: '{"body":"hi"}' })), "hi");
  assert.equal(saidOf(entry("ping", { said: "ping" })), "ping");
  assert.equal(saidOf(entry("chat", { event: "no JSON" })), null);
  assert.equal(saidOf(entry("$connect", { event: '{"body":"hi"}' })), null);
});

test("only requests that look are polls", () => {
  assert.equal(pollOf(entry("GET /online")), "GET /online 200");
  assert.equal(pollOf(entry("POST /online")), null);
  assert.equal(pollOf(entry("chat")), null);
});

test("the way in has a place for each identity source", () => {
  assert.equal(wayIn("ws://h/dev", []), "ws://h/dev");
  assert.equal(wayIn("ws://h/dev", ["route.request.querystring.ticket", "route.request.header.X-User", "context.x"]), '"ws://h/dev?ticket=…" -H "X-User: …"');
});

test("messages are saved, the latest first, and forgotten", () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  assert.deepEqual([toggle("a", storage), toggle("b", storage), toggle("", storage), toggle("a", storage), saved(storage)], [["a"], ["b", "a"], ["b", "a"], ["b"], ["b"]]);
  for (let at = 0; at < 30; at += 1) toggle(`m${at}`, storage);
  assert.equal(saved(storage).length, 20);
  kept.set("wsgate.messages", "{");
  assert.deepEqual(saved(storage), []);
  assert.deepEqual(toggle("x", { getItem: () => null, setItem: () => { throw new Error("full"); } }), []);
});
