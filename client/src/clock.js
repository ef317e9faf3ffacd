/**
 * The server's clock, as far as this client knows it. Times and spans are milliseconds.
 *
 * @typedef {object} Clock
 * @property {number} offset     what to add to the local clock
 * @property {number} roundTrip  of the reply the offset was taken from: it is at most half of this wrong
 * @property {number} at         local time of that reply
 */

/** @type {Clock} */
export const UNSET = { offset: 0, roundTrip: Infinity, at: 0 };

// A quick reply tells the time better than a slow one, but two clocks drift apart: one millisecond in a second is
// far more than real clocks do, and lets a fresh reply replace the best one within a minute or two.
const DRIFT = 1 / 1_000;

/**
 * Learn from a reply: the server read its clock halfway between sending and receiving.
 *
 * @param {Clock} clock
 * @param {{sentAt: number, receivedAt: number, serverNow: number}} reply
 * @returns {Clock}
 */
export function learn(clock, { sentAt, receivedAt, serverNow }) {
  const roundTrip = receivedAt - sentAt;
  if (!(roundTrip >= 0)) return clock;
  const age = Math.abs(receivedAt - clock.at);
  if (roundTrip > clock.roundTrip + age * DRIFT) return clock;
  return { offset: serverNow - sentAt - roundTrip / 2, roundTrip, at: receivedAt };
}
