import { NONE, ended, offered } from "./offers.js";

/** @import {Bonus, Outcome, Timers} from "./types.js" */

/**
 * @typedef {object} Options
 * @property {(bonus: Bonus) => void} changed  a new offer, or one that changed
 * @property {(bonusId: string) => void} acknowledge
 * @property {(bonusId: string) => boolean} isClaiming  a claim for it is waiting for its answer
 * @property {() => number} connections  how many this user has
 * @property {() => number} serverNow
 * @property {() => number} random
 * @property {Timers} timers
 */

// All clients get a broadcast at once. Their acknowledgements are spread over this time, in milliseconds, for each connection of
// their user: one of them is enough, so a user with twenty tabs sends no more in a second than one with a single tab.
const ACKNOWLEDGE_TIMEOUT = 1_000;

/** The bonuses offered to this user. Reports each once, and again when it changes; acknowledges it once, if asked to. */
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

  /**
   * When the bonus can be claimed no more; Infinity if its offer is not known.
   *
   * @param {string} bonusId
   */
  expiresAt(bonusId) {
    return this.#offers.get(bonusId)?.bonus?.expires_at ?? Infinity;
  }

  /** The offers that are not over by the server's clock, the first to expire first. */
  get list() {
    const now = this.#options.serverNow();
    const bonuses = [...this.#offers.values()].flatMap(({ bonus }) => bonus ?? []);
    return bonuses.filter(({ expires_at }) => now < expires_at).sort((a, b) => a.expires_at - b.expires_at);
  }

  stop() {
    for (const timer of this.#timers) this.#options.timers.clearTimeout(timer);
    this.#timers.clear();
  }

  /** @param {import("./offers.js").Step} step */
  #take({ offers, changed }) {
    this.#offers = offers;
    if (changed) this.#options.changed(changed);
  }

  /** @param {Bonus} bonus */
  #acknowledgeSoon(bonus) {
    const { timers, random, acknowledge, connections } = this.#options;
    const timer = timers.setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#needsAcknowledgement(bonus)) acknowledge(bonus.bonus_id);
    }, random() * ACKNOWLEDGE_TIMEOUT * connections());
    this.#timers.add(timer);
  }

  /**
   * A claim tells the server the same, and once the window is over the server does not push the offer again.
   *
   * @param {Bonus} bonus
   */
  #needsAcknowledgement({ bonus_id, expires_at }) {
    const { isClaiming, serverNow } = this.#options;
    const isEnded = (this.#offers.get(bonus_id)?.outcome ?? null) !== null;
    return !isEnded && !isClaiming(bonus_id) && serverNow() < expires_at;
  }
}
