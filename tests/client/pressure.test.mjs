/** A claim while the server has no room for it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeStorage, greet, keepAlive, online, settled } from "./fakes.mjs";
import { CRASH, TOO_MANY, bonus, bonusPush, claimed, event, pushed, refusal, slowDown } from "./messages.mjs";

const NOW = 5_000_000; // by the server's clock, at the welcome
const plain = (more) => bonusPush(bonus({ opens_at: NOW, expires_at: NOW + 30_000, ...more }));

/** A client that has claimed a bonus of half a minute. `outcome` is null until there is one. */
async function claiming(options) {
  const client = await online(options);
  client.sockets[0].receive(plain());
  const state = { outcome: null };
  client.headcount.claim("b").then(({ outcome }) => (state.outcome = outcome), () => {});
  return { ...client, state, claims: () => client.sockets.flatMap((socket) => socket.of("claim")) };
}

test("a throttled claim is sent again after some seconds, with the same id, and its answer counts", async () => {
  const { time, sockets, state, claims } = await claiming();
  for (const wait of [2_000, 4_000, 8_000]) {
    const before = claims().length;
    sockets[0].receive(TOO_MANY);
    await time.pass(wait - 1);
    assert.equal(claims().length, before);
    await time.pass(1);
    assert.equal(claims().length, before + 1);
  }
  sockets[0].receive(claimed(claims()[0].id, "claimed"));
  await settled();
  assert.deepEqual([state.outcome, new Set(claims().map(({ id }) => id)).size], ["claimed", 1]);
});

test("a server without room says when to send the claim again", async () => {
  const { time, sockets, claims } = await claiming();
  sockets[0].receive(refusal(claims()[0].id, "unavailable", { retry_after_ms: 3_000 }));
  await time.pass(3_499);
  assert.equal(claims().length, 1);
  await time.pass(1);
  assert.equal(claims().length, 2);
});

test("a claim that was throttled until its bonus expired has that outcome, and is sent no more", async () => {
  const { time, sockets, state, claims, of } = await claiming();
  sockets[0].receive(TOO_MANY);
  await time.pass(29_000);
  sockets[0].receive(TOO_MANY);
  const count = claims().length;
  assert.equal(state.outcome, null);
  await time.pass(1_100);
  assert.deepEqual([state.outcome, claims().length], ["expired", count]);
  assert.deepEqual(of("claim"), [{ bonus_id: "b", outcome: "expired", event: null, progress: null }]);
  assert.equal(of("bonus").at(-1).outcome, "expired");
  assert.deepEqual(of("backlog").at(-1), { count: 0, isStuck: false });
});

const uncertain = {
  "its connection was lost": async ({ time, sockets }) => {
    sockets[0].drop();
    await time.pass(500);
    await greet(sockets[1]);
  },
  "the function crashed": ({ sockets }) => sockets[0].receive(CRASH),
  "there was no answer": ({ time, sockets }) => keepAlive(time, sockets[0], 30_000),
  "the database did not answer": ({ sockets, claims }) => sockets[0].receive(refusal(claims()[0].id, "unavailable")),
  "another message was on its way": ({ headcount, sockets }) => {
    headcount.act("like");
    sockets[0].receive(TOO_MANY);
  },
};

for (const [what, happens] of Object.entries(uncertain)) {
  test(`a claim that the server may have granted is sent until it is answered: ${what}`, async () => {
    const client = await claiming();
    await happens(client);
    await keepAlive(client.time, client.sockets.at(-1), 60_000);
    assert.equal(client.state.outcome, null);
    client.sockets.at(-1).receive(TOO_MANY);
    const count = client.claims().length;
    await keepAlive(client.time, client.sockets.at(-1), 60_000);
    assert.ok(client.claims().length > count);
    client.sockets.at(-1).receive(claimed(client.claims()[0].id, "claimed"));
    await settled();
    assert.equal(client.state.outcome, "claimed");
  });
}

test("so is a claim of an earlier page, and one of an unknown bonus", async () => {
  const storage = new FakeStorage();
  await claiming({ storage });
  const after = await online({ storage, newId: () => "other" });
  after.sockets[0].receive(plain());
  after.headcount.claim("unknown");
  assert.equal(after.sockets[0].of("claim").length, 2);
  after.sockets[0].receive(TOO_MANY);
  await after.time.pass(60_000);
  assert.ok(after.sockets[0].of("claim").length > 2);
  assert.deepEqual(after.of("claim"), []);
});

test("a first claim after the end is for the server to refuse", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].receive(plain());
  await time.pass(40_000);
  headcount.claim("b");
  assert.equal(sockets[0].of("claim").length, 1);
});

// Claims go first.

test("a limit on other messages does not hold a claim, for claims have their own", async () => {
  const { headcount, time, sockets } = await online();
  headcount.act("like");
  sockets[0].receive(slowDown("id2", 1_000));
  headcount.ledger().catch(() => {});
  headcount.claim("b");
  assert.deepEqual(sockets[0].sent.slice(2).map(({ action }) => action), ["claim"]);
  await time.pass(1_250);
  assert.deepEqual(sockets[0].sent.slice(3).map(({ action }) => action), ["act", "ledger"]);
});

test("claims go before what waited longer", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].drop();
  headcount.act("like");
  headcount.claim("b");
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].sent.map(({ action }) => action), ["hello", "claim", "act"]);
});

test("acknowledgements wait for the answer to a claim that was refused", async () => {
  const { time, sockets } = await claiming();
  sockets[0].receive(TOO_MANY);
  sockets[0].receive(plain({ bonus_id: "a", acknowledge: true }));
  await time.pass(2_500);
  assert.deepEqual([sockets[0].of("claim").length, sockets[0].of("ack").length], [2, 0]);
  sockets[0].receive(claimed(sockets[0].last("claim").id, "claimed"));
  assert.equal(sockets[0].of("ack").length, 1);
});

test("so does a hello for a gap, but not for ever", async () => {
  const { headcount, time, sockets } = await online();
  headcount.claim("unknown");
  sockets[0].receive(TOO_MANY);
  sockets[0].receive(pushed(event(2)));
  await time.pass(5_000);
  assert.equal(sockets[0].of("hello").length, 1);
  await time.pass(20_000);
  assert.equal(sockets[0].of("hello").length, 2);
});
