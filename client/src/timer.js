/** @import {Timers} from "./types.js" */

/** One thing to do later. When it is set again, it forgets what it was to do before. */
export class Timer {
  #timers;
  /** @type {any} undefined: nothing is to be done */
  #timer;

  /** @param {Timers} timers */
  constructor(timers) {
    this.#timers = timers;
  }

  get isSet() {
    return this.#timer !== undefined;
  }

  /**
   * @param {() => void} callback
   * @param {number} milliseconds
   */
  set(callback, milliseconds) {
    this.stop();
    this.#timer = this.#timers.setTimeout(() => {
      this.#timer = undefined;
      callback();
    }, milliseconds);
  }

  stop() {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
