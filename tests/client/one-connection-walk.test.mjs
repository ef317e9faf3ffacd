/**
 * Random walks: tabs of one browser that are opened, closed, crash, freeze, thaw, and lose their line, end as the server is.
 *
 *     TAB_WALKS=1000 node --test tests/client/one-connection-walk.test.mjs
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeDice } from "./dice.mjs";
import { FakeBrowser } from "./fake-browser.mjs";
import { FakeServer } from "./one-connection-server.mjs";
import { FakeTime, settled } from "./fakes.mjs";

const WALKS = Number(process.env.TAB_WALKS ?? 40);
const STEPS = 60;
const MAX_TABS = 8;
// In milliseconds. The presence of a user who is back within it never ended.
const GRACE = 30_000;

class Walk {
  acts = 0;
  answers = [];
  longestAway = 0;
  #away = 0;

  constructor(seed, { isRough }) {
    this.dice = makeDice(seed);
    this.isRough = isRough;
    this.time = new FakeTime();
    this.server = new FakeServer(this.time, this.dice);
    this.server.isLossy = isRough;
    const { time, server } = this;
    this.browser = new FakeBrowser({ time, random: this.dice, FakeWebSocket: server.WebSocket, ticket: server.ticket });
  }

  get running() {
    return this.browser.alive.filter(({ isFrozen }) => !isFrozen);
  }

  open() {
    const tab = this.browser.open({ isSeen: this.dice() < 0.3 });
    tab.followed = null;
    tab.headcount.on("snapshot", ({ seq, events }) => (tab.followed = { seq, seqs: events.map((event) => event.seq) }));
    tab.headcount.on("event", ({ seq }) => {
      assert.equal(seq, tab.followed.seq + 1, "each event comes once, in order");
      tab.followed = { seq, seqs: [...tab.followed.seqs, seq] };
    });
  }

  act(tab) {
    const act = { number: (this.acts += 1), tab, answers: 0 };
    this.answers.push(act);
    tab.headcount.act("like", { number: act.number }, { patch: { [tab.document.visibilityState]: act.number } }).then(
      () => (act.answers += 1),
      () => {},
    );
  }

  pick(from) {
    return from[Math.floor(this.dice() * from.length)];
  }

  step() {
    const luck = this.dice();
    const tab = this.pick(this.running);
    const leader = this.running.find(({ leads }) => leads) ?? tab;
    const frozen = this.pick(this.browser.alive.filter(({ isFrozen }) => isFrozen));
    if (luck < 0.15 && this.browser.alive.length < MAX_TABS) this.open();
    else if (luck < 0.2) leader?.close();
    else if (luck < 0.25) leader?.crash();
    else if (luck < 0.35) leader?.freeze({ isTold: this.dice() < 0.5 });
    else if (luck < 0.4) tab?.freeze({ isTold: this.dice() < 0.5 });
    else if (luck < 0.5) frozen?.thaw();
    else if (luck < 0.53) tab?.crash();
    else if (luck < 0.6) tab?.shows(this.dice() < 0.5);
    else if (luck < 0.64 && this.isRough) this.server.cut();
    else if (luck < 0.8) tab && this.act(tab);
    else this.server.makes("ann", { patch: { made: luck } });
  }

  async pass(milliseconds) {
    for (let left = milliseconds; left > 0; left -= 250) {
      await this.time.pass(Math.min(left, 250));
      const isAway = this.server.open("ann").length === 0 && this.running.length > 0;
      this.#away = isAway ? this.#away + 250 : 0;
      this.longestAway = Math.max(this.longestAway, this.#away);
    }
  }

  async end() {
    for (const tab of this.browser.alive) if (tab.isFrozen) tab.thaw();
    if (this.browser.alive.length === 0) this.open();
    await this.pass(120_000);
    this.server.isLossy = false;
    this.server.makes("ann", { patch: { last: true } });
    await this.pass(40_000);
  }

  compare(seed) {
    const { server, browser } = this;
    const { events, state } = server.user("ann");
    for (const tab of browser.alive) {
      assert.ok(tab.isOnline, `walk ${seed}`);
      assert.deepEqual(tab.headcount.state, state, `walk ${seed}`);
      assert.equal(tab.followed.seq, events.length, `walk ${seed}`);
      assert.deepEqual(tab.followed.seqs, events.slice(-tab.followed.seqs.length).map(({ seq }) => seq), `walk ${seed}`);
    }
    assert.equal(server.open("ann").length, 1, `walk ${seed}`);
    assert.equal(browser.alive.filter(({ leads }) => leads).length, 1, `walk ${seed}`);
    const isSeen = browser.alive.some(({ document }) => document.visibilityState === "visible");
    assert.equal(server.sees("ann"), isSeen, `walk ${seed}`);
    for (const { number, tab, answers } of this.answers) {
      const done = events.filter(({ body }) => body.number === number).length;
      if (tab.hasEnded) assert.ok(done <= 1 && answers <= 1, `walk ${seed}`);
      else assert.deepEqual([done, answers], [1, 1], `walk ${seed}`);
    }
  }
}

async function walk(seed, isRough) {
  const one = new Walk(seed, { isRough });
  one.open();
  await settled();
  for (let step = 0; step < STEPS; step += 1) {
    one.step();
    if (one.browser.alive.length === 0) one.open();
    await one.pass(one.dice() * (one.dice() < 0.2 ? 10_000 : 800));
  }
  await one.end();
  one.compare(seed);
  if (!isRough) assert.ok(one.longestAway < GRACE, `walk ${seed}: away for ${one.longestAway} ms`);
  for (const tab of one.browser.alive) tab.headcount.close();
}

test("tabs that are closed, crash, freeze and thaw at random lose no event and get none twice", async () => {
  for (let seed = 1; seed <= WALKS; seed += 1) await walk(seed, false);
});

test("nor do they over lines that break, lose and repeat", async () => {
  for (let seed = 100_001; seed <= 100_000 + WALKS; seed += 1) await walk(seed, true);
});
