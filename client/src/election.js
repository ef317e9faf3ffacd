/**
 * @typedef {object} Owner
 * @property {() => void} led   this tab leads now
 * @property {() => void} lost  another tab took the lead
 */

/**
 * Which tab of the browser leads: the one that holds a lock of this name. The browser passes it on when that tab is closed
 * or crashes: https://w3c.github.io/web-locks (2026-11-30). Each tab holds a lock of its own as well, by which the others
 * learn that it is gone.
 */
export class Election {
  #locks;
  #name;
  #tab;
  #owner;
  /** Gives up what this tab waits for, and what it holds. */
  #over = new AbortController();
  #waiting = new AbortController();

  /**
   * @param {LockManager} locks
   * @param {string} name
   * @param {string} tab  this one
   * @param {Owner} owner
   */
  constructor(locks, name, tab, owner) {
    this.#locks = locks;
    this.#name = name;
    this.#tab = tab;
    this.#owner = owner;
  }

  /** Lead, if no tab does. Otherwise wait for the turn. Resolves with whether it leads; rejects where locks are denied. */
  async enter() {
    // Before the others hear of this tab: they would take it for gone.
    await this.#request(this.#lockOf(this.#tab), {}, () => {});
    const leads = await this.#request(this.#name, { ifAvailable: true }, () => {});
    if (!leads) this.#wait();
    return leads;
  }

  /** Take the lead from a tab that does not answer. */
  async steal() {
    this.#waiting.abort();
    if (!(await this.#request(this.#name, { steal: true }, this.#owner.led).catch(() => false))) this.#wait();
  }

  /**
   * Call `gone` once another tab has left, is closed, or has crashed.
   *
   * @param {string} tab
   * @param {() => void} gone
   */
  watch(tab, gone) {
    this.#locks.request(this.#lockOf(tab), { signal: this.#over.signal }, gone).catch(() => {});
  }

  leave() {
    this.#waiting.abort();
    this.#over.abort();
  }

  /** @param {string} tab */
  #lockOf(tab) {
    return `tab ${tab} of ${this.#name}`;
  }

  #wait() {
    if (this.#over.signal.aborted) return;
    this.#waiting = new AbortController();
    this.#request(this.#name, { signal: this.#waiting.signal }, this.#owner.led).catch(() => {});
  }

  /**
   * @param {string} name
   * @param {LockOptions} options
   * @param {() => void} led
   * @returns {Promise<boolean>} whether this tab got the lock; rejects where locks are denied
   */
  #request(name, options, led) {
    const over = this.#over.signal;
    return new Promise((decided, denied) => {
      let isHeld = false;
      const done = this.#locks.request(name, options, (lock) => {
        isHeld = Boolean(lock) && !over.aborted;
        decided(isHeld);
        if (!isHeld) return undefined;
        led();
        return new Promise((release) => over.addEventListener("abort", release));
      });
      done.catch((error) => {
        // It was aborted here, or stolen, perhaps before this tab knew that it had it.
        if (error.name === "AbortError") decided(false);
        else denied(error);
        if (!isHeld || over.aborted) return;
        this.#wait();
        this.#owner.lost();
      });
    });
  }
}
