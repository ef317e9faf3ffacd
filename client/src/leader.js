/** @import {Env} from "./env.js" */

/**
 * @typedef {object} Owner
 * @property {() => boolean} isOut   this tab has left the election, and asks now and then whether it hears a leader
 * @property {() => boolean} waits   a socket waits for the leader's line
 * @property {() => void} ask
 * @property {() => void} silent     the leader is not heard
 */

// In milliseconds: how often a tab looks whether the leader is there. Browsers run the timers of hidden pages once a second or
// a minute.
const LOOK = 500;
const LOOK_HIDDEN = 5_000;
const LOOK_OUT = 30_000;
// A leader that is not heard for more looks is frozen. One that loads, or a busy machine's, is silent for a second at most.
const MAX_SILENT = 2;

/** Looks whether the tab that leads is there. */
export class Leader {
  #env;
  #owner;
  #looking;
  /** Whether it was heard since the last look. */
  #isHeard = false;
  /** For how many looks it was not. */
  #silent = 0;
  /** A message is on its way to it. */
  #isWaiting = false;

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
    this.#looking = env.timer();
  }

  stop() {
    this.#looking.stop();
    this.#isWaiting = false;
    this.#silent = 0;
  }

  /** It passed something on. */
  heard() {
    this.#isHeard = true;
  }

  /** It named its line: an answer. */
  answered() {
    this.#isHeard = true;
    this.#isWaiting = false;
  }

  look() {
    const isSeen = this.#env.isSeen();
    this.#silent = this.#isHeard ? 0 : this.#silent + 1;
    this.#isHeard = false;
    // What another tab asked tells a hidden one as well.
    if (this.#silent > 0 || isSeen) this.#owner.ask();
    if (this.#silent > MAX_SILENT && !this.#owner.isOut()) {
      this.#silent = 0;
      this.#owner.silent();
    }
    const isUrgent = this.#isWaiting || isSeen || this.#silent > 0 || this.#owner.waits();
    this.#lookAfter(this.#owner.isOut() ? LOOK_OUT : isUrgent ? LOOK : LOOK_HIDDEN);
  }

  /** A message was sent that it may not take. */
  lookSoon() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#lookAfter(LOOK);
  }

  /** @param {number} milliseconds */
  #lookAfter(milliseconds) {
    this.#looking.set(() => this.look(), milliseconds);
  }
}
