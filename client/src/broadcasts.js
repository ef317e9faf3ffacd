/** @import {News, Place, Welcome} from "./types.js" */

/**
 * How far this client has followed the broadcasts to its audience.
 *
 * @typedef {object} Broadcasts
 * @property {string|null} epoch     null before the first welcome
 * @property {string|null} resource  what the connection watches
 * @property {number|null} seq       of the last welcome, up to which nothing is missing; null: a new welcome is needed
 * @property {number[]} received     seqs pushed since, oldest first
 * @property {number[]} missing      seqs after the welcome's that others follow, and that did not arrive
 * @property {number[]} delivered    seqs of the news already reported or cancelled, oldest first
 *
 * @typedef {{broadcasts: Broadcasts, news: News[], isBehind: boolean}} Step
 *   news: to be reported now, in order; isBehind: something is missing, so say hello {broadcasts_since} again
 */

/** @type {Broadcasts} */
export const NOTHING = { epoch: null, resource: null, seq: null, received: [], missing: [], delivered: [] };

// Far more than arrive between two welcomes. A seq that is forgotten and then followed costs one hello too many.
const MAX_KEPT = 200;

/**
 * Take a welcome: it has all missing news that has not expired.
 *
 * If the ticket leads to another resource, news older than the previous welcome may be valid there: then ask for it.
 *
 * @param {Broadcasts} before
 * @param {Pick<Welcome, "epoch"|"resource"|"broadcasts">} welcome
 * @returns {Step}
 */
export function welcomed(before, { epoch, resource, broadcasts: { seq, news } }) {
  const same = before.epoch === null || before.epoch === epoch ? before : NOTHING;
  const isElsewhere = same.seq !== null && same.resource !== resource;
  const isLater = (/** @type {number} */ one) => one > seq;
  const after = {
    ...same,
    epoch,
    resource,
    seq: isElsewhere ? null : seq,
    received: same.received.filter(isLater),
    missing: same.missing.filter(isLater),
  };
  return step(after, news, isElsewhere);
}

/**
 * Take a pushed place in the stream of broadcasts, and the news at that place, if it is news.
 *
 * @param {Broadcasts} before
 * @param {Place} place
 * @param {News[]} [news]
 * @returns {Step}
 */
export function pushed(before, { seq, follows }, news = []) {
  const isKnown = (/** @type {number} */ one) => one <= (before.seq ?? 0) || before.received.includes(one);
  if (isKnown(seq)) return step(before, news);
  const others = before.missing.filter((one) => one !== seq);
  const missing = isKnown(follows) ? others : [...others, follows];
  return step({ ...before, received: [...before.received, seq], missing }, news);
}

/**
 * Note what the connection watches now. If that is new, the client has to ask for the news that is valid there.
 *
 * @param {Broadcasts} before
 * @param {string} resource
 * @returns {Broadcasts}
 */
export const moved = (before, resource) =>
  resource === before.resource ? before : { ...before, resource, seq: null };

/**
 * @param {Broadcasts} broadcasts
 * @param {News[]} arrived
 * @param {boolean} [isElsewhere]
 * @returns {Step}
 */
function step({ received, missing, delivered, ...rest }, arrived, isElsewhere = false) {
  const cancelled = arrived.flatMap(({ cancels }) => cancels ?? []);
  const news = arrived.filter(({ seq }) => ![...delivered, ...cancelled].includes(seq)).sort((a, b) => a.seq - b.seq);
  const seqs = {
    received: last(received),
    missing: last(missing),
    delivered: last([...delivered, ...news.map(({ seq }) => seq), ...cancelled]),
  };
  return { broadcasts: { ...rest, ...seqs }, news, isBehind: isElsewhere || (rest.seq !== null && missing.length > 0) };
}

/** @param {number[]} seqs */
const last = (seqs) => seqs.slice(-MAX_KEPT);
