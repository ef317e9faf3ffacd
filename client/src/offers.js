/** @import {Bonus, Outcome} from "./types.js" */

/**
 * What this client knows of each bonus, by bonus_id; the one that changed last is at the end.
 *
 * @typedef {{bonus: Bonus|null, outcome: Outcome|null}} Known  bonus: null while only its outcome is known
 * @typedef {ReadonlyMap<string, Known>} Offers
 * @typedef {{offers: Offers, changed: Bonus|null}} Step  changed: the bonus to report, null when nothing is new
 */

/** @type {Offers} */
export const NONE = new Map();

// More than one user is offered at a time; the oldest are forgotten first.
const MAX_KEPT = 200;

/**
 * Take an offer: pushed, pushed twice by the queue, read from the stream, or brought by a welcome.
 *
 * An offer can be older than the outcome, so an offer without one does not remove it.
 *
 * @param {Offers} offers
 * @param {Bonus} bonus
 * @returns {Step}
 */
export const offered = (offers, bonus) => learn(offers, bonus.bonus_id, bonus, bonus.outcome ?? null);

/**
 * Take the outcome of a bonus, which may arrive before its offer.
 *
 * @param {Offers} offers
 * @param {string} bonusId
 * @param {Outcome} outcome
 * @returns {Step}
 */
export const ended = (offers, bonusId, outcome) => learn(offers, bonusId, offers.get(bonusId)?.bonus ?? null, outcome);

/**
 * A claimed bonus stays claimed. "too_early" describes a claim, not the bonus: it can still be claimed.
 *
 * @param {Outcome|null} known
 * @param {Outcome|null} next
 */
const latest = (known, next) =>
  known === "claimed" || known === "already_claimed" || next === null || next === "too_early" ? known : next;

/**
 * @param {Offers} offers
 * @param {string} bonusId
 * @param {Bonus|null} offer
 * @param {Outcome|null} next
 * @returns {Step}
 */
function learn(offers, bonusId, offer, next) {
  const before = offers.get(bonusId) ?? { bonus: null, outcome: null };
  const outcome = latest(before.outcome, next);
  const bonus = offer && { ...offer, outcome };
  const isChanged = bonus && (!before.bonus || terms(before.bonus) !== terms(bonus));
  const all = new Map(offers);
  all.delete(bonusId);
  all.set(bonusId, { bonus, outcome });
  return { offers: new Map([...all].slice(-MAX_KEPT)), changed: isChanged ? bonus : null };
}

/** @param {Bonus} bonus */
const terms = ({ reward, opens_at, expires_at, outcome }) => JSON.stringify([reward, opens_at, expires_at, outcome]);
