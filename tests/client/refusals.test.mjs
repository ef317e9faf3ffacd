/** Refusals that are for good, bodies that no server takes, storages that fail, and a server that sends nonsense. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeStorage, greet, online, setUp, settled } from "./fakes.mjs";
import { acted, bonus, bonusPush, claimed, event, pushed, refusal, welcome } from "./messages.mjs";

const nested = (levels) => (levels > 1 ? { a: nested(levels - 1) } : {});
const codes = (of) => of("error").map(({ code }) => code);

// Before it is sent.

const circle = {};
circle.circle = circle;

const bad = {
  "half of a surrogate pair": ["bad_json", { text: "hello 😀".slice(0, 7) }],
  "half of one as a key": ["bad_json", { "\ude00": 1 }],
  "a thousand levels": ["bad_json", nested(1_000)],
  "three thousand levels of lists": ["bad_json", { list: JSON.parse("[".repeat(3_000) + "]".repeat(3_000)) }],
  "a circle": ["bad_json", circle],
  "what JSON cannot write": ["bad_json", { big: 1n }],
  "a toJSON that throws": ["bad_json", { toJSON: () => { throw new Error("no"); } }],
  "more than 16 KB": ["too_large", { text: "é".repeat(8_192) }],
};

for (const [what, [code, body]] of Object.entries(bad)) {
  test(`an act is refused before it is sent, once, and blocks nothing: ${what}`, async () => {
    const storage = new FakeStorage();
    const { headcount, sockets } = await online({ storage });
    await assert.rejects(headcount.act("like", body), { name: "HeadcountError", code });
    assert.deepEqual([sockets[0].sent.length, headcount.backlog.count, storage.items.size], [1, 0, 0]);
    headcount.act("next");
    assert.equal(sockets[0].last("act").type, "next");
  });
}

test("a body that only looks like one of these is sent", async () => {
  const { headcount, sockets } = await online();
  const body = { text: "\\ud83d", emoji: "😀", brackets: '{"['.repeat(600), deep: nested(498) };
  headcount.act("like", body);
  assert.deepEqual(sockets[0].last("act").body, body);
});

test("an act keeps the body of its call, however the page changes it meanwhile", async () => {
  const { headcount, time, sockets } = await online();
  const body = { photo: 7 };
  headcount.act("like", body);
  body.photo = 8;
  sockets[0].drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual([sockets[0].last("act"), sockets[1].last("act")], [sockets[0].last("act"), sockets[0].last("act")]);
  assert.deepEqual(sockets[1].last("act").body, { photo: 7 });
});

// Refused without an address, as by a server that finds no id.

test("a refusal without an address is that of the only message without an answer", async () => {
  const { headcount, sockets } = await online();
  const act = headcount.act("like");
  headcount.act("next");
  sockets[0].receive(refusal(null, "bad_json"));
  await assert.rejects(act, { code: "bad_json" });
  assert.equal(sockets[0].last("act").type, "next");
});

test("among several messages it is found by sending them one at a time, and only that one is rejected", async () => {
  const { headcount, time, sockets } = await online();
  const ends = [];
  const poison = "claim of the poison";
  for (const id of ["a", poison, "c"]) headcount.claim(id).then(() => ends.push(id), ({ code }) => ends.push(code));
  headcount.act("like").then(() => ends.push("like"));
  const answers = (message) => {
    if (message.bonus_id === poison) return refusal(null, "bad_json");
    if (message.action === "act") return acted(message.id, 1);
    return { ...claimed(message.id, "claimed"), bonus_id: message.bonus_id };
  };
  sockets[0].receive(refusal(null, "bad_json"));
  for (let second = 0, answered = sockets[0].sent.length; second < 60; second += 1) {
    await time.pass(1_000);
    const sent = sockets[0].sent.slice(answered);
    assert.ok(sent.length <= 1 || ends.includes("bad_json"), "one at a time until it is found");
    answered = sockets[0].sent.length;
    for (const message of sent) sockets[0].receive(answers(message));
  }
  await settled();
  assert.deepEqual(ends.sort(), ["a", "bad_json", "c", "like"]);
  const count = sockets[0].sent.length;
  await time.pass(120_000);
  assert.equal(sockets[0].sent.slice(count).filter(({ action }) => action !== "ping").length, 0);
});

test("a stored act that the server cannot read is refused once after a reload, and what is behind it is sent", async () => {
  const storage = new FakeStorage();
  const before = await online({ storage });
  before.headcount.act("first");
  before.headcount.act("second");
  const { sockets } = await online({ storage, newId: () => "other" });
  sockets[0].receive(refusal(null, "bad_json"));
  assert.deepEqual(sockets[0].of("act").map(({ type }) => type), ["first", "second"]);
});

test("a stored act that no server takes is forgotten, and what is behind it is sent", async () => {
  const storage = new FakeStorage();
  const before = await online({ storage });
  before.headcount.act("like");
  const [[key, text]] = storage.items;
  const [good] = JSON.parse(text);
  const poison = { ...good, id: "poison", body: { text: "\ud83d" } };
  storage.items.set(key, JSON.stringify([poison, { ...good, id: "large", body: { text: "x".repeat(20_000) } }, null, 7, good]));
  const { sockets } = await online({ storage, newId: () => "other" });
  assert.deepEqual(sockets[0].of("act").map(({ id }) => id), [good.id]);
});

test("what passes is not taken for a refusal for good", async () => {
  for (const code of ["unavailable", "slow_down"]) {
    const { headcount, time, sockets } = await online();
    headcount.act("like");
    sockets[0].receive(refusal(null, code));
    await time.pass(500);
    assert.equal(sockets[0].of("act").length, 2, code);
  }
});

// Storages.

const denied = () => {
  throw new Error("denied");
};
const storages = {
  "its getter throws, as where the data of sites is blocked": () => denied,
  "it cannot be read": () => Object.assign(new FakeStorage(), { getItem: denied }),
  "it is full": () => Object.assign(new FakeStorage(), { setItem: denied }),
  "it cannot be cleared": () => Object.assign(new FakeStorage(), { removeItem: denied }),
  "it is blocked": () => ({ getItem: denied, setItem: denied, removeItem: denied }),
};

for (const [what, make] of Object.entries(storages)) {
  test(`a storage that fails is told once, and this page sends all the same: ${what}`, async () => {
    const { headcount, sockets, of } = setUp({ storage: make() });
    const first = headcount.act("first");
    await settled();
    await greet(sockets[0]);
    sockets[0].receive(acted(sockets[0].last("act").id, 1));
    await first;
    const second = headcount.act("second");
    sockets[0].receive(acted(sockets[0].last("act").id, 2));
    await second;
    assert.deepEqual([codes(of), headcount.status.status], [["storage_failed"], "online"]);
  });
}

test("a storage may be a function that returns it", async () => {
  const storage = new FakeStorage();
  const { headcount } = await online({ storage: () => storage });
  headcount.act("like");
  assert.equal(storage.items.size, 1);
});

// Nonsense.

const nonsense = [
  "{",
  "null",
  "7",
  "[]",
  '"welcome"',
  { type: "welcome" },
  { ...welcome("id1"), bonuses: null },
  { ...welcome("id1"), events: [{ seq: "1" }] },
  { ...welcome("id1"), broadcasts: { seq: 0 } },
  { ...welcome("id1"), state: [] },
  { type: "event", epoch: "e1", event: null },
  { type: "event", epoch: "e1", event: { seq: NaN } },
  { type: "bonus", bonus: 7, broadcast: null },
  { type: "bonus", bonus: bonus(), broadcast: { seq: {} } },
  { type: "news" },
  { type: "watching" },
  { type: "claim", re: "id2" },
  { type: "error", re: null },
];

test("a frame that is none of the protocol is told, changes nothing, and the client goes on", async () => {
  for (const frame of nonsense) {
    const { sockets, time, of, dispatched } = await online();
    const before = dispatched.length;
    sockets[0].receive(frame);
    assert.deepEqual(dispatched.slice(before).map(([name]) => name), ["error"], JSON.stringify(frame));
    assert.equal(of("error")[0].code, "bad_message");
    sockets[0].receive(pushed(event(1)));
    await time.pass(60_000);
    assert.deepEqual([of("event").length, sockets[0].of("hello").length], [1, 1]);
  }
});

test("frames of a newer server, and empty ones, are ignored", async () => {
  const { sockets, dispatched } = await online();
  const before = dispatched.length;
  for (const frame of ["", "{}", { type: "weather" }, { type: "__proto__" }, { type: 7 }]) sockets[0].receive(frame);
  assert.equal(dispatched.length, before);
});

test("a time to wait that is none is not followed", async () => {
  for (const wrong of [-1, 1e300, "1000", {}, null]) {
    const { headcount, time, sockets } = await online();
    headcount.act("like");
    sockets[0].receive(refusal("id2", "unavailable", { retry_after_ms: wrong }));
    await time.pass(499);
    assert.equal(sockets[0].of("act").length, 1);
    await time.pass(1);
    assert.equal(sockets[0].of("act").length, 2, String(wrong));
  }
});

// Acknowledgements.

const asking = (id) => bonusPush(bonus({ bonus_id: id, opens_at: 1, expires_at: 5_100_000, acknowledge: true }));
const slowDown = (message, wait) => refusal(message.id, "slow_down", { retry_after_ms: wait });

test("a limit on acknowledgements holds nothing else", async () => {
  const { headcount, time, sockets } = await online();
  sockets[0].receive(asking("a"));
  await time.pass(500);
  sockets[0].receive(slowDown(sockets[0].last("ack"), 60_000));
  headcount.act("like");
  headcount.claim("b");
  assert.deepEqual(sockets[0].sent.slice(-2).map(({ action }) => action).sort(), ["act", "claim"]);
});

test("waits for a limit grow, and differ between clients", async () => {
  const waits = async (random) => {
    const { time, headcount, sockets } = await online({ random: () => random });
    headcount.act("like");
    const all = [];
    for (let refusals = 0; refusals < 4; refusals += 1) {
      const count = sockets[0].of("act").length;
      sockets[0].receive(slowDown(sockets[0].last("act"), 1_000));
      const from = time.now;
      while (sockets[0].of("act").length === count) await time.pass(50);
      all.push(time.now - from);
    }
    return all;
  };
  assert.deepEqual(await waits(0), [1_000, 1_000, 1_000, 1_000]);
  assert.deepEqual(await waits(0.5), [1_250, 1_500, 2_000, 3_000]);
  assert.deepEqual(await waits(1), [1_500, 2_000, 3_000, 5_000]);
});

test("the acknowledgements of a user's connections together are as many in a second as those of one", async () => {
  const { time, sockets } = setUp({ random: () => 0.9 });
  await settled();
  await greet(sockets[0], { session: { joined_at: 1, connections: 20 } });
  sockets[0].receive(asking("a"));
  await time.pass(17_999);
  assert.equal(sockets[0].of("ack").length, 0);
  await time.pass(1);
  assert.equal(sockets[0].of("ack").length, 1);
});
