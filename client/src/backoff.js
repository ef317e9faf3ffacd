/** Random waiting times, in milliseconds: so that many clients do not come back at the same moment. */

/**
 * How long to wait before attempt `attempt` (0, 1, 2, …), in milliseconds. Full jitter: each attempt draws a new number.
 *
 * API Gateway accepts 500 new connections a second, so 150,000 clients that lose theirs together need a window of
 * 150,000 / 500 = 300 s. The window doubles up to that, so a single lost connection still comes back within a second.
 * Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param {number} attempt
 * @param {{base?: number, cap?: number, random?: () => number}} [options] base and cap in milliseconds
 */
export const delay = (attempt, { base = 1_000, cap = 300_000, random = Math.random } = {}) =>
  random() * Math.min(cap, base * 2 ** attempt);

/**
 * How long to wait, in milliseconds, when the server asks for at least `milliseconds`. All devices of a user get the same
 * answer at once, so each adds up to half a second of its own.
 *
 * @param {number} milliseconds
 * @param {() => number} [random]
 */
export const after = (milliseconds, random = Math.random) => milliseconds + 500 * random();

/**
 * When to replace a connection that works: 90 to 115 minutes after it opened, in milliseconds.
 *
 * API Gateway ends every connection after two hours. The random part spreads clients that connected together.
 *
 * @param {() => number} [random]
 */
export const rotation = (random = Math.random) => (90 + 25 * random()) * 60_000;
