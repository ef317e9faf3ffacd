/** @import {Bonus, Outcome} from "./types.js" */

/**
 * What is known of each bonus, by bonus_id, the one heard of last at the end.
 *
 * @typedef {{bonus: Bonus|null, outcome: Outcome|null}} Known  bonus: null while only its outcome was heard of
 * @typedef {ReadonlyMap<string, Known>} Offers
 * @typedef {{offers: Offers, news: Bonus|null}} Step  news: to be told, null when that was told before
 */

/** @type {Offers} */
export const NONE = new Map();

// More than anyone is offered at once; the oldest are forgotten first.
const KEPT = 200;

/**
 * Take an offer: pushed, pushed once more by a queue that delivers twice, in the stream, or brought by a welcome.
 *
 * Whoever offers may not know the outcome yet, so an offer without one does not take it back.
 *
 * @param {Offers} offers
 * @param {Bonus} bonus
 * @returns {Step}
 */
export const offered = (offers, bonus) => learn(offers, bonus.bonus_id, bonus, bonus.outcome ?? null);

/**
 * Take what was heard of a bonus' end, maybe before its offer.
 *
 * @param {Offers} offers
 * @param {string} bonusId
 * @param {Outcome} outcome
 * @returns {Step}
 */
export const ended = (offers, bonusId, outcome) => learn(offers, bonusId, offers.get(bonusId)?.bonus ?? null, outcome);

/**
 * Claimed stays claimed; and "too early" is said of a claim, not of the bonus: it can be claimed yet.
 *
 * @param {Outcome|null} known
 * @param {Outcome|null} heard
 */
const settled = (known, heard) =>
  known === "claimed" || known === "already_claimed" || heard === null || heard === "too_early" ? known : heard;

/**
 * @param {Offers} offers
 * @param {string} bonusId
 * @param {Bonus|null} offer
 * @param {Outcome|null} heard
 * @returns {Step}
 */
function learn(offers, bonusId, offer, heard) {
  const before = offers.get(bonusId) ?? { bonus: null, outcome: null };
  const outcome = settled(before.outcome, heard);
  const bonus = offer && { ...offer, outcome };
  const isNews = bonus && (!before.bonus || terms(before.bonus) !== terms(bonus));
  const all = new Map(offers);
  all.delete(bonusId);
  all.set(bonusId, { bonus, outcome });
  return { offers: new Map([...all].slice(-KEPT)), news: isNews ? bonus : null };
}

/** @param {Bonus} bonus */
const terms = ({ reward, opens_at, expires_at, outcome }) => JSON.stringify([reward, opens_at, expires_at, outcome]);
