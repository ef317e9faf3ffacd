import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, arrived, welcomed } from "../../client/src/stream.js";
import { EPOCH, event } from "./messages.mjs";

const at = (seq, waiting = [], state = {}) => ({ epoch: EPOCH, seq, state, waiting });
const arrival = (seq, epoch = EPOCH) => ({ epoch, event: event(seq) });
const recovery = (seq, events, state = {}) => ({ epoch: EPOCH, seq, recovered: true, events, state });
const snapshot = (seq, events, more) => ({ ...recovery(seq, events), recovered: false, ...more });
/** An event that sets `last` to its seq, and one member of its own. */
const patch = (seq) => ({ ...event(seq), patch: { last: seq, [seq]: true } });
const handed = ({ effects }) => effects.filter(({ type }) => type === "event").map((one) => one.event.seq);
const kinds = ({ effects }) => effects.map(({ type }) => type);

test("the first welcome is a snapshot", () => {
  const step = welcomed(EMPTY, snapshot(2, [event(1), event(2)]));
  assert.deepEqual(step, {
    stream: at(2),
    effects: [{ type: "snapshot", seq: 2, events: [event(1), event(2)] }],
  });
});

test("the next event is reported", () => {
  assert.deepEqual(handed(arrived(at(4), arrival(5))), [5]);
});

test("a known event is dropped", () => {
  assert.deepEqual(arrived(at(5), arrival(5)), { stream: at(5), effects: [] });
  assert.deepEqual(arrived(at(5), arrival(3)).effects, []);
});

test("an event after a gap waits, and the gap is reported", () => {
  const step = arrived(at(4), arrival(6));
  assert.deepEqual(kinds(step), ["gap"]);
  assert.deepEqual(step.stream, at(4, [arrival(6)]));
});

test("waiting events follow in order when the gap closes by itself", () => {
  const { stream } = arrived(arrived(at(4), arrival(7)).stream, arrival(6));
  const step = arrived(stream, arrival(5));
  assert.deepEqual(handed(step), [5, 6, 7]);
  assert.deepEqual(step.stream, at(7));
});

test("a recovered welcome brings the missed events, and waiting ones follow", () => {
  const step = welcomed(at(4, [arrival(7)]), recovery(6, [event(5), event(6)]));
  assert.deepEqual(handed(step), [5, 6, 7]);
  assert.deepEqual(step.stream, at(7));
});

test("a recovered welcome overtaken by pushes changes nothing", () => {
  const step = welcomed(at(6), recovery(5, [event(5)]));
  assert.deepEqual(step, { stream: at(6), effects: [] });
});

test("a welcome that leaves a gap reports it", () => {
  const step = welcomed(at(4, [arrival(9)]), recovery(5, [event(5)]));
  assert.deepEqual(kinds(step), ["event", "gap"]);
});

test("a welcome that is not recovered replaces everything with its snapshot", () => {
  const step = welcomed(at(4, [arrival(6)]), snapshot(300, [event(300)]));
  assert.deepEqual(kinds(step), ["snapshot"]);
  assert.deepEqual(step.stream, at(300));
});

test("an event of another epoch makes a gap, and follows the snapshot of that epoch", () => {
  const asked = arrived(at(40), arrival(3, "e2"));
  assert.deepEqual(kinds(asked), ["gap"]);
  const step = welcomed(asked.stream, snapshot(2, [event(1), event(2)], { epoch: "e2" }));
  assert.deepEqual(kinds(step), ["snapshot", "event"]);
  assert.deepEqual(step.stream, { ...at(3), epoch: "e2" });
});

test("the next welcome drops a late event of an earlier epoch", () => {
  const { stream } = arrived(at(2), arrival(9, "e0"));
  assert.deepEqual(welcomed(stream, recovery(2, [])), { stream: at(2), effects: [] });
});

test("an event before the first welcome waits for it", () => {
  const { stream } = arrived(EMPTY, arrival(3));
  const step = welcomed(stream, snapshot(2, [event(1), event(2)]));
  assert.deepEqual(handed(step), [3]);
});

test("without an epoch even a recovered welcome is a snapshot", () => {
  assert.deepEqual(kinds(welcomed(EMPTY, recovery(1, [event(1)]))), ["snapshot"]);
});

test("the waiting events are bounded, and the oldest stay", () => {
  let stream = at(0);
  for (let seq = 2; seq < 500; seq += 1) stream = arrived(stream, arrival(seq)).stream;
  assert.equal(stream.waiting.length, 200);
  assert.equal(stream.waiting[0].event.seq, 2);
});

test("a snapshot older than the stream is taken, and makes a gap", () => {
  const step = welcomed(at(9), snapshot(8, [event(8)]));
  assert.deepEqual(kinds(step), ["snapshot", "gap"]);
  assert.deepEqual(step.stream, at(8));
  assert.deepEqual(kinds(welcomed(at(8), snapshot(8, [event(8)]))), ["snapshot"]);
});

// The state.

test("a patch changes the state when its event is the next one", () => {
  const early = arrived(at(4, [], { note: "hi" }), { epoch: EPOCH, event: patch(6) });
  assert.deepEqual(early.stream.state, { note: "hi" });
  const step = arrived(early.stream, { epoch: EPOCH, event: patch(5) });
  assert.deepEqual(step.stream.state, { note: "hi", last: 6, 5: true, 6: true });
  assert.equal(arrived(step.stream, { epoch: EPOCH, event: patch(5) }).stream.state, step.stream.state);
});

test("a snapshot's state includes the patches of its events, and newer ones follow", () => {
  const { stream } = arrived(at(1, [], { old: true }), { epoch: EPOCH, event: patch(9) });
  const step = welcomed(stream, snapshot(8, [patch(7), patch(8)], { state: { last: 8 } }));
  assert.deepEqual(step.stream, at(9, [], { last: 9, 9: true }));
});

test("a recovered welcome's state replaces the client's, and waiting events change it", () => {
  const { stream } = arrived(at(4, [], { drifted: true }), { epoch: EPOCH, event: patch(7) });
  const step = welcomed(stream, recovery(6, [patch(5), patch(6)], { last: 6 }));
  assert.deepEqual(step.stream, at(7, [], { last: 7, 7: true }));
});

test("a welcome overtaken by pushes does not replace the state", () => {
  const step = welcomed(at(6, [], { last: 6 }), recovery(5, [patch(5)], { last: 5 }));
  assert.deepEqual(step.stream, at(6, [], { last: 6 }));
});

test("the state of another epoch replaces the client's", () => {
  assert.deepEqual(welcomed(at(6, [], { last: 6 }), snapshot(0, [], { epoch: "e2" })).stream.state, {});
});
