import { merge } from "./merge.js";

/** @import {StreamEvent, Welcome} from "./types.js" */

/**
 * How far this client has followed its user's stream, and the user's state at that point.
 *
 * @typedef {object} Stream
 * @property {string|null} epoch  null before the first welcome
 * @property {number} seq         of the last event reported
 * @property {object} state       as of `seq`; a new object whenever it may have changed
 * @property {Waiting[]} waiting  events that arrived before one they follow, by seq
 *
 * @typedef {{epoch: string, event: StreamEvent}} Waiting
 *
 * @typedef {{type: "event", event: StreamEvent}
 *   | {type: "snapshot", seq: number, events: StreamEvent[]}
 *   | {type: "gap"}} Effect  gap: something is missing, so say hello {since, epoch} again
 *
 * @typedef {{stream: Stream, effects: Effect[]}} Step
 */

/** @type {Stream} */
export const EMPTY = { epoch: null, seq: 0, state: {}, waiting: [] };

// The client asks again for events that do not fit.
const MAX_WAITING = 200;

/**
 * Take a welcome: the missed events, or a snapshot that replaces everything.
 *
 * Events pushed while the answer was on its way may be newer than it; they waited, and follow now.
 *
 * @param {Stream} stream
 * @param {Pick<Welcome, "epoch"|"seq"|"recovered"|"events"|"state">} welcome
 * @returns {Step}
 */
export function welcomed(stream, { epoch, seq, recovered, events, state }) {
  const waiting = stream.waiting.filter((one) => one.epoch === epoch);
  const isSameEpoch = epoch === stream.epoch;
  if (recovered && isSameEpoch) return recover({ ...stream, waiting }, { epoch, seq, events, state });
  const { stream: next, effects } = catchUp({ epoch, seq, state, waiting: [] }, waiting);
  // Either pushes overtook this snapshot, or the server lost events: the next welcome tells which.
  const isBack = isSameEpoch && next.seq < stream.seq;
  return { stream: next, effects: [{ type: "snapshot", seq, events }, ...effects, ...(isBack ? [GAP] : [])] };
}

/**
 * Take one event, pushed or in a reply. Report it if it is the next one, drop it if it is known; otherwise keep it and
 * report a gap.
 *
 * @param {Stream} stream
 * @param {Waiting} arrival
 * @returns {Step}
 */
export const arrived = (stream, arrival) => catchUp(stream, [arrival]);

/** @type {Effect} */
const GAP = { type: "gap" };

/**
 * @param {Stream} stream
 * @param {Pick<Welcome, "epoch"|"seq"|"events"|"state">} missed
 * @returns {Step}
 */
function recover({ waiting, ...stream }, { epoch, seq, events, state }) {
  const missed = catchUp({ ...stream, waiting: [] }, events.map((event) => ({ epoch, event })));
  // If pushes overtook the welcome, its state is older than ours.
  const isNow = missed.stream.seq === seq;
  const { stream: next, effects } = catchUp(isNow ? { ...missed.stream, state } : missed.stream, waiting);
  return { stream: next, effects: [...missed.effects, ...effects] };
}

/**
 * @param {Stream} stream
 * @param {Waiting[]} arrivals
 * @returns {Step}
 */
function catchUp(stream, arrivals) {
  let { seq, state } = stream;
  /** @type {Waiting[]} */
  const waiting = [];
  /** @type {Effect[]} */
  const effects = [];
  for (const one of [...stream.waiting, ...arrivals].sort((a, b) => a.event.seq - b.event.seq)) {
    const isSameEpoch = one.epoch === stream.epoch;
    if (isSameEpoch && one.event.seq <= seq) continue;
    if (isSameEpoch && one.event.seq === seq + 1) {
      seq += 1;
      if (one.event.patch) state = merge(state, one.event.patch);
      effects.push({ type: "event", event: one.event });
    } else {
      waiting.push(one);
    }
  }
  if (waiting.length > 0) effects.push(GAP);
  return { stream: { ...stream, seq, state, waiting: waiting.slice(0, MAX_WAITING) }, effects };
}
