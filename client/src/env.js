import { Timer } from "./timer.js";

/** @import {Connection, Socket} from "./connection.js" */
/** @import {Options, Ticket} from "./types.js" */

/**
 * The surroundings of a client.
 *
 * @typedef {object} Surroundings
 * @property {() => number} random  from 0 to 1
 * @property {() => string} newId
 * @property {() => number} now     milliseconds by a clock that is never set
 * @property {() => number} wall    local time in milliseconds, which may be set
 * @property {() => Timer} timer    a new one
 *
 * What one part of a client asks of the others.
 *
 * @typedef {object} Parts
 * @property {() => Promise<Ticket>} ticket
 * @property {(url: string) => Socket} open
 * @property {() => Connection|null} current  the connection in use
 * @property {() => number} connections       how many this user has
 * @property {() => boolean} isClaimWaiting   a claim is to be sent, or sent again
 * @property {() => boolean} isHidden         this tab is
 * @property {() => boolean} isSeen           whether the user can see this tab's page
 * @property {() => number} serverNow
 *
 * @typedef {Surroundings & Parts} Env
 */

/**
 * @param {Options} options
 * @returns {Surroundings}
 */
export function surroundings({
  random = Math.random,
  newId = randomId,
  performance = globalThis.performance,
  now = Date.now,
  setTimeout = (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds),
  clearTimeout = (timer) => globalThis.clearTimeout(timer),
}) {
  return { random, newId, now: () => performance.now(), wall: now, timer: () => new Timer({ setTimeout, clearTimeout }) };
}

/** 128 random bits; crypto.randomUUID exists on https and localhost only. */
const randomId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
