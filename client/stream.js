/** @import {StreamEvent, Welcome, Claim} from "./types.js" */

/**
 * How far this client has followed its user's stream.
 *
 * @typedef {object} Stream
 * @property {string|null} epoch  null before the first welcome
 * @property {number} seq         of the last event handed on
 * @property {Waiting[]} waiting  events that came before one they follow, by seq
 *
 * @typedef {{epoch: string, event: StreamEvent}} Waiting
 *
 * @typedef {{type: "event", event: StreamEvent}
 *   | {type: "snapshot", seq: number, events: StreamEvent[]}
 *   | {type: "ask"}} Effect  ask: say hello {since, epoch} again, something is missing
 *
 * @typedef {{stream: Stream, effects: Effect[]}} Step
 */

/** @type {Stream} */
export const EMPTY = { epoch: null, seq: 0, waiting: [] };

// What does not fit is asked for again.
const WAITING_LIMIT = 200;

/**
 * Take a welcome: the events that were missed, or a snapshot that replaces everything.
 *
 * Events pushed while the answer was under way may be newer than it; they waited, and follow now.
 *
 * @param {Stream} stream
 * @param {Pick<Welcome, "epoch"|"seq"|"recovered"|"events">} welcome
 * @returns {Step}
 */
export function welcomed(stream, { epoch, seq, recovered, events }) {
  const waiting = stream.waiting.filter((one) => one.epoch === epoch);
  if (recovered && epoch === stream.epoch) {
    return catchUp({ ...stream, waiting }, events.map((event) => ({ epoch, event })));
  }
  const { stream: next, effects } = catchUp({ epoch, seq, waiting: [] }, waiting);
  return { stream: next, effects: [{ type: "snapshot", seq, events }, ...effects] };
}

/**
 * Take one event, pushed or in a reply: hand it on if it is the next, drop it if it was seen, else let it wait and ask.
 *
 * @param {Stream} stream
 * @param {Waiting} arrival
 * @returns {Step}
 */
export const arrived = (stream, arrival) => catchUp(stream, [arrival]);

/**
 * @param {Stream} stream
 * @param {Waiting[]} arrivals
 * @returns {Step}
 */
function catchUp(stream, arrivals) {
  let { seq } = stream;
  /** @type {Waiting[]} */
  const waiting = [];
  /** @type {Effect[]} */
  const effects = [];
  for (const one of [...stream.waiting, ...arrivals].sort((a, b) => a.event.seq - b.event.seq)) {
    const ours = one.epoch === stream.epoch;
    if (ours && one.event.seq <= seq) continue;
    if (ours && one.event.seq === seq + 1) {
      seq += 1;
      effects.push({ type: "event", event: one.event });
    } else {
      waiting.push(one);
    }
  }
  if (waiting.length > 0) effects.push({ type: "ask" });
  return { stream: { epoch: stream.epoch, seq, waiting: waiting.slice(0, WAITING_LIMIT) }, effects };
}
