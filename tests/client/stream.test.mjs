import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, arrived, welcomed } from "../../client/stream.js";
import { EPOCH, event } from "./fakes.mjs";

const at = (seq, waiting = []) => ({ epoch: EPOCH, seq, waiting });
const arrival = (seq, epoch = EPOCH) => ({ epoch, event: event(seq) });
const handed = ({ effects }) => effects.filter(({ type }) => type === "event").map((one) => one.event.seq);
const kinds = ({ effects }) => effects.map(({ type }) => type);

test("the first welcome is a snapshot", () => {
  const step = welcomed(EMPTY, { epoch: EPOCH, seq: 2, recovered: false, events: [event(1), event(2)] });
  assert.deepEqual(step, {
    stream: at(2),
    effects: [{ type: "snapshot", seq: 2, events: [event(1), event(2)] }],
  });
});

test("the next event is handed on", () => {
  assert.deepEqual(handed(arrived(at(4), arrival(5))), [5]);
});

test("an event that was seen is dropped, and so is its repeat", () => {
  assert.deepEqual(arrived(at(5), arrival(5)), { stream: at(5), effects: [] });
  assert.deepEqual(arrived(at(5), arrival(3)).effects, []);
});

test("an event after a gap waits, and the gap is asked for", () => {
  const step = arrived(at(4), arrival(6));
  assert.deepEqual(kinds(step), ["ask"]);
  assert.deepEqual(step.stream, at(4, [arrival(6)]));
});

test("what waited follows when the gap closes by itself, in order", () => {
  const { stream } = arrived(arrived(at(4), arrival(7)).stream, arrival(6));
  const step = arrived(stream, arrival(5));
  assert.deepEqual(handed(step), [5, 6, 7]);
  assert.deepEqual(step.stream, at(7));
});

test("a recovered welcome brings what was missed, and what waited follows", () => {
  const step = welcomed(at(4, [arrival(7)]), { epoch: EPOCH, seq: 6, recovered: true, events: [event(5), event(6)] });
  assert.deepEqual(handed(step), [5, 6, 7]);
  assert.deepEqual(step.stream, at(7));
});

test("a recovered welcome that was overtaken by pushes changes nothing", () => {
  const step = welcomed(at(6), { epoch: EPOCH, seq: 5, recovered: true, events: [event(5)] });
  assert.deepEqual(step, { stream: at(6), effects: [] });
});

test("a welcome that leaves a gap asks again", () => {
  const step = welcomed(at(4, [arrival(9)]), { epoch: EPOCH, seq: 5, recovered: true, events: [event(5)] });
  assert.deepEqual(kinds(step), ["event", "ask"]);
});

test("not recovered means: forget, and start from the snapshot", () => {
  const step = welcomed(at(4, [arrival(6)]), { epoch: EPOCH, seq: 300, recovered: false, events: [event(300)] });
  assert.deepEqual(kinds(step), ["snapshot"]);
  assert.deepEqual(step.stream, at(300));
});

test("an event of another epoch is asked for, and follows the snapshot of that epoch", () => {
  const asked = arrived(at(40), arrival(3, "e2"));
  assert.deepEqual(kinds(asked), ["ask"]);
  const step = welcomed(asked.stream, { epoch: "e2", seq: 2, recovered: false, events: [event(1), event(2)] });
  assert.deepEqual(kinds(step), ["snapshot", "event"]);
  assert.deepEqual(step.stream, { epoch: "e2", seq: 3, waiting: [] });
});

test("a late event of an epoch that is over is forgotten at the next welcome", () => {
  const { stream } = arrived(at(2), arrival(9, "e0"));
  assert.deepEqual(welcomed(stream, { epoch: EPOCH, seq: 2, recovered: true, events: [] }), { stream: at(2), effects: [] });
});

test("an event before the first welcome waits for it", () => {
  const { stream } = arrived(EMPTY, arrival(3));
  const step = welcomed(stream, { epoch: EPOCH, seq: 2, recovered: false, events: [event(1), event(2)] });
  assert.deepEqual(handed(step), [3]);
});

test("recovered without an epoch of ours is a snapshot all the same", () => {
  assert.deepEqual(kinds(welcomed(EMPTY, { epoch: EPOCH, seq: 1, recovered: true, events: [event(1)] })), ["snapshot"]);
});

test("what waits is bounded, the oldest stay", () => {
  let stream = at(0);
  for (let seq = 2; seq < 500; seq += 1) stream = arrived(stream, arrival(seq)).stream;
  assert.equal(stream.waiting.length, 200);
  assert.equal(stream.waiting[0].event.seq, 2);
});
