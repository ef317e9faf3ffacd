import { NONE, ended, offered } from "./offers.js";

/** @import {Env} from "./env.js" */
/** @import {Timer} from "./timer.js" */
/** @import {Bonus, Outcome, Progress} from "./types.js" */

/**
 * @typedef {object} Owner
 * @property {(bonus: Bonus) => void} changed  a new offer, or one that changed
 * @property {(bonusId: string) => void} acknowledge
 * @property {(bonusId: string) => boolean} isClaiming  a claim for it is waiting for its answer
 */

// All clients get a broadcast at once. Their acknowledgements are spread over this time, in milliseconds, for each connection of
// their user: one of them is enough, so a user with twenty tabs sends no more in a second than one with a single tab.
const ACKNOWLEDGE_TIMEOUT = 1_000;

/** The bonuses offered to this user. Reports each once, and again when it changes; acknowledges it once, if asked to. */
export class Bonuses {
  #env;
  #owner;
  #offers = NONE;
  /** @type {Set<Timer>} */
  #timers = new Set();

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
  }

  /** @param {Bonus} bonus */
  offer(bonus) {
    const isFirst = !this.#offers.get(bonus.bonus_id)?.bonus;
    if (isFirst && bonus.acknowledge) this.#acknowledgeSoon(bonus);
    // It may arrive after its window.
    const outcome = bonus.outcome ?? (this.#env.serverNow() >= bonus.expires_at ? "expired" : null);
    this.#take(offered(this.#offers, { ...bonus, outcome }));
  }

  /**
   * @param {string} bonusId
   * @param {Outcome} outcome
   * @param {Progress} [progress]
   */
  end(bonusId, outcome, progress) {
    this.#take(ended(this.#offers, bonusId, outcome, progress));
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
    const now = this.#env.serverNow();
    const bonuses = [...this.#offers.values()].flatMap(({ bonus }) => bonus ?? []);
    return bonuses.filter(({ expires_at }) => now < expires_at).sort((a, b) => a.expires_at - b.expires_at);
  }

  /** Whether one waits until the user has seen enough: then its progress changes with what they see. */
  get waitsForSight() {
    return this.list.some(({ outcome, progress }) => !outcome && progress?.clock === "visible");
  }

  stop() {
    for (const timer of this.#timers) timer.stop();
    this.#timers.clear();
  }

  /** @param {import("./offers.js").Step} step */
  #take({ offers, changed }) {
    this.#offers = offers;
    if (changed) this.#owner.changed(changed);
  }

  /** @param {Bonus} bonus */
  #acknowledgeSoon(bonus) {
    const { random, connections } = this.#env;
    const timer = this.#env.timer();
    timer.set(() => {
      this.#timers.delete(timer);
      if (this.#needsAcknowledgement(bonus)) this.#owner.acknowledge(bonus.bonus_id);
    }, random() * ACKNOWLEDGE_TIMEOUT * connections());
    this.#timers.add(timer);
  }

  /**
   * A claim tells the server the same, and once the window is over the server does not push the offer again.
   *
   * @param {Bonus} bonus
   */
  #needsAcknowledgement({ bonus_id, expires_at }) {
    const isEnded = (this.#offers.get(bonus_id)?.outcome ?? null) !== null;
    return !isEnded && !this.#owner.isClaiming(bonus_id) && this.#env.serverNow() < expires_at;
  }
}
