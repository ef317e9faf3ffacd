/** Bonuses: acknowledged, offered in the stream, and ended. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeStorage, greet, online, setUp, settled } from "./fakes.mjs";
import { bonus, bonusPush, claimed, event, pushed, refusal, welcome } from "./messages.mjs";

const NOW = 5_000_000; // by the server's clock, at the welcome
const WINDOW = { opens_at: NOW, expires_at: NOW + 30_000 };
const plain = (more) => bonus({ ...WINDOW, ...more });
const asking = (more) => plain({ acknowledge: true, ...more });
const offered = (seq, more) => event(seq, "bonus.offered", plain(more));
const claimedElsewhere = (seq) => event(seq, "bonus.claimed", { bonus_id: "b", reward: {} });
const outcomes = (of) => of("bonus").map(({ outcome }) => outcome);

// Acknowledging.

test("an offer that asks for it is acknowledged once, within a second", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(bonusPush(asking()));
  sockets[0].receive(bonusPush(asking()));
  await time.pass(499);
  assert.deepEqual(sockets[0].of("ack"), []);
  await time.pass(1);
  assert.deepEqual(sockets[0].of("ack"), [{ action: "ack", id: "id2", bonus_id: "b" }]);
  sockets[0].receive({ type: "acked", re: "id2" });
  sockets[0].receive(bonusPush(asking()));
  await time.pass(20_000);
  assert.equal(sockets[0].of("ack").length, 1);
});

test("an offer that does not ask for it is not acknowledged", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(bonusPush(plain()));
  await time.pass(2_000);
  assert.deepEqual(sockets[0].of("ack"), []);
});

test("offers in a welcome or in the stream are acknowledged like pushed ones", async () => {
  const { time, sockets } = setUp();
  await settled();
  await greet(sockets[0], { bonuses: [asking({ bonus_id: "a" })] });
  sockets[0].receive(pushed(event(1, "bonus.offered", asking({ bonus_id: "c" }))));
  await time.pass(500);
  assert.deepEqual(sockets[0].of("ack").map(({ bonus_id }) => bonus_id), ["a", "c"]);
});

test("a claimed or ended bonus needs no acknowledgement", async () => {
  for (const meanwhile of [
    ({ headcount }) => headcount.claim("b").catch(() => {}),
    ({ headcount, sockets }) => {
      headcount.claim("b");
      sockets[0].receive(claimed(sockets[0].last("claim").id, "sold_out"));
    },
    ({ sockets }) => sockets[0].receive(pushed(claimedElsewhere(1))),
    ({ sockets }) => sockets[0].receive(bonusPush(asking({ outcome: "cancelled" }))),
  ]) {
    const client = await online();
    client.sockets[0].receive(bonusPush(asking()));
    meanwhile(client);
    await client.time.pass(2_000);
    assert.deepEqual(client.sockets[0].of("ack"), []);
  }
});

test("a claim that was too early does not replace the acknowledgement", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].receive(bonusPush(asking()));
  headcount.claim("b");
  sockets[0].receive(claimed(sockets[0].last("claim").id, "too_early"));
  await time.pass(500);
  assert.equal(sockets[0].of("ack").length, 1);
});

test("an expired offer needs no acknowledgement", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(bonusPush(asking({ expires_at: NOW + 500 })));
  sockets[0].receive(bonusPush(asking({ bonus_id: "c", expires_at: NOW + 501 })));
  await time.pass(500);
  assert.deepEqual(sockets[0].of("ack").map(({ bonus_id }) => bonus_id), ["c"]);
});

test("an acknowledgement is sent until it is answered, also over the next connection", async () => {
  const { time, sockets } = await online();
  sockets[0].receive(bonusPush(asking()));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  sockets[1].receive(refusal(sockets[1].last("ack").id, "unavailable"));
  await time.pass(500);
  assert.deepEqual(sockets[1].of("ack").map(({ id }) => id), [sockets[1].last("ack").id, sockets[1].last("ack").id]);
});

test("a refused acknowledgement is dropped without an event", async () => {
  const { time, sockets, dispatched } = await online();
  sockets[0].receive(bonusPush(asking()));
  await time.pass(500);
  const before = dispatched.length;
  sockets[0].receive(refusal(sockets[0].last("ack").id, "bad_request"));
  await time.pass(60_000);
  assert.deepEqual([sockets[0].of("ack").length, dispatched.length], [1, before]);
});

test("acknowledgements are not in the backlog or the storage, and delay no request", async () => {
  const storage = new FakeStorage();
  const { headcount, time, sockets, of } = await online({ storage });
  for (let id = 0; id < 120; id += 1) sockets[0].receive(bonusPush(asking({ bonus_id: String(id) })));
  await time.pass(500);
  assert.deepEqual([sockets[0].of("ack").length, of("backlog"), storage.items.size], [120, [], 0]);
  headcount.act("like");
  headcount.claim("0");
  assert.deepEqual([sockets[0].of("act").length, sockets[0].of("claim").length], [1, 1]);
  assert.deepEqual(headcount.backlog, { count: 2, isStuck: false });
  for (let count = 2; count < 100; count += 1) headcount.act("like");
  sockets[0].receive(bonusPush(asking({ bonus_id: "more" })));
  await time.pass(500);
  assert.equal(sockets[0].last("ack").bonus_id, "more");
});

test("after close no acknowledgement is sent", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].receive(bonusPush(asking()));
  headcount.close();
  await time.pass(2_000);
  assert.deepEqual([time.pending, sockets[0].of("ack")], [0, []]);
});

test("a page that closes the client on an offer leaves no timer", async () => {
  const { headcount, time, sockets } = await online();
  headcount.on("bonus", () => headcount.close());
  sockets[0].receive(bonusPush(asking()));
  assert.equal(time.pending, 0);
});

// Offers in the stream.

test("an offer in the stream is reported once as an event and once as a bonus", async () => {
  const { sockets, of } = await online();
  sockets[0].receive(pushed(offered(1)));
  sockets[0].receive(pushed(offered(1)));
  sockets[0].receive(bonusPush(plain()));
  assert.deepEqual([of("event").length, of("bonus")], [1, [plain()]]);
});

test("an offer that arrives after its window is told as expired", async () => {
  const { headcount, sockets, of } = await online();
  sockets[0].receive(pushed(offered(1, { expires_at: NOW })));
  sockets[0].receive(pushed(offered(2, { bonus_id: "c", expires_at: NOW + 1 })));
  sockets[0].receive(bonusPush(plain({ bonus_id: "d", expires_at: NOW })));
  assert.deepEqual(outcomes(of), ["expired", null, "expired"]);
  assert.deepEqual(headcount.bonuses.map(({ bonus_id }) => bonus_id), ["c"]);
});

test("a bonus that a claim granted in time stays claimed when it arrives late", async () => {
  const { sockets, of } = await online();
  sockets[0].receive(pushed(claimedElsewhere(1)));
  sockets[0].receive(bonusPush(plain({ expires_at: NOW })));
  assert.deepEqual(outcomes(of), ["claimed"]);
});

// Least watch time.

const lacks = (more) => ({ clock: "connected", min_ms: 60_000, watched_ms: 20_000, reached_at: NOW + 40_000, ...more });

test("a bonus is told again when its progress turns out to be another, and not as time goes on", async () => {
  const { sockets, of } = await online();
  const progress = lacks();
  const later = { ...progress, watched_ms: 50_000 };
  const slower = lacks({ reached_at: NOW + 70_000 });
  for (const one of [progress, later, slower, null]) sockets[0].receive(bonusPush(plain({ progress: one })));
  assert.deepEqual(of("bonus").map(({ progress }) => progress), [progress, slower, null]);
});

test("a claim that is refused for it says what is missing, and the bonus can be claimed later", async () => {
  const { headcount, sockets, of } = await online();
  sockets[0].receive(bonusPush(plain({ progress: lacks({ reached_at: NOW }) })));
  const claim = headcount.claim("b");
  sockets[0].receive({ ...claimed(sockets[0].last("claim").id, "not_eligible"), progress: lacks() });
  assert.deepEqual((await claim).progress, lacks());
  assert.deepEqual(of("bonus").at(-1), plain({ progress: lacks() }));
});

// More than a welcome has.

test("bonuses are listed a page at a time, and each becomes known", async () => {
  const { headcount, sockets, of } = await online();
  const first = headcount.listBonuses();
  assert.deepEqual(sockets[0].last("bonuses"), { action: "bonuses", id: "id2" });
  sockets[0].receive({ type: "bonuses", re: "id2", server_now: 1, bonuses: [plain()], next: "5.b" });
  assert.deepEqual([await first, of("bonus")], [{ bonuses: [plain()], next: "5.b" }, [plain()]]);
  headcount.listBonuses({ after: "5.b" });
  assert.deepEqual(sockets[0].last("bonuses"), { action: "bonuses", id: "id3", after: "5.b" });
});

test("campaigns are listed a page at a time", async () => {
  const { headcount, sockets } = await online();
  const first = headcount.listCampaigns();
  assert.deepEqual(sockets[0].last("campaigns"), { action: "campaigns", id: "id2" });
  const campaigns = [{ campaign_id: "c", watched_ms: 9, milestones: [] }];
  sockets[0].receive({ type: "campaigns", re: "id2", server_now: 1, campaigns, next: "c" });
  assert.deepEqual(await first, { campaigns, next: "c" });
  headcount.listCampaigns({ after: "c" });
  assert.deepEqual(sockets[0].last("campaigns"), { action: "campaigns", id: "id3", after: "c" });
});

test("a step in a campaign is told", async () => {
  const { sockets, of } = await online();
  const progress = { campaign_id: "c", watched_ms: 9 };
  sockets[0].receive({ type: "progress", server_now: 1, progress });
  assert.deepEqual(of("progress"), [progress]);
});

test("the bonuses of a welcome tell which offers in its events are still open", async () => {
  const events = [offered(1), offered(2, { bonus_id: "cancelled-meanwhile" })];
  for (const recovered of [true, false]) {
    const { time, sockets, of } = await online();
    sockets[0].drop();
    await time.pass(500);
    await greet(sockets[1], { seq: 2, recovered, events, bonuses: [plain()] });
    assert.deepEqual(of("bonus"), [plain()]);
  }
});

test("an offer pushed while the welcome was on its way is reported", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(pushed(offered(2)));
  sockets[0].receive(welcome("id1", { seq: 1, events: [event(1)] }));
  assert.deepEqual(of("bonus"), [plain()]);
});

// How it ends.

test("a claim on another device is reported once, with its bonus", async () => {
  const { sockets, of } = await online();
  sockets[0].receive(bonusPush(plain()));
  sockets[0].receive(pushed(claimedElsewhere(1)));
  sockets[0].receive(pushed(claimedElsewhere(1)));
  assert.deepEqual(of("bonus"), [plain(), plain({ outcome: "claimed" })]);
});

test("an offer that arrives after its claim is reported as claimed", async () => {
  const { sockets, of } = await online();
  sockets[0].receive(pushed(claimedElsewhere(1)));
  sockets[0].receive(bonusPush(plain()));
  assert.deepEqual(of("bonus"), [plain({ outcome: "claimed" })]);
});

test("a missed claim is reported, recovered or in a snapshot", async () => {
  for (const recovered of [true, false]) {
    const { time, sockets, of } = await online();
    sockets[0].receive(bonusPush(plain()));
    sockets[0].drop();
    await time.pass(500);
    await greet(sockets[1], { seq: 1, recovered, events: [claimedElsewhere(1)] });
    assert.deepEqual(outcomes(of), [null, "claimed"]);
  }
});

test("the outcome of a claim is reported with its bonus, then as a claim", async () => {
  const { headcount, sockets, dispatched, of } = await online();
  sockets[0].receive(bonusPush(plain()));
  headcount.claim("b");
  sockets[0].receive(claimed(sockets[0].last("claim").id, "sold_out"));
  await settled();
  assert.deepEqual(outcomes(of), [null, "sold_out"]);
  assert.deepEqual(dispatched.slice(-3).map(([name]) => name), ["bonus", "backlog", "claim"]);
});

test("so is the outcome of the previous page's claim", async () => {
  const storage = new FakeStorage();
  (await online({ storage })).headcount.claim("b");
  const { sockets, of } = await online({ storage, newId: () => "other" });
  sockets[0].receive(bonusPush(plain()));
  sockets[0].receive(claimed(sockets[0].last("claim").id, "expired"));
  assert.deepEqual(outcomes(of), [null, "expired"]);
});

test("sold out and cancelled are reported once", async () => {
  for (const outcome of ["sold_out", "cancelled"]) {
    const { sockets, of } = await online();
    sockets[0].receive(bonusPush(plain()));
    for (let twice = 0; twice < 2; twice += 1) sockets[0].receive(bonusPush(plain({ outcome })));
    assert.deepEqual(outcomes(of), [null, outcome]);
  }
});

test("a cancelled bonus stays cancelled after late pushes and welcomes", async () => {
  const { sockets, of } = setUp();
  await settled();
  sockets[0].accept();
  sockets[0].receive(bonusPush(plain()));
  sockets[0].receive(bonusPush(plain({ outcome: "cancelled" })));
  sockets[0].receive(welcome("id1", { bonuses: [plain()] }));
  sockets[0].receive(bonusPush(plain()));
  assert.deepEqual(outcomes(of), [null, "cancelled"]);
});

test("a claimed bonus is not cancelled", async () => {
  const { sockets, of } = await online();
  sockets[0].receive(bonusPush(plain()));
  sockets[0].receive(pushed(claimedElsewhere(1)));
  sockets[0].receive(bonusPush(plain({ outcome: "cancelled" })));
  assert.deepEqual(outcomes(of), [null, "claimed"]);
});

test("an open offer that is not in a welcome stays open, because a welcome has at most ten", async () => {
  const { headcount, time, sockets, of } = await online();
  sockets[0].receive(bonusPush(plain()));
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(outcomes(of), [null]);
  headcount.claim("b");
  sockets[1].receive(claimed(sockets[1].last("claim").id, "cancelled"));
  assert.deepEqual(outcomes(of), [null, "cancelled"]);
});
