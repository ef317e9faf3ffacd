/** Questions: told, answered once, tallied. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Show } from "../../client/src/show.js";
import { greet, setUp, settled } from "./fakes.mjs";
import { EPOCH, broadcastsUpTo, event, news, pushed } from "./messages.mjs";

const QUESTION = { question_id: "q", text: "Who?", options: ["a", "b"], opens_at: 1, expires_at: 2 };

/** A client with a show, online, and what the show has told: `[[name, detail], …]`. */
async function watching() {
  const client = setUp();
  const show = new Show(client.headcount);
  const told = [];
  for (const name of ["question", "answer", "result", "cancelled"]) show.on(name, (detail) => told.push([name, detail]));
  await settled();
  await greet(client.sockets[0], { broadcasts: broadcastsUpTo(5) });
  return { ...client, socket: client.sockets[0], show, told };
}

const tell = (socket, seq, type, body, more = {}) =>
  socket.receive({
    type: "news",
    server_now: 1,
    broadcast: { seq, follows: seq - 1 },
    news: { ...news(seq), type, body, ...more },
  });

const answered = (re, outcome, option, more = {}) => ({
  type: "answer",
  re,
  question_id: "q",
  outcome,
  option,
  server_now: 1,
  epoch: null,
  event: null,
  ...more,
});

test("a question and its result are told, and other news is not", async () => {
  const { socket, told } = await watching();
  tell(socket, 6, "question.opened", QUESTION);
  tell(socket, 6, "question.opened", QUESTION);
  tell(socket, 7, "kick-off", {});
  tell(socket, 8, "question.closed", { question_id: "q", tally: [1, 2], correct: null });
  assert.deepEqual(told, [
    ["question", QUESTION],
    ["result", { question_id: "q", tally: [1, 2], correct: null }],
  ]);
});

test("an answer resolves with what counts, and is told once", async () => {
  const { socket, show, told } = await watching();
  const answer = show.answer("q", 1);
  const { id, ...sent } = socket.last("answer");
  assert.deepEqual(sent, { action: "answer", question_id: "q", option: 1 });
  socket.receive(answered(id, "already_answered", 0));
  assert.deepEqual(await answer, { question_id: "q", outcome: "already_answered", option: 0 });
  assert.deepEqual(told, [["answer", { question_id: "q", outcome: "already_answered", option: 0 }]]);
});

test("with other connections the event tells it, here and there", async () => {
  const { socket, show, told } = await watching();
  const answer = show.answer("q", 1);
  const one = event(1, "question.answered", { question_id: "q", option: 1 });
  socket.receive(answered(socket.last("answer").id, "answered", 1, { epoch: EPOCH, event: one }));
  await answer;
  socket.receive(pushed(event(2, "question.answered", { question_id: "r", option: 0 })));
  assert.deepEqual(told, [
    ["answer", { question_id: "q", option: 1, outcome: "answered" }],
    ["answer", { question_id: "r", option: 0, outcome: "answered" }],
  ]);
});

test("an answer without a reply is sent again under its id", async () => {
  const { time, sockets, socket, show } = await watching();
  show.answer("q", 1);
  socket.drop();
  await time.pass(500);
  await greet(sockets[1]);
  assert.deepEqual(sockets[1].last("answer"), socket.last("answer"));
});

test("a cancelled question is to be removed", async () => {
  const { socket, told } = await watching();
  tell(socket, 6, "question.opened", QUESTION);
  tell(socket, 7, "question.opened", {}, { cancels: 6 });
  tell(socket, 8, "kick-off", {}, { cancels: 3 });
  assert.deepEqual(told.slice(1), [["cancelled", { question_id: "q" }]]);
});

/** What the server's clock in these tests has before it. */
const OPEN = { ...QUESTION, expires_at: 60_000_000 };
const RESULT = { question_id: "q", tally: [1, 2], correct: null };
const late = (seq, type, body) => ({ ...event(seq, type, body), at: 5_000_000 });

test("listed users are told a question, its tally and its end by events, each once", async () => {
  const { socket, told } = await watching();
  socket.receive(pushed(late(1, "question.opened", OPEN)));
  socket.receive(pushed(late(2, "question.closed", RESULT)));
  socket.receive(pushed(late(3, "question.opened", { ...OPEN, question_id: "r" })));
  socket.receive(pushed(late(4, "question.cancelled", { question_id: "r" })));
  socket.receive(pushed(late(5, "question.opened", { ...OPEN, question_id: "r" })));
  socket.receive(pushed(late(6, "question.opened", { ...QUESTION, question_id: "over" })));
  assert.deepEqual(told, [
    ["question", OPEN],
    ["result", RESULT],
    ["question", { ...OPEN, question_id: "r" }],
    ["cancelled", { question_id: "r" }],
  ]);
});

test("a page that comes later is asked what is open, and told no old tally", async () => {
  const client = setUp();
  const show = new Show(client.headcount);
  const told = [];
  for (const name of ["question", "result", "cancelled"]) show.on(name, (detail) => told.push([name, detail]));
  await settled();
  const events = [
    event(1, "question.opened", QUESTION),
    { ...event(2, "question.closed", RESULT), at: 1 },
    late(3, "question.opened", { ...OPEN, question_id: "gone" }),
    late(4, "question.opened", { ...OPEN, question_id: "open" }),
    late(5, "question.cancelled", { question_id: "gone" }),
  ];
  await greet(client.sockets[0], { seq: 5, events });
  assert.deepEqual(told, [
    ["cancelled", { question_id: "gone" }],
    ["question", { ...OPEN, question_id: "open" }],
  ]);
});

test("a listener can be removed", async () => {
  const { socket, show } = await watching();
  const heard = [];
  const leave = show.on("question", (question) => heard.push(question));
  leave();
  tell(socket, 6, "question.opened", QUESTION);
  assert.deepEqual(heard, []);
});
