/** Whether the user can see the page: told with each hello, and at each change. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { greet, keepAlive, online, setUp, settled } from "./fakes.mjs";
import { CRASH, TOO_MANY, bonus, bonusPush, refusal, slowDown, welcome } from "./messages.mjs";

const MINUTE = 60_000;

function fakePage(visibilityState = "visible") {
  const document = Object.assign(new EventTarget(), { visibilityState, pictureInPictureElement: null });
  const window = Object.assign(new EventTarget(), {
    documentPictureInPicture: Object.assign(new EventTarget(), { window: null }),
  });
  const turns = (state) => {
    document.visibilityState = state;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  return { document, window, hide: () => turns("hidden"), show: () => turns("visible") };
}

/** What a connection was told: [visible, change] of each message. */
const told = (socket) => socket.of("visibility").map(({ visible, change }) => [visible, change]);

const said = (socket) => socket.of("hello").map(({ visible, change }) => [visible, change]);

const note = (socket) => {
  const { id, change } = socket.last("visibility");
  socket.receive({ type: "noted", re: id, server_now: 1, change });
};

async function shown(state) {
  const page = fakePage(state);
  return { page, ...(await online(page)) };
}

test("the first hello says whether the page is visible: a tab born hidden gets no event", async () => {
  for (const [state, visible] of [["visible", true], ["hidden", false]]) {
    const { sockets, time } = await shown(state);
    assert.deepEqual(said(sockets[0]), [[visible, 1]]);
    await time.pass(MINUTE);
    assert.deepEqual(told(sockets[0]), []);
  }
});

test("without a page, as in Node.js, it is visible", async () => {
  const { sockets } = await online();
  assert.deepEqual(said(sockets[0]), [[true, 1]]);
});

test("with each change it asks how far a bonus of visible time is", async () => {
  for (const [clock, hellos] of [["visible", 2], ["connected", 1]]) {
    const { page, sockets } = await shown();
    const progress = { clock, min_ms: 2, watched_ms: 1, reached_at: 5_060_000 };
    sockets[0].receive(bonusPush(bonus({ opens_at: 1, expires_at: 6_000_000, progress })));
    page.hide();
    note(sockets[0]);
    assert.equal(sockets[0].of("hello").length, hellos);
  }
});

test("a change is told at once, with the next number", async () => {
  const { page, sockets, time } = await shown();
  page.hide();
  assert.deepEqual(told(sockets[0]), [[false, 2]]);
  note(sockets[0]);
  await time.pass(5_000);
  page.show();
  note(sockets[0]);
  await time.pass(5 * MINUTE);
  assert.deepEqual(told(sockets[0]), [[false, 2], [true, 3]]);
});

test("a page that flickers tells once a second, and its last state at the end", async () => {
  const { page, sockets, time } = await shown();
  for (let n = 0; n < 100; n++) {
    page.hide();
    page.show();
    if (sockets[0].of("visibility").length) note(sockets[0]);
    await time.pass(20);
  }
  page.hide();
  await time.pass(1_000);
  note(sockets[0]);
  await time.pass(5_000);
  assert.ok(told(sockets[0]).length <= 4, `${told(sockets[0])}`);
  assert.equal(told(sockets[0]).at(-1)[0], false);
  const changes = told(sockets[0]).map(([, change]) => change);
  assert.deepEqual(changes, changes.map((_, n) => n + 2));
});

test("a change before the welcome is told after it", async () => {
  const page = fakePage();
  const { sockets } = setUp(page);
  await settled();
  sockets[0].accept();
  page.hide();
  assert.deepEqual(told(sockets[0]), []);
  sockets[0].receive(welcome(sockets[0].last("hello").id));
  assert.deepEqual(told(sockets[0]), [[false, 2]]);
});

test("a change without an answer is told again under the same number, and every hello says it too", async () => {
  const { page, sockets, time } = await shown();
  page.hide();
  await keepAlive(time, sockets[0], 30_000);
  assert.deepEqual(told(sockets[0]), [[false, 2], [false, 2]]);
  note(sockets[0]);
  await keepAlive(time, sockets[0], 4 * MINUTE);
  assert.deepEqual(told(sockets[0]), [[false, 2], [false, 2]]);
});

for (const [what, answer, wait] of [
  ["is unavailable", (id) => refusal(id, "unavailable", { retry_after_ms: 3_000 }), 3_500],
  ["has heard too much from this user", (id) => slowDown(id, 3_000), 3_250],
  ["has heard too much from all", () => TOO_MANY, 2_000],
  ["crashed", () => CRASH, 1_000],
]) {
  test(`a server that ${what} is told later, and the latest state alone`, async () => {
    const { page, sockets, time } = await shown();
    page.hide();
    sockets[0].receive(answer(sockets[0].last("visibility").id));
    page.show();
    page.hide();
    await time.pass(wait - 1);
    assert.deepEqual(told(sockets[0]), [[false, 2]]);
    await time.pass(1);
    assert.deepEqual(told(sockets[0]), [[false, 2], [false, 2]]);
  });
}

test("an older server, which does not know the message, is not told again", async () => {
  const { page, sockets, time } = await shown();
  page.hide();
  sockets[0].receive(refusal(sockets[0].last("visibility").id, "unknown_action"));
  await time.pass(5_000);
  page.show();
  await time.pass(MINUTE);
  assert.equal(sockets[0].of("visibility").length, 1);
});

test("a connection that the server does not count is replaced, and the new one begins at 1", async () => {
  const { page, sockets, time } = await shown();
  page.hide();
  sockets[0].receive(refusal(sockets[0].last("visibility").id, "not_connected"));
  await time.pass(1_000);
  await greet(sockets[1]);
  assert.deepEqual(said(sockets[1]), [[false, 1]]);
  await time.pass(MINUTE);
  assert.deepEqual(told(sockets[1]), []);
});

test("a video in picture-in-picture is visible while its tab is hidden", async () => {
  const { page, sockets, time } = await shown();
  page.document.pictureInPictureElement = {};
  page.document.dispatchEvent(new Event("enterpictureinpicture"));
  page.hide();
  await time.pass(5_000);
  assert.deepEqual(told(sockets[0]), []);
  page.document.pictureInPictureElement = null;
  page.document.dispatchEvent(new Event("leavepictureinpicture"));
  assert.deepEqual(told(sockets[0]), [[false, 2]]);
});

test("so is a document in picture-in-picture", async () => {
  const { page, sockets, time } = await shown();
  const { documentPictureInPicture: pictures } = page.window;
  pictures.window = new EventTarget();
  pictures.dispatchEvent(Object.assign(new Event("enter"), { window: pictures.window }));
  page.hide();
  await time.pass(5_000);
  assert.deepEqual(told(sockets[0]), []);
  const { window } = pictures;
  pictures.window = null;
  window.dispatchEvent(new Event("pagehide"));
  await settled();
  assert.deepEqual(told(sockets[0]), [[false, 2]]);
});

test("a page that is frozen says so at once, for its timers do not run", async () => {
  const { page, sockets, time } = await shown();
  page.hide();
  page.show();
  page.document.dispatchEvent(new Event("freeze"));
  assert.deepEqual(told(sockets[0]), [[false, 2]]);
  note(sockets[0]);
  await time.pass(5_000);
  page.document.dispatchEvent(new Event("resume"));
  assert.deepEqual(told(sockets[0]), [[false, 2], [true, 3]]);
  page.document.dispatchEvent(new Event("freeze"));
  assert.deepEqual(told(sockets[0]).at(-1), [false, 4]);
});

test("a page that is left closes its connection, and opens another if the browser shows it again", async () => {
  const { page, sockets, time, headcount } = await shown();
  page.window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  assert.equal(sockets[0].closed, 1000);
  assert.deepEqual(headcount.status, { status: "offline", reason: "this page was left", code: "left", retryAt: null });
  const act = headcount.act("like");
  await time.pass(10 * MINUTE);
  assert.equal(sockets.length, 1, "a page that is stored does nothing");
  page.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await time.pass(1_000);
  await greet(sockets[1]);
  assert.deepEqual(said(sockets[1]), [[true, 1]]);
  assert.equal(sockets[1].of("act").length, 1, "and what was asked meanwhile is sent");
  headcount.close();
  await assert.rejects(act);
});

test("a page that is left while it connects does not connect", async () => {
  const page = fakePage();
  const { sockets, time } = setUp(page);
  await settled();
  page.window.dispatchEvent(new Event("pagehide"));
  assert.equal(sockets[0].closed, 1000);
  await time.pass(10 * MINUTE);
  assert.equal(sockets.length, 1);
});

test("a client that was closed listens to no page and sets no timer", async () => {
  const { page, sockets, time, headcount } = await shown();
  page.hide();
  headcount.close();
  page.show();
  await time.pass(MINUTE);
  assert.equal(time.pending, 0);
  assert.deepEqual(told(sockets[0]), [[false, 2]]);
});
