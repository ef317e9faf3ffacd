/**
 * @typedef {object} Owner
 * @property {() => void} led   this tab leads now
 * @property {() => void} lost  another tab took the lead
 */

/**
 * Which tab of the browser leads: the one that holds a lock of this name. The browser passes it on when that tab is closed
 * or crashes: https://w3c.github.io/web-locks (2026-11-30). A tab that the user sees holds a lock of its own as well, by which
 * the leader learns that it is gone. A hidden one holds none: Chrome does not freeze a page that does, to save energy
 * (https://github.com/francoisdoray/freezing-on-energy-saver, 2026-11-30).
 */
export class Election {
  #locks;
  #name;
  #tab;
  #owner;
  /** Ends what this tab waits for, and the lead. */
  #over = new AbortController();
  #waiting = new AbortController();
  /** @type {AbortController|null} ends this tab's own lock */
  #shown = null;
  /** @type {Promise<unknown>|undefined} done once this tab has that lock */
  #isShown;

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
    const leads = await this.#request({ ifAvailable: true });
    if (!leads) this.#wait();
    return leads;
  }

  /** Take the lead from a tab that does not answer. */
  async steal() {
    this.#waiting.abort();
    if (!(await this.#request({ steal: true }, this.#owner.led).catch(() => false))) this.#wait();
  }

  /**
   * Hold this tab's own lock while the user sees it. Resolves once that is done: then the leader may watch it.
   *
   * @param {boolean} isSeen
   */
  async shows(isSeen) {
    if (!isSeen) {
      this.#shown?.abort();
      this.#shown = null;
    } else if (!this.#shown) {
      const shown = (this.#shown = new AbortController());
      this.#isShown = this.#hold(this.#lockOf(this.#tab), {}, () => {}, shown.signal).catch(() => {});
    }
    if (isSeen) await this.#isShown;
  }

  /**
   * Call `gone` once another tab that the user sees is closed or has crashed.
   *
   * @param {string} tab
   * @param {() => void} gone
   * @returns {AbortController} ends that
   */
  watch(tab, gone) {
    const watching = new AbortController();
    this.#locks.request(this.#lockOf(tab), { signal: watching.signal }, gone).catch(() => {});
    return watching;
  }

  leave() {
    this.#waiting.abort();
    this.#over.abort();
    this.shows(false);
  }

  /** @param {string} tab */
  #lockOf(tab) {
    return `tab ${tab} of ${this.#name}`;
  }

  #wait() {
    if (this.#over.signal.aborted) return;
    this.#waiting = new AbortController();
    this.#request({ signal: this.#waiting.signal }, this.#owner.led).catch(() => {});
  }

  /**
   * @param {LockOptions} options
   * @param {() => void} [led]
   */
  #request(options, led = () => {}) {
    return this.#hold(this.#name, options, led, this.#over.signal);
  }

  /**
   * @param {string} name
   * @param {LockOptions} options
   * @param {() => void} got
   * @param {AbortSignal} until  give it up then
   * @returns {Promise<boolean>} whether this tab got the lock; rejects where locks are denied
   */
  #hold(name, options, got, until) {
    return new Promise((decided, denied) => {
      let isHeld = false;
      const done = this.#locks.request(name, options, (lock) => {
        isHeld = Boolean(lock) && !until.aborted;
        decided(isHeld);
        if (!isHeld) return undefined;
        got();
        return new Promise((release) => until.addEventListener("abort", release));
      });
      done.catch((error) => {
        // It was aborted here, or stolen, perhaps before this tab knew that it had it.
        if (error.name === "AbortError") decided(false);
        else denied(error);
        if (!isHeld || until.aborted) return;
        this.#wait();
        this.#owner.lost();
      });
    });
  }
}
