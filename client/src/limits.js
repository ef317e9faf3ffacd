/**
 * What the server tells of the deployment in each welcome, in milliseconds.
 *
 * @typedef {object} Limits
 * @property {number|null} reconnectWithin  the window in which all lost clients come back; null: the server did not tell
 * @property {number} pingEvery             after so long without a message, send a ping
 * @property {number} rotateWithin          replace a connection before it is so old
 */

/**
 * What holds until the server tells. API Gateway closes a connection after ten minutes without a message (the protocol's
 * pings do not count), and after two hours in any case.
 *
 * @type {Limits}
 */
export const UNTOLD = { reconnectWithin: null, pingEvery: 4 * 60_000, rotateWithin: 115 * 60_000 };

// In milliseconds. A limit below that is a mistake, and following it would overload the server.
const MIN_LIMIT = 1_000;
// So is one above that: a longer timer than 24 days would end at once.
const MAX_LIMIT = 24 * 3_600_000;

/**
 * Read the limits in a welcome. Those that it does not have, an older server's, stay as untold.
 *
 * @param {{reconnect_within_ms?: number, ping_every_ms?: number, rotate_within_ms?: number}} welcome
 * @returns {Limits}
 */
export const told = ({ reconnect_within_ms, ping_every_ms, rotate_within_ms }) => ({
  reconnectWithin: valid(reconnect_within_ms) ?? UNTOLD.reconnectWithin,
  pingEvery: valid(ping_every_ms) ?? UNTOLD.pingEvery,
  rotateWithin: valid(rotate_within_ms) ?? UNTOLD.rotateWithin,
});

/** @param {any} milliseconds */
const valid = (milliseconds) =>
  Number.isFinite(milliseconds) && milliseconds >= MIN_LIMIT && milliseconds <= MAX_LIMIT ? milliseconds : null;
