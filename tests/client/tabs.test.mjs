/** Many tabs of one user, and the limits of a server that counts as sql/functions/rate_limit/spend.sql does. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeDice } from "./dice.mjs";
import { FakeTime, greet, setUp, settled } from "./fakes.mjs";
import { acted, bonus, bonusPush, claimed, keptOut, slowDown } from "./messages.mjs";

// The defaults of MessagesPerSecondAndUser, MessageBurst and KeepOutSeconds.
const GAP = 200;
const BURST = 50;
const KEEP_OUT = 60_000;
const ROUND_TRIP = 40;

/** Counts the messages of one user, each kind by itself. */
class Limits {
  constructor(time) {
    this.time = time;
    this.kinds = new Map();
    this.keptOutUntil = 0;
  }

  /** Returns the refusal of a message, or null. */
  spend({ id, action }) {
    const { now } = this.time;
    if (now < this.keptOutUntil) return keptOut(this.keptOutUntil - now);
    const kind = ["claim", "ack"].includes(action) ? action : "message";
    const limit = this.kinds.get(kind) ?? { freeAt: now, refused: 0 };
    this.kinds.set(kind, limit);
    limit.freeAt = Math.max(limit.freeAt, now) + GAP;
    const by = now + GAP * BURST;
    if (limit.freeAt <= by) {
      limit.refused = 0;
      return null;
    }
    limit.refused += 1;
    if (limit.refused <= BURST) return slowDown(id, limit.freeAt - by + GAP);
    this.keptOutUntil = Math.max(limit.freeAt - GAP, now + KEEP_OUT);
    return keptOut(this.keptOutUntil - now);
  }
}

/** So many tabs, all told of `connections` of their user. */
async function openTabs(count, connections = count) {
  const time = new FakeTime();
  const limits = new Limits(time);
  const refused = [];
  const dice = makeDice(count);
  const tabs = [];
  for (let one = 0; one < count; one += 1) {
    const tab = setUp({ random: dice, time });
    await settled();
    await greet(tab.sockets[0], { session: { joined_at: 1, connections } });
    serve(tab.sockets[0]);
    tabs.push(tab);
  }
  return { time, limits, refused, tabs };

  function serve(socket) {
    let seq = 0;
    const send = socket.send.bind(socket);
    socket.send = (text) => {
      send(text);
      const message = JSON.parse(text);
      const refusal = limits.spend(message);
      if (refusal) refused.push(message.action);
      const answers = {
        ack: () => ({ type: "acked", re: message.id }),
        claim: () => claimed(message.id, "claimed"),
        act: () => acted(message.id, ++seq),
      };
      time.setTimeout(() => socket.closed === null && socket.receive(refusal ?? answers[message.action]()), ROUND_TRIP);
    };
  }
}

const offer = (bonus_id) => bonusPush(bonus({ bonus_id, opens_at: 1, expires_at: 5_060_000, acknowledge: true }));

test("with twenty tabs that are shown three bonuses, a claim is answered within a second, and none is refused", async () => {
  for (const connections of [20, 1]) {
    const { time, limits, refused, tabs } = await openTabs(20, connections);
    for (const id of ["a", "b", "c"]) for (const { sockets } of tabs) sockets[0].receive(offer(id));
    for (const { headcount } of tabs.slice(0, 5)) {
      let outcome = null;
      headcount.claim("b").then((claim) => (outcome = claim.outcome));
      await time.pass(1_000);
      assert.equal(outcome, "claimed");
    }
    await time.pass(60_000);
    assert.equal(limits.keptOutUntil, 0);
    assert.deepEqual(refused.filter((action) => action !== "ack"), []);
    if (connections === 20) assert.deepEqual(refused, []);
  }
});

test("tabs that were refused do not come back together, and all are answered", async () => {
  const { time, limits, tabs } = await openTabs(75);
  const all = tabs.map(({ headcount }) => headcount.act("like"));
  let answered = 0;
  for (const one of all) one.then(() => (answered += 1));
  await time.pass(120_000);
  assert.deepEqual([answered, limits.keptOutUntil], [75, 0]);
});
