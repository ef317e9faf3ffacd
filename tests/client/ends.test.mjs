/** Why there is no connection: for programs (`code`) and for people (`reason`), and what follows from it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { greet, online, setUp, settled } from "./fakes.mjs";
import { refusal } from "./messages.mjs";

const kicked = (words, retry_after_ms = 2_000) => refusal(null, "kicked", { words, retry_after_ms });

/** What API Gateway's close says when a backend closes a connection. */
const CLOSED_NORMALLY = [1000, "Connection Closed Normally"];

const why = ({ headcount: { status } }) => [status.status, status.code, status.reason];

for (const [said, read] of [
  ["This stream is for members.", "This stream is for members."],
  [null, "the service ended this connection"],
  [undefined, "the service ended this connection"],
]) {
  test(`a kicked user reads the operator's words, not the gateway's: ${said}`, async () => {
    const client = await online();
    client.sockets[0].receive(kicked(said));
    client.sockets[0].drop(...CLOSED_NORMALLY);
    assert.deepEqual(why(client), ["offline", "kicked", read]);
    await client.time.pass(2_250);
    assert.deepEqual(why(client), ["connecting", "kicked", read]);
    await greet(client.sockets[1]);
    assert.deepEqual(why(client), ["online", null, ""]);
    client.sockets[1].drop(1006);
    assert.equal(client.headcount.status.code, "lost");
  });
}

test("a kicked user who gets no ticket is stopped, and goes on reading the operator's words", async () => {
  let isKicked = false;
  const ticket = async () => {
    if (isKicked) throw Object.assign(new Error("no ticket"), { status: 403 });
    return { url: "ws://gateway/live", ticket: "t" };
  };
  const client = await online({ ticket });
  isKicked = true;
  client.sockets[0].receive(kicked("Be kind."));
  client.sockets[0].drop(...CLOSED_NORMALLY);
  await client.time.pass(2_250);
  assert.deepEqual(why(client), ["stopped", "kicked", "Be kind."]);
  await client.time.pass(3_600_000);
  assert.equal(client.sockets.length, 1);
});

for (const [what, end, code] of [
  ["the gateway ends it after two hours", (socket) => socket.drop(1001, "Going away"), "going_away"],
  ["the server restarts", (socket) => socket.drop(1012), "going_away"],
  ["the line is cut", (socket) => socket.drop(1006), "lost"],
  ["the gateway fails", (socket) => socket.drop(1011), "lost"],
  ["the user is kept out", (socket) => socket.receive(refusal(null, "kept_out", { retry_after_ms: 60_000 })), "over_limit"],
]) {
  test(`${what}: ${code}, and the client comes back`, async () => {
    const client = await online();
    end(client.sockets[0]);
    assert.deepEqual([client.headcount.status.status, client.headcount.status.code], ["offline", code]);
    await client.time.pass(client.headcount.status.retryAt - client.time.now);
    await greet(client.sockets[1]);
    assert.deepEqual(why(client), ["online", null, ""]);
  });
}

test("a refused handshake is told as refused", async () => {
  const client = setUp();
  await settled();
  client.sockets[0].drop(1006);
  assert.deepEqual(why(client), ["offline", "refused", "the server refused the connection"]);
});
