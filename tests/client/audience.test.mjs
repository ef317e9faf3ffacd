/** How many watch: asked for while the page listens and is seen, at the pace that the server tells. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { answerWatch, greet, keepAlive, online, setUp, settled } from "./fakes.mjs";
import { pong, refusal, slowDown } from "./messages.mjs";

const MINUTE = 60_000;
// The client adds a twentieth and a quarter of a second, by the fakes' dice.
const waited = (ask_again_ms) => ask_again_ms * 1.05 + 250;

const counted = (socket, users, more = {}) => {
  const { id, resource } = socket.last("audience");
  const answer = { users, connections: users, sampled_at: 4_999_000, list: null, ask_again_ms: 5_000, ...more };
  socket.receive({ type: "audience", re: id, server_now: 5_000_000, resource, ...answer });
};

function fakePage() {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible", pictureInPictureElement: null });
  const turn = (state) => {
    document.visibilityState = state;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  return { page: { document }, hide: () => turn("hidden"), show: () => turn("visible") };
}

/** A client that listens; `told` has the numbers of users that it was told. */
async function listening(options) {
  const client = await online(options);
  const told = [];
  const leave = client.headcount.on("audience", ({ users }) => told.push(users));
  return { ...client, told, leave, asked: (n = 0) => client.sockets[n].of("audience").map(({ resource }) => resource) };
}

test("a page that does not listen asks for nothing", async () => {
  const { headcount, sockets, time } = await online();
  await keepAlive(time, sockets[0], 10 * MINUTE);
  assert.deepEqual([sockets[0].of("audience"), headcount.audience], [[], null]);
});

test("a page that listened before it was online asks once it is, and a late one at once", async () => {
  const { headcount, sockets } = setUp();
  headcount.on("audience", () => {});
  await settled();
  await greet(sockets[0]);
  assert.deepEqual(sockets[0].of("audience").map(({ resource }) => resource), ["site"]);
  const { asked } = await listening();
  assert.deepEqual(asked(), ["site"]);
});

test("it asks again when the server says so, and not before", async () => {
  const { sockets, time, asked, told } = await listening();
  for (const [n, pace] of [5_000, 345_000, 5_000].entries()) {
    counted(sockets[0], n + 1, { ask_again_ms: pace });
    await keepAlive(time, sockets[0], waited(pace) - 1);
    assert.equal(asked().length, n + 1);
    await time.pass(1);
    assert.equal(asked().length, n + 2);
  }
  assert.deepEqual(told, [1, 2, 3]);
});

test("it is told when a number or a name has changed, and can be read at any time", async () => {
  const { headcount, sockets, time, told } = await listening();
  const ann = { user_id: "ann", joined_at: 1, connections: 1 };
  const bob = { ...ann, user_id: "bob" };
  for (const [users, more] of [
    [1, { list: [ann] }],
    [1, { list: [ann], sampled_at: 4_999_500 }],
    [1, { list: [bob] }],
    [1, { list: [bob], connections: 2 }],
  ]) {
    counted(sockets[0], users, more);
    await time.pass(waited(5_000));
  }
  assert.equal(told.length, 3);
  assert.deepEqual(headcount.audience, { resource: "site", users: 1, connections: 2, sampled_at: 4_999_000, list: [bob] });
  counted(sockets[0], 1, { list: [bob], connections: 2, sampled_at: 4_999_999 });
  assert.deepEqual([headcount.audience.sampled_at, told.length], [4_999_999, 3]);
});

test("two listeners are one question, and without any it asks no more", async () => {
  const { headcount, sockets, time, asked, leave } = await listening();
  const leaveToo = headcount.on("audience", () => {});
  counted(sockets[0], 1);
  await time.pass(waited(5_000));
  assert.equal(asked().length, 2);
  counted(sockets[0], 1);
  leave();
  leave();
  await time.pass(waited(5_000));
  assert.equal(asked().length, 3);
  counted(sockets[0], 1);
  leaveToo();
  await keepAlive(time, sockets[0], 10 * MINUTE);
  assert.equal(asked().length, 3);
});

test("a hidden page does not ask, and asks when it is shown if it is time", async () => {
  const { page, hide, show } = fakePage();
  const { sockets, time, asked } = await listening(page);
  counted(sockets[0], 1);
  hide();
  show();
  assert.equal(asked().length, 1, "it is not time");
  hide();
  // A page that is shown asks whether its line still works.
  sockets[0].receive(pong);
  await keepAlive(time, sockets[0], 10 * MINUTE);
  assert.equal(asked().length, 1);
  show();
  assert.equal(asked().length, 2);
});

test("what the connection watches now is asked for at once, and a late answer about the other is dropped", async () => {
  const { headcount, sockets, asked, told } = await listening();
  const late = sockets[0].last("audience");
  headcount.watch("final");
  answerWatch(sockets[0]);
  assert.deepEqual(asked(), ["site", "final"]);
  const answer = { users: 7, connections: 7, sampled_at: 1, list: null, ask_again_ms: 5_000 };
  sockets[0].receive({ type: "audience", re: late.id, server_now: 1, resource: "site", ...answer });
  assert.deepEqual([headcount.audience, told], [null, []]);
  counted(sockets[0], 3);
  assert.deepEqual([headcount.audience.resource, told], ["final", [3]]);
});

test("a new connection does not ask before it is time", async () => {
  const { sockets, time, asked } = await listening();
  counted(sockets[0], 1, { ask_again_ms: 20_000 });
  sockets[0].drop(1006);
  await time.pass(10_000);
  await greet(sockets.at(-1));
  assert.equal(asked(sockets.length - 1).length, 0);
  await time.pass(waited(20_000));
  assert.equal(asked(sockets.length - 1).length, 1);
});

for (const [what, answer, wait] of [
  ["does not answer", () => {}, MINUTE],
  ["has heard too much from this user", (socket) => socket.receive(slowDown(socket.last("audience").id, 3_000)), MINUTE],
  ["is unavailable", (socket) => socket.receive(refusal(socket.last("audience").id, "unavailable", { retry_after_ms: 90_000 })), 90_000],
  ["tells no pace", (socket) => counted(socket, 1, { ask_again_ms: undefined }), MINUTE * 1.05],
  ["tells a pace that would overload it", (socket) => counted(socket, 1, { ask_again_ms: 0 }), MINUTE * 1.05],
  ["answers nonsense", (socket) => counted(socket, "many", { list: 7 }), 5_000 * 1.05],
]) {
  test(`a server that ${what} is asked again later`, async () => {
    const { sockets, time, asked, headcount } = await listening();
    answer(sockets[0]);
    await keepAlive(time, sockets[0], wait + 249);
    assert.equal(asked().length, 1);
    await time.pass(1);
    assert.deepEqual([asked().length, headcount.status.status], [2, "online"]);
  });
}

test("a server that refuses it, or does not know it, is not asked again for this resource", async () => {
  for (const code of ["not_allowed", "unknown_action", "bad_request"]) {
    const { headcount, sockets, time, asked } = await listening();
    sockets[0].receive(refusal(sockets[0].last("audience").id, code));
    await keepAlive(time, sockets[0], 10 * MINUTE);
    assert.deepEqual(asked(), ["site"]);
    headcount.watch("final");
    answerWatch(sockets[0]);
    assert.deepEqual(asked(), ["site", "final"]);
  }
});

test("a claim goes first", async () => {
  const { headcount, sockets, time, asked } = await listening();
  counted(sockets[0], 1);
  headcount.claim("b");
  sockets[0].receive(refusal(sockets[0].last("claim").id, "unavailable", { retry_after_ms: 4_900 }));
  await time.pass(waited(5_000));
  assert.equal(asked().length, 1);
});
