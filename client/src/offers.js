/** @import {Bonus, Outcome, Progress} from "./types.js" */

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
 * @param {Progress} [progress]  why it is not_eligible
 * @returns {Step}
 */
export function ended(offers, bonusId, outcome, progress) {
  const bonus = offers.get(bonusId)?.bonus ?? null;
  return learn(offers, bonusId, bonus && progress ? { ...bonus, progress } : bonus, outcome);
}

// They describe a claim, not the bonus: it can still be claimed.
const PASSING = ["too_early", "not_eligible"];

/**
 * A claimed bonus stays claimed.
 *
 * @param {Outcome|null} known
 * @param {Outcome|null} next
 */
const latest = (known, next) =>
  known === "claimed" || known === "already_claimed" || next === null || PASSING.includes(next) ? known : next;

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

/**
 * While the clock runs, only the moment counts at which it has run long enough.
 *
 * @param {Bonus} bonus
 */
const terms = ({ reward, opens_at, expires_at, outcome, left, progress }) =>
  JSON.stringify([reward, opens_at, expires_at, outcome, left, progress?.reached_at ?? progress?.watched_ms]);
