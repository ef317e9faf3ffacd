/** The tabs of a browser share one connection, whichever of them is closed, crashes or freezes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeDice } from "./dice.mjs";
import { FakeBrowser } from "./fake-browser.mjs";
import { FakeServer } from "./one-connection-server.mjs";
import { FakeTime, settled } from "./fakes.mjs";

/** A browser, its server, and so many tabs online; the first leads. */
async function tabs(count, { seed = 1, options = {}, ...more } = {}) {
  const time = new FakeTime();
  const random = makeDice(seed);
  const server = new FakeServer(time, random);
  const browser = new FakeBrowser({ time, random, FakeWebSocket: server.WebSocket, ticket: server.ticket, ...more });
  for (let number = 0; number < count; number += 1) {
    browser.open(options);
    await time.pass(count > 1 ? 20 : 0);
  }
  await time.pass(3_000);
  return { time, random, server, browser, all: browser.tabs, leader: () => browser.alive.find((tab) => tab.leads) };
}

const statuses = (tab) => tab.of("status").map(({ status }) => status);
const seqs = (tab) => tab.of("event").map(({ seq }) => seq);
const isSame = (tab) => assert.deepEqual(statuses(tab), ["connecting", "online"]);

/** Each tab has each event since its first snapshot once, in order, and was told no second snapshot. */
function hasAll(tab, events) {
  const [first, ...others] = tab.of("snapshot");
  assert.deepEqual(others, []);
  assert.deepEqual(seqs(tab), Array.from({ length: events - first.seq }, (_, index) => first.seq + 1 + index));
}

test("twenty tabs have one connection, and each has every event once", async () => {
  const { all, server, time } = await tabs(20);
  assert.equal(server.sockets.length, 1);
  for (const tab of all) isSame(tab);
  server.makes("ann");
  const acts = [7, 0].map((number) => all[number].headcount.act("like"));
  await time.pass(5_000);
  await Promise.all(acts);
  server.makes("ann");
  await time.pass(5_000);
  for (const tab of all) hasAll(tab, 4);
  assert.equal(server.sockets.length, 1);
});

test("what twenty tabs ask alike is asked once", async () => {
  const { all, server, time } = await tabs(20);
  assert.ok(server.count("hello") <= 20);
  server.cut();
  const before = server.count("hello");
  await time.pass(30_000);
  for (const tab of all) assert.ok(tab.isOnline);
  assert.ok(server.count("hello") - before <= 5, `${server.count("hello") - before}`);
  assert.equal(server.open().length, 1);
});

test("a claim of one of twenty tabs with three bonuses is answered within a second, and each tab hears it once", async () => {
  const { all, server, time } = await tabs(20, { seed: 3 });
  for (const bonus of ["a", "b", "c"]) server.offers(bonus);
  await time.pass(300);
  const claimed = all[11].headcount.claim("b");
  await time.pass(1_000);
  assert.equal((await claimed).outcome, "claimed");
  await time.pass(5_000);
  for (const tab of all) {
    const ends = tab.of("bonus").filter(({ bonus_id, outcome }) => bonus_id === "b" && outcome === "claimed");
    assert.equal(ends.length, 1);
    for (const bonus of ["a", "c"]) assert.equal(tab.of("bonus").filter(({ bonus_id }) => bonus_id === bonus).length, 1);
  }
  assert.equal(all.filter((tab) => tab.of("claim").length > 0).length, 1);
  assert.ok(server.count("ack") <= 3);
});

for (const [name, ends] of Object.entries({
  closes: (tab) => tab.close(),
  crashes: (tab) => tab.crash(),
  freezes: (tab) => tab.freeze(),
})) {
  test(`when the leader ${name}, another one leads within half a second, and no tab goes offline`, async () => {
    const { all, server, time, leader } = await tabs(5);
    const first = leader();
    first.shows(false);
    ends(first);
    await time.pass(500);
    const rest = all.filter((tab) => tab !== first);
    assert.ok(rest.includes(leader()));
    assert.equal(server.open().length, 1);
    const acted = rest[3].headcount.act("like");
    await time.pass(5_000);
    await acted;
    for (const tab of rest) {
      isSame(tab);
      hasAll(tab, 1);
    }
  });
}

test("a frozen leader that told nothing is noticed by a visible tab within two and a half seconds", async () => {
  const { all, server, time, leader } = await tabs(5);
  const first = leader();
  const visible = all.find((tab) => tab !== first);
  visible.shows(true);
  await time.pass(1_000);
  first.freeze({ isTold: false });
  server.makes("ann");
  await time.pass(2_500);
  assert.notEqual(leader(), first);
  const rest = all.filter((tab) => tab !== first);
  for (const tab of rest) {
    isSame(tab);
    hasAll(tab, 1);
  }
  assert.equal(server.open().length, 2, "the frozen tab has its own still");
  first.thaw();
  await time.pass(5_000);
  assert.equal(server.open().length, 1);
  isSame(first);
  hasAll(first, 1);
});

test("a message to a leader that does not run is what a hidden tab notices it by", async () => {
  const { all, time, leader } = await tabs(3);
  const first = leader();
  first.freeze({ isTold: false });
  const acted = all.find((tab) => tab !== first).headcount.act("like");
  await time.pass(4_000);
  assert.equal((await acted).type, "like");
});

test("a frozen tab that leads no others keeps its connection, and a new tab takes over", async () => {
  const { all: [first], browser, server, time } = await tabs(1);
  first.freeze();
  await time.pass(60_000);
  assert.equal(server.open().length, 1);
  first.thaw();
  await time.pass(1_000);
  assert.equal(server.sockets.length, 1);
  first.freeze();
  const second = browser.open();
  await time.pass(1_000);
  isSame(second);
  first.thaw();
  await time.pass(2_000);
  assert.equal(server.open().length, 1);
  isSame(first);
});

test("a leader whose other tabs were closed keeps its connection when it is frozen", async () => {
  const { all, server, time, leader } = await tabs(3);
  const first = leader();
  for (const tab of all) if (tab !== first) tab.close();
  await time.pass(1_000);
  first.freeze();
  await time.pass(10_000);
  assert.equal(server.open().length, 1);
});

test("a hidden tab holds no lock unless it leads: a browser freezes no page that holds one", async () => {
  const { all, browser, time, leader } = await tabs(4);
  const holding = () => all.filter((tab) => browser.locks.isHeldBy(tab));
  const visible = all.find((tab) => tab !== leader());
  visible.shows(true);
  await time.pass(2_000);
  assert.deepEqual(new Set(holding()), new Set([leader(), visible]));
  visible.shows(false);
  await time.pass(2_000);
  assert.deepEqual(holding(), [leader()]);
});

test("the user is seen while any tab is", async () => {
  const { all, server, time, leader } = await tabs(4);
  assert.equal(server.sees("ann"), false);
  const [first, second] = all.filter((tab) => tab !== leader());
  second.shows(true);
  await time.pass(3_000);
  assert.equal(server.sees("ann"), true);
  leader().close();
  await time.pass(3_000);
  assert.equal(server.sees("ann"), true);
  const told = server.messages.filter(({ visible }) => visible === false).length;
  first.shows(true);
  second.shows(false);
  await time.pass(3_000);
  assert.equal(server.sees("ann"), true);
  first.shows(false);
  await time.pass(3_000);
  assert.equal(server.sees("ann"), false);
  assert.equal(server.messages.filter(({ visible }) => visible === false).length, told + 1, "never unseen in between");
});

test("a visible tab that crashes or is closed is seen no more, within a second and a half", async () => {
  for (const end of ["crash", "close"]) {
    const { all, server, time, leader } = await tabs(3);
    const visible = all.find((tab) => tab !== leader());
    visible.shows(true);
    await time.pass(3_000);
    assert.equal(server.sees("ann"), true);
    visible[end]();
    await time.pass(1_500);
    assert.equal(server.sees("ann"), false, end);
  }
});

test("a request whose leader ends before the answer resolves once", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { all, server, time, leader } = await tabs(3, { seed });
    const first = leader();
    const rest = all.filter((tab) => tab !== first);
    let answers = 0;
    for (const tab of rest) tab.headcount.act("like").then(() => (answers += 1));
    await time.pass(seed * 5);
    first.crash();
    await time.pass(10_000);
    assert.equal(answers, 2);
    assert.equal(server.user("ann").events.length, 2);
    for (const tab of rest) hasAll(tab, 2);
  }
});

test("tabs of another user, resource or deployment have a connection of their own", async () => {
  const { browser, server, time } = await tabs(2);
  const bob = browser.open({ user: "bob" });
  const elsewhere = browser.open({ resource: "final" });
  await time.pass(3_000);
  assert.equal(server.open().length, 3);
  server.makes("bob");
  await time.pass(3_000);
  assert.deepEqual(seqs(bob), [1]);
  assert.deepEqual(seqs(elsewhere), []);
});

test("tabs whose leader gets a ticket of another user turn to that user with it", async () => {
  const { all, server, time } = await tabs(3);
  for (const tab of all) tab.user = "bob";
  server.cut();
  await time.pass(60_000);
  assert.equal(server.open("ann").length, 0);
  assert.equal(server.open("bob").length, 1);
  for (const tab of all) assert.ok(tab.isOnline);
});

test("a tab that watches another resource has its own connection, and the others go on", async () => {
  for (const isLeader of [true, false]) {
    const { all, server, time, leader } = await tabs(3);
    const mover = all.find((tab) => (tab === leader()) === isLeader);
    const watched = mover.headcount.watch("final");
    await time.pass(5_000);
    assert.equal((await watched).resource, "final");
    assert.deepEqual(server.open().map(({ resource }) => resource).sort(), ["final", "site"]);
    server.makes("ann");
    await time.pass(5_000);
    for (const tab of all) {
      isSame(tab);
      hasAll(tab, 1);
    }
  }
});

test("a tab that is left comes back to the others", async () => {
  const { all, server, time } = await tabs(3);
  for (const tab of [all[0], all[2]]) {
    tab.window.dispatchEvent(new Event("pagehide"));
    await time.pass(1_000);
    assert.equal(server.open().length, 1);
    server.makes("ann");
    tab.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await time.pass(3_000);
    assert.ok(tab.isOnline);
    assert.equal(server.open().length, 1);
  }
  for (const tab of all) hasAll(tab, 2);
});

test("close() of one tab leaves the others theirs", async () => {
  const { all, server, time, leader } = await tabs(3);
  const first = leader();
  first.headcount.close();
  await time.pass(2_000);
  assert.equal(server.open().length, 1);
  for (const tab of all.filter((one) => one !== first)) isSame(tab);
  await assert.rejects(first.headcount.act("like"), { code: "closed" });
  for (const tab of all) tab.headcount.close();
  await time.pass(100_000);
  assert.equal(server.open().length, 0);
  assert.equal(time.pending, 0);
});

test("when the line is lost, only the leader tries again, and all are online with it", async () => {
  const { all, server, time } = await tabs(6);
  server.isDown = true;
  server.cut();
  await time.pass(2_000);
  for (const tab of all) assert.ok(!tab.isOnline);
  const [sockets, { tickets }] = [server.sockets.length, server];
  await time.pass(60_000);
  assert.equal(server.sockets.length - sockets, server.tickets - tickets);
  server.isDown = false;
  await time.pass(120_000);
  for (const tab of all) assert.ok(tab.isOnline);
  assert.equal(server.open().length, 1);
});

test("where the platform has no locks or denies them, each tab has its own connection", async () => {
  const denied = { request: async () => Promise.reject(new DOMException("denied", "SecurityError")) };
  const throws = { request: () => { throw new DOMException("denied", "SecurityError"); } };
  const blocked = class { constructor() { throw new DOMException("denied", "SecurityError"); } };
  for (const options of [{ locks: null }, { locks: denied }, { locks: throws }, { BroadcastChannel: null },
    { BroadcastChannel: blocked }, { shareConnection: false }]) {
    const { all, server } = await tabs(3, { options });
    assert.equal(server.open().length, 3);
    for (const tab of all) isSame(tab);
  }
});

test("tabs that cannot hear each other end with a connection each", async () => {
  const { all, server, time } = await tabs(4, { isMute: true, options: { isSeen: true } });
  await time.pass(60_000);
  for (const tab of all) assert.ok(tab.isOnline);
  const [sockets] = [server.sockets.length];
  await time.pass(60_000);
  assert.equal(server.sockets.length, sockets, "it comes to rest");
  server.makes("ann");
  await time.pass(60_000);
  for (const tab of all) assert.equal(seqs(tab).at(-1), 1);
});

test("tickets of another form are not shared", async () => {
  let count = 0;
  const ticket = () => ({ url: "ws://gateway/live", ticket: `opaque${++count}` });
  const { browser } = await tabs(2, { ticket });
  assert.deepEqual(browser.tabs.map(({ sockets }) => sockets.length), [1, 1]);
  await settled();
});
