/**
 * @typedef {object} Owner
 * @property {() => void} led   this tab leads now
 * @property {() => void} lost  another tab took the lead
 */

/**
 * Which tab of the browser leads: the one that holds a lock of this name. The browser passes it on when that tab is closed
 * or crashes: https://w3c.github.io/web-locks (2026-11-30).
 */
export class Election {
  #locks;
  #name;
  #owner;
  #isOver = false;
  #waiting = new AbortController();
  /** Passes the lead on. */
  #release = () => {};

  /**
   * @param {LockManager} locks
   * @param {string} name
   * @param {Owner} owner
   */
  constructor(locks, name, owner) {
    this.#locks = locks;
    this.#name = name;
    this.#owner = owner;
  }

  /** Lead, if no tab does. Otherwise wait for the turn. Resolves with whether it leads; rejects where locks are denied. */
  async enter() {
    const leads = await this.#request({ ifAvailable: true }, () => {});
    if (!leads) this.#wait();
    return leads;
  }

  /** Take the lead from a tab that does not answer. */
  async steal() {
    this.#waiting.abort();
    if (!(await this.#request({ steal: true }, this.#owner.led).catch(() => false))) this.#wait();
  }

  leave() {
    this.#isOver = true;
    this.#waiting.abort();
    this.#release();
  }

  #wait() {
    if (this.#isOver) return;
    this.#waiting = new AbortController();
    this.#request({ signal: this.#waiting.signal }, this.#owner.led).catch(() => {});
  }

  /**
   * @param {LockOptions} options
   * @param {() => void} led
   * @returns {Promise<boolean>} whether this tab got the lock; rejects where locks are denied
   */
  #request(options, led) {
    return new Promise((decided, denied) => {
      let isHeld = false;
      const done = this.#locks.request(this.#name, options, (lock) => {
        isHeld = Boolean(lock) && !this.#isOver;
        decided(isHeld);
        if (!isHeld) return undefined;
        /** @type {Promise<void>} */
        const held = new Promise((release) => (this.#release = release));
        led();
        return held;
      });
      done.catch((error) => {
        // It was aborted here, or stolen, perhaps before this tab knew that it had it.
        if (error.name === "AbortError") decided(false);
        else denied(error);
        if (isHeld && !this.#isOver) this.#lost();
      });
    });
  }

  #lost() {
    this.#wait();
    this.#owner.lost();
  }
}
