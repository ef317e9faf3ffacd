/** @import {Bonus} from "./types.js" */

// More than anyone is offered at once; the oldest are forgotten first.
const KNOWN = 200;

/**
 * Take an offer: pushed, pushed once more by a queue that delivers twice, or brought by a welcome.
 *
 * @param {ReadonlyMap<string, Bonus>} known  what was told, by bonus_id
 * @param {Bonus} bonus
 * @returns {{known: ReadonlyMap<string, Bonus>, isNews: boolean}}
 */
export function offered(known, bonus) {
  const before = known.get(bonus.bonus_id);
  if (before && !isNews(before, bonus)) return { known, isNews: false };
  const others = [...known.values()].filter(({ bonus_id }) => bonus_id !== bonus.bonus_id);
  const kept = [...others, { ...bonus }].slice(-KNOWN);
  return { known: new Map(kept.map((one) => [one.bonus_id, one])), isNews: true };
}

/**
 * A push does not know an outcome, so one that comes late does not take it back.
 *
 * @param {Bonus} before
 * @param {Bonus} bonus
 */
const isNews = (before, bonus) =>
  offer(before) !== offer(bonus) || ((bonus.outcome ?? null) !== null && bonus.outcome !== before.outcome);

/** @param {Bonus} bonus */
const offer = ({ reward, opens_at, expires_at }) => JSON.stringify([reward, opens_at, expires_at]);
