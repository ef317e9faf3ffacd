/**
 * How long to wait before attempt `attempt` (0, 1, 2, …), in milliseconds: full jitter, drawn anew each time.
 *
 * API Gateway accepts 500 new connections a second, so 150,000 clients that lost theirs at once need a window of
 * 150,000 / 500 = 300 s. The window doubles up to that, so that a single lost line still comes back within a second.
 * Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param {number} attempt
 * @param {{base?: number, cap?: number, random?: () => number}} [options] base and cap in milliseconds
 */
export const delay = (attempt, { base = 1_000, cap = 300_000, random = Math.random } = {}) =>
  random() * Math.min(cap, base * 2 ** attempt);

/**
 * When to come again, in milliseconds, if the server says not to before `milliseconds`: all devices of a user are told that
 * at once.
 *
 * @param {number} milliseconds
 * @param {() => number} [random]
 */
export const after = (milliseconds, random = Math.random) => milliseconds + 500 * random();

/**
 * When to replace a connection that works: 90 to 115 minutes after it opened, in milliseconds.
 *
 * API Gateway ends every connection at two hours. Drawn at random, so that clients which came together do not
 * come back together.
 *
 * @param {() => number} [random]
 */
export const rotation = (random = Math.random) => (90 + 25 * random()) * 60_000;
