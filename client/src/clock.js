/**
 * What this client knows of the server's clock. All values are milliseconds, and local times those of a clock that is never set.
 *
 * @typedef {object} Clock
 * @property {number} least  what to add to the local time, at least: a message is written before it is received
 * @property {number} most   and at most: an answer is written after its request was sent
 * @property {number} at     local time of the message that was the last to tell
 */

/** @type {Clock} */
export const UNSET = { least: -Infinity, most: Infinity, at: 0 };

// The two clocks drift apart. One millisecond per second is far more than real clocks drift, and lets a new reply replace the
// best one within a minute or two.
const DRIFT = 1 / 1_000;

/**
 * Learn from a message. One that contradicts what is known tells that a clock has stopped, as some do while the device sleeps,
 * or was set: then it alone counts.
 *
 * @param {Clock} clock
 * @param {{sentAt?: number, receivedAt: number, serverNow: number}} message  sentAt: of the request that it answers, if its
 *   answer can be no other; NaN or left out otherwise
 * @returns {Clock}
 */
export function learn(clock, { sentAt = NaN, receivedAt, serverNow }) {
  const wider = Math.max(0, receivedAt - clock.at) * DRIFT;
  const told = { least: serverNow - receivedAt, most: Number.isNaN(sentAt) ? Infinity : serverNow - sentAt, at: receivedAt };
  const least = Math.max(told.least, clock.least - wider);
  const most = Math.min(told.most, clock.most + wider);
  return least <= most ? { least, most, at: receivedAt } : told;
}

/**
 * What to add to the local time: accurate to half of the quickest round trip.
 *
 * @param {Clock} clock  not UNSET
 */
export const offset = ({ least, most }) => (most === Infinity ? least : (least + most) / 2);
