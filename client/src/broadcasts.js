/** @import {News, Place, Welcome} from "./types.js" */

/**
 * How far this client has followed the broadcasts to its audience.
 *
 * @typedef {object} Broadcasts
 * @property {string|null} epoch     null before the first welcome
 * @property {string|null} resource  what the connection watches
 * @property {number|null} seq       of the last welcome: nothing up to it is missing; null: a welcome is due
 * @property {number[]} received     seqs that were pushed since, the oldest first
 * @property {number[]} missing      seqs after the welcome's that others follow, and that did not come
 * @property {number[]} told         seqs of the news that were told, the oldest first
 *
 * @typedef {{broadcasts: Broadcasts, news: News[], isBehind: boolean}} Step
 *   news: to be told now, in order; isBehind: say hello {broadcasts_since} again, something is missing
 */

/** @type {Broadcasts} */
export const NOTHING = { epoch: null, resource: null, seq: null, received: [], missing: [], told: [] };

// Far more than come between two welcomes. One that is forgotten and then followed is asked for without need.
const KEPT = 200;

/**
 * Take a welcome: it has every news that is missing, as far as it is not over.
 *
 * If the ticket led to another resource, news that is older than the welcome before may be good there: that is asked for.
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
 * Take a place in the stream of broadcasts that was pushed, and the news in it, if it was news.
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
 * The connection watches something, maybe what it watched before. If not, whatever news is good there has to be asked for.
 *
 * @param {Broadcasts} before
 * @param {string} resource
 * @returns {Broadcasts}
 */
export const moved = (before, resource) =>
  resource === before.resource ? before : { ...before, resource, seq: null };

/**
 * @param {Broadcasts} broadcasts
 * @param {News[]} heard
 * @param {boolean} [isElsewhere]
 * @returns {Step}
 */
function step({ received, missing, told, ...rest }, heard, isElsewhere = false) {
  const news = heard.filter(({ seq }) => !told.includes(seq)).sort((a, b) => a.seq - b.seq);
  const seqs = { received: last(received), missing: last(missing), told: last([...told, ...news.map(({ seq }) => seq)]) };
  return { broadcasts: { ...rest, ...seqs }, news, isBehind: isElsewhere || (rest.seq !== null && missing.length > 0) };
}

/** @param {number[]} seqs */
const last = (seqs) => seqs.slice(-KEPT);
