/** Random walks: a client that loses its connection at any moment ends with the same state as one that never did. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeDice } from "./dice.mjs";
import { EVENTS, FakeServer } from "./fake-server.mjs";
import { setUp, settled } from "./fakes.mjs";

const WALKS = 150;
const STEPS = 60;
/** Accept new connections, and answer each hello once. */
function serve(server, sockets, answered) {
  for (const socket of sockets) {
    if (socket.closed !== null) continue;
    if (!answered.has(socket)) socket.accept();
    const hellos = socket.of("hello");
    for (const hello of hellos.slice(answered.get(socket) ?? 0)) server.send(socket, server.welcome(hello));
    answered.set(socket, hellos.length);
  }
}

const pick = (dice, from) => from[Math.floor(dice() * from.length)];
const value = (dice) => pick(dice, [null, 1, 2, "x", [1], {}, { c: null }, { c: 1 }, { d: { e: dice() } }]);
const patch = (dice) => pick(dice, [undefined, { a: value(dice) }, { b: value(dice) }, { a: { b: value(dice) } }]);

/** Walk with a server that may lose events, or with one that does not: then the client's state fits its events at each step. */
async function walk(seed, canLose) {
  const dice = makeDice(seed);
  const { headcount, time, sockets } = setUp({ random: dice });
  const server = new FakeServer(dice, time);
  const answered = new Map();
  const followed = [];
  headcount.on("snapshot", ({ events }) => followed.splice(0, Infinity, ...events));
  headcount.on("event", (event) => followed.push(event));
  const live = () => sockets.filter(({ closed }) => closed === null);
  const pass = async (milliseconds) => {
    for (let left = milliseconds; left > 0; left -= 100) {
      await time.pass(Math.min(left, 100));
      serve(server, sockets, answered);
    }
  };
  await settled();
  for (let step = 0; step < STEPS; step += 1) {
    const luck = dice();
    if (luck < 0.6) {
      const push = server.act(patch(dice));
      for (const socket of live()) server.push(socket, push);
    } else if (luck < 0.75) live().at(-1)?.drop();
    else if (luck < 0.77 && canLose) server.lose();
    await pass(dice() * 400);
    if (!canLose) assert.deepEqual(headcount.state, server.states[followed.at(-1)?.seq ?? 0], `walk ${seed}, step ${step}`);
  }
  // After several losses in a row it waits for longer.
  const isBack = async () => {
    for (let waited = 0; headcount.status.status !== "online" && waited < 600_000; waited += 1_000) await pass(1_000);
  };
  return { headcount, server, sockets, followed, live, pass, isBack };
}

const compare = ({ headcount, server, followed }, seed) => {
  assert.deepEqual(headcount.state, server.state, `walk ${seed}`);
  const expected = server.events.slice(server.events.length - followed.length);
  assert.deepEqual(followed.map(({ seq }) => seq), expected.map(({ seq }) => seq), `walk ${seed}`);
  assert.ok(followed.length >= Math.min(EVENTS, server.events.length), `walk ${seed}`);
};

test("a client that reconnects at any moment has the state and the events of one that never left", async () => {
  for (let seed = 1; seed <= WALKS; seed += 1) {
    const client = await walk(seed, seed % 2 === 0);
    client.live().at(-1)?.drop();
    await client.isBack();
    await client.pass(5_000);
    compare(client, seed);
    client.headcount.close();
  }
});

test("a client that missed pushes on an open connection has them after the next push", async () => {
  for (let seed = 1_001; seed <= 1_000 + WALKS; seed += 1) {
    const client = await walk(seed, false);
    await client.isBack();
    await client.pass(5_000);
    const push = client.server.act({ last: seed });
    for (const socket of client.live()) client.server.send(socket, push);
    await client.pass(5_000);
    compare(client, seed);
    client.headcount.close();
  }
});
