import { NONE, ended, offered } from "./offers.js";

/** @import {Bonus, Outcome, Timers} from "./types.js" */

/**
 * @typedef {object} Options
 * @property {(bonus: Bonus) => void} told  an offer, or one that changed
 * @property {(bonusId: string) => void} acknowledge
 * @property {(bonusId: string) => boolean} isClaiming  a claim for it has no answer yet
 * @property {() => number} serverNow
 * @property {() => number} random
 * @property {Timers} timers
 */

// Everybody is shown a broadcast at once; their acknowledgements need not come so.
const ACKNOWLEDGE_TIMEOUT = 1_000;

/** The bonuses this user was offered: each told once, and again when it changed; acknowledged once, if that is asked for. */
export class Bonuses {
  #options;
  #offers = NONE;
  /** @type {Set<any>} */
  #timers = new Set();

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {Bonus} bonus */
  offer(bonus) {
    const isFirst = !this.#offers.get(bonus.bonus_id)?.bonus;
    if (isFirst && bonus.acknowledge) this.#acknowledgeSoon(bonus);
    this.#take(offered(this.#offers, bonus));
  }

  /**
   * @param {string} bonusId
   * @param {Outcome} outcome
   */
  end(bonusId, outcome) {
    this.#take(ended(this.#offers, bonusId, outcome));
  }

  stop() {
    for (const timer of this.#timers) this.#options.timers.clearTimeout(timer);
    this.#timers.clear();
  }

  /** @param {import("./offers.js").Step} step */
  #take({ offers, news }) {
    this.#offers = offers;
    if (news) this.#options.told(news);
  }

  /** @param {Bonus} bonus */
  #acknowledgeSoon(bonus) {
    const { timers, random, acknowledge } = this.#options;
    const timer = timers.setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#isWanted(bonus)) acknowledge(bonus.bonus_id);
    }, random() * ACKNOWLEDGE_TIMEOUT);
    this.#timers.add(timer);
  }

  /**
   * A claim says as much, and nothing is pushed again once the window is over.
   *
   * @param {Bonus} bonus
   */
  #isWanted({ bonus_id, expires_at }) {
    const { isClaiming, serverNow } = this.#options;
    const isEnded = (this.#offers.get(bonus_id)?.outcome ?? null) !== null;
    return !isEnded && !isClaiming(bonus_id) && serverNow() < expires_at;
  }
}
