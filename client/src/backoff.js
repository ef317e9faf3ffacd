/** Random waiting times, in milliseconds: so that many clients do not come back at the same moment. */

// In milliseconds. Also the first window of a client that the server told none.
const BASE = 1_000;
const CAP = 300_000;

/** In milliseconds: the windows after the gateway refused a message, because all clients together send too many. */
export const THROTTLED = { base: 4_000, cap: 30_000 };

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
export const delay = (attempt, { base = BASE, cap = CAP, random = Math.random } = {}) =>
  random() * widest(attempt, base, cap);

/**
 * The window that `delay` draws from.
 *
 * @param {number} attempt
 * @param {number} [base]
 * @param {number} [cap]
 */
const widest = (attempt, base = BASE, cap = CAP) => Math.min(cap, base * 2 ** attempt);

/**
 * How long to wait before attempt `attempt` after a loss, in a window that the server told, in milliseconds.
 *
 * A window is as long as the gateway needs for all clients. So the first attempt can be at any moment of it, and an attempt
 * that was refused is repeated one window later: whichever attempts are refused, no more than the gateway admits come
 * again at a time, and clients that were refused for a minute are all back a minute after the window. Later attempts draw
 * from windows of four times the first and more, up to five minutes, or to twice the first if that is longer: the mean
 * pause is never shorter than the window, so that the attempts of all clients stay below what the gateway admits.
 *
 * @param {number} attempt
 * @param {number} window  in milliseconds
 * @param {() => number} [random]
 * @returns {{wait: number, within: number}}  within: the window that `wait` is in
 */
export function inWindow(attempt, window, random = Math.random) {
  const within = widest(attempt, window, Math.max(CAP, 2 * window));
  return { wait: attempt === 1 ? window : random() * within, within };
}

/**
 * How long to wait, in milliseconds, when the server asks for at least `milliseconds`. All devices of a user get the same
 * answer at once, so each adds a time of its own: up to half a second for each connection of the user, and twice as much after
 * each refusal that follows. What is refused counts, too: coming back in less would have them all refused again.
 *
 * @param {number} milliseconds
 * @param {() => number} [random]
 * @param {{refusals?: number, connections?: number}} [options]  refusals: before this one
 */
export const after = (milliseconds, random = Math.random, { refusals = 0, connections = 1 } = {}) =>
  milliseconds + delay(refusals, { base: 500 * connections, cap: Math.max(30_000, 500 * connections), random });

/**
 * When to replace a connection that works, in milliseconds after it opened: in the last part of `within`. The random part
 * spreads clients that connected together.
 *
 * @param {() => number} [random]
 * @param {number} [within]  of 115 minutes it is 90 to 115
 */
export const rotation = (random = Math.random, within = 115 * 60_000) => (within * (90 + 25 * random())) / 115;
