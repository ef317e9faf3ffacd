/**
 * What this client knows of the server's clock. All values are milliseconds.
 *
 * @typedef {object} Clock
 * @property {number} offset     what to add to the local clock
 * @property {number} roundTrip  of the reply that gave the offset: the error is at most half of it
 * @property {number} at         local time of that reply
 */

/** @type {Clock} */
export const UNSET = { offset: 0, roundTrip: Infinity, at: 0 };

// A quick reply tells the time better than a slow one, but the two clocks drift apart. One millisecond per second is far
// more than real clocks drift, and lets a new reply replace the best one within a minute or two.
const DRIFT = 1 / 1_000;

/**
 * Learn from a reply: assume that the server read its clock halfway between sending and receiving.
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
