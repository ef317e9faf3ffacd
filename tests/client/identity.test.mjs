/** Who the client is: another user in the same page, signing out, and tickets that are none. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeStorage, greet, online, setUp, settled } from "./fakes.mjs";
import { acted, bonus, bonusPush, broadcastsUpTo, event, newsPush, pushed, refusal, watching, welcome } from "./messages.mjs";

const NOW = 5_000_000;
const open = bonus({ opens_at: NOW, expires_at: NOW + 60_000, acknowledge: true });
const as = (user_id, more) => ({ user_id, ...more });

/** Ann is online, with a bonus, state, events and an act that waits; then the tickets are Bob's. */
async function annThenBob() {
  const storage = new FakeStorage();
  const client = await online({ storage });
  const { headcount, time, sockets } = client;
  sockets[0].receive(pushed({ ...event(1), patch: { likes: 7 } }));
  sockets[0].receive(bonusPush(open));
  const moving = headcount.watch("hers");
  sockets[0].receive(watching(sockets[0].last("watch").id, "hers"));
  await moving;
  sockets[0].receive(welcome(sockets[0].last("hello").id, { resource: "hers", recovered: true, seq: 1, state: { likes: 7 } }));
  headcount.on("audience", () => {});
  const question = sockets[0].last("audience");
  sockets[0].receive({ type: "audience", re: question.id, ...question, users: 1, connections: 1, list: ["ann"], ask_again_ms: 5_000 });
  const act = headcount.act("like");
  const ends = [];
  act.catch(({ code }) => ends.push(code));
  headcount.claim("b").catch(({ code }) => ends.push(code));
  sockets[0].drop();
  await time.pass(500);
  sockets[1].accept();
  assert.deepEqual(headcount.audience.list, ["ann"]);
  return { ...client, storage, ends };
}

test("a ticket of another user makes another client: what waits is rejected, and nothing is sent or kept for the other", async () => {
  const { headcount, storage, sockets, ends, of } = await annThenBob();
  assert.equal(storage.items.size, 1);
  sockets[1].receive(pushed({ ...event(1), patch: { bobs: 1 } }));
  sockets[1].receive(welcome(sockets[1].last("hello").id, as("bob", { recovered: true, seq: 1 })));
  await settled();
  assert.deepEqual([ends, storage.items.size, headcount.backlog.count], [["other_user", "other_user"], 0, 0]);
  assert.deepEqual([headcount.state, headcount.bonuses, headcount.watched, headcount.audience], [{}, [], null, null]);
  assert.equal(of("status").at(-1).code, "other_user");
  // What the other one has missed is asked for from the start.
  sockets[2].accept();
  const { since, epoch, broadcasts_since } = sockets[2].last("hello");
  assert.deepEqual([since, epoch, broadcasts_since], [undefined, undefined, undefined]);
  sockets[2].receive(welcome(sockets[2].last("hello").id, as("bob", { seq: 1, events: [event(1)], state: { bobs: 1 } })));
  assert.deepEqual([headcount.state, headcount.status.status], [{ bobs: 1 }, "online"]);
  assert.deepEqual(sockets.slice(1).flatMap((socket) => socket.sent.map(({ action }) => action)), ["hello", "hello", "audience"]);
});

test("nothing of hers is told as his, and nothing of his as hers", async () => {
  const { time, sockets, of, dispatched } = await annThenBob();
  const before = dispatched.length;
  sockets[1].receive(pushed({ ...event(2), patch: { bobs: 1 } }));
  sockets[1].receive(bonusPush({ ...open, bonus_id: "his" }));
  sockets[1].receive(newsPush(1, 0));
  assert.equal(dispatched.length, before);
  sockets[1].receive(welcome(sockets[1].last("hello").id, as("bob", { seq: 2, bonuses: [{ ...open, bonus_id: "his" }] })));
  await settled();
  assert.deepEqual([of("snapshot").at(-1), of("state").at(-1)], [{ seq: 0, events: [] }, {}]);
  await greet(sockets[2], as("bob"));
  await time.pass(2_000);
  assert.deepEqual(sockets[2].of("ack"), []);
  assert.deepEqual(of("welcome").map(({ user_id }) => user_id), ["ann", "ann", "bob"]);
});

test("the line of the first user is closed at once, also when it is being replaced", async () => {
  const { headcount, time, sockets } = await online();
  const act = headcount.act("like");
  act.catch(() => {});
  sockets[0].receive(acted(sockets[0].last("act").id, 1, { is_counted: false }));
  await time.pass(500);
  sockets[1].accept();
  sockets[1].receive(welcome(sockets[1].last("hello").id, as("bob")));
  await settled();
  assert.deepEqual([sockets[0].closed, sockets[1].closed, sockets.length], [1000, 1000, 3]);
  await greet(sockets[2], as("bob"));
  assert.equal(headcount.status.status, "online");
});

test("what was pushed before the welcome of the same user is told after it, in order", async () => {
  const { time, sockets, of } = await online();
  sockets[0].drop();
  await time.pass(500);
  sockets[1].accept();
  sockets[1].receive(pushed(event(2)));
  sockets[1].receive(newsPush(2, 1));
  assert.deepEqual(of("event"), []);
  const missed = { recovered: true, seq: 1, events: [event(1)], broadcasts: broadcastsUpTo(1, 1) };
  sockets[1].receive(welcome(sockets[1].last("hello").id, missed));
  assert.deepEqual([of("event").map(({ seq }) => seq), of("news").map(({ seq }) => seq)], [[1, 2], [1, 2]]);
});

test("what is stored is of one user of one deployment, whatever their names", async () => {
  const storage = new FakeStorage();
  const users = [["ws://one/live", "a"], ["ws://one/live", "a.b"], ["ws://two/live", "a"], ["ws://one/live", 'a","b']];
  for (const [url, user] of users) {
    const ticket = async () => ({ url, ticket: "t" });
    const { headcount, sockets } = setUp({ storage, ticket });
    await settled();
    await greet(sockets[0], as(user, { resource: user === "a" ? "b.c" : "c" }));
    assert.deepEqual(sockets[0].of("act"), []);
    headcount.act("like");
  }
  assert.equal(storage.items.size, users.length);
});

test("what is stored waits for its user, on whichever resource", async () => {
  const storage = new FakeStorage();
  const before = await online({ storage });
  before.headcount.act("like");
  const { sockets } = setUp({ storage, newId: () => "other" });
  await settled();
  await greet(sockets[0], { resource: "elsewhere" });
  assert.equal(sockets[0].of("act").length, 1);
});

test("signing out rejects what waits, closes, and keeps nothing", async () => {
  const storage = new FakeStorage();
  const { headcount, time, sockets, dispatched } = await online({ storage });
  sockets[0].receive(pushed({ ...event(1), patch: { likes: 7 } }));
  sockets[0].receive(bonusPush(open));
  const act = headcount.act("like");
  headcount.signOut();
  await assert.rejects(act, { code: "signed_out" });
  await assert.rejects(headcount.act("like"), { code: "signed_out" });
  assert.deepEqual([storage.items.size, headcount.state, headcount.bonuses, headcount.watched], [0, {}, [], null]);
  assert.deepEqual([sockets[0].closed, time.pending, headcount.status.code], [1000, 0, "signed_out"]);
  assert.equal(dispatched.at(-1)[0], "status");
  headcount.signOut();
});

// Tickets.

const good = { url: "ws://gateway/live", ticket: "t" };
const response = (status, body, headers = {}) => new Response(body, { status, headers });
const browserFetch = globalThis.fetch;
afterEach(() => (globalThis.fetch = browserFetch));

test("a ticket may be a URL, a function, a promise or a Response", async () => {
  const asked = [];
  globalThis.fetch = async (url, { method, body }) => {
    asked.push([String(url), method, body]);
    return response(200, JSON.stringify(good));
  };
  const tickets = [
    "/ticket",
    new URL("https://app.example/ticket"),
    () => good,
    async () => good,
    () => response(200, JSON.stringify(good)),
    () => fetch("/own", { method: "POST" }),
  ];
  for (const ticket of tickets) {
    const { headcount, sockets } = setUp({ ticket });
    for (let turn = 0; turn < 4; turn += 1) await settled();
    assert.equal(sockets[0].url, "ws://gateway/live?ticket=t");
    headcount.close();
  }
  assert.deepEqual(asked.map(([url]) => url), ["/ticket", "https://app.example/ticket", "/own"]);
  assert.deepEqual(asked[0].slice(1), ["POST", '{"resource":null}']);
});

const wrong = {
  "throws at once": [() => { throw new Error("broken"); }, "offline", "refused", /broken/],
  "throws nothing": [() => { throw undefined; }, "offline", "refused", /undefined/],
  "is missing": [null, "stopped", "bad_ticket", /option `ticket` is missing/],
  "is no function": [{ url: "x" }, "stopped", "bad_ticket", /option `ticket` is missing/],
  "gives undefined": [() => undefined, "offline", "bad_ticket", /gave undefined: return \{url, ticket\}/],
  "gives null": [async () => null, "offline", "bad_ticket", /gave null/],
  "gives a text": [async () => "<html>", "offline", "bad_ticket", /gave string/],
  "gives a refusal's body": [async () => ({ detail: "no" }), "offline", "bad_ticket", /no url .* it has: detail/],
  "gives nothing": [async () => ({}), "offline", "bad_ticket", /no url .* it has: nothing/],
  "gives another URL": [async () => ({ ...good, url: "/live" }), "offline", "bad_ticket", /begins with wss/],
  "gives no ticket": [async () => ({ url: good.url }), "offline", "bad_ticket", /no ticket; it has: url/],
  "is answered 401": [async () => response(401, "{}"), "stopped", "refused", /answered 401/],
  "is answered 404": [async () => response(404, "<html>"), "stopped", "refused", /answered 404/],
  "is answered 500": [async () => response(500, "{}"), "offline", "refused", /answered 500/],
  "is answered with HTML": [async () => response(200, "<html>", { "Content-Type": "text/html" }), "offline", "bad_ticket", /text\/html that is not JSON/],
  "is answered with nothing": [async () => response(200, ""), "offline", "bad_ticket", /not JSON/],
};

for (const [what, [ticket, status, code, reason]] of Object.entries(wrong)) {
  test(`a ticket that ${what} is told, and the client ${status === "stopped" ? "stops" : "asks again"}`, async () => {
    const { headcount, sockets, of } = setUp({ ticket });
    const act = headcount.act("like");
    act.catch(() => {});
    for (let turn = 0; turn < 4; turn += 1) await settled();
    const last = of("status").at(-1);
    assert.deepEqual([last.status, last.code, sockets.length], [status, code, 0]);
    assert.match(last.reason, reason);
    if (status === "stopped") await assert.rejects(act, { code: "stopped" });
    else assert.notEqual(last.retryAt, null);
    headcount.close();
  });
}

test("a ticket endpoint that is busy says when to ask again", async () => {
  const { headcount, time, of } = setUp({ ticket: async () => response(503, "", { "Retry-After": "20" }) });
  for (let turn = 0; turn < 4; turn += 1) await settled();
  assert.equal(of("status").at(-1).retryAt - time.now, 20_250);
  headcount.close();
});

test("a client without options says what is missing", async () => {
  const { Headcount } = await import("../../client/src/headcount.js");
  const headcount = new Headcount();
  await settled();
  assert.deepEqual([headcount.status.status, headcount.status.code], ["stopped", "bad_ticket"]);
});

test("an error that names no request of this client is ignored", async () => {
  const { headcount, sockets } = await online();
  headcount.act("like");
  sockets[0].receive(refusal("foreign", "bad_request"));
  assert.equal(headcount.backlog.count, 1);
});
