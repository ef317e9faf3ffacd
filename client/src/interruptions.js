/** @import {Env} from "./env.js" */

// In milliseconds. A timer that is so much later tells that the page did not run meanwhile. Browsers run the timers of
// hidden pages once a minute: https://developer.chrome.com/blog/timer-throttling-in-chrome-88 (2026-11-29)
const TICK = 10_000;
const LATE = 10_000;
const LATE_IF_HIDDEN = 70_000;
// A connection that did not survive is noticed by then: a ping takes ten seconds.
const REMEMBER = 15_000;

/**
 * Guesses that this device alone was interrupted: it slept, the browser froze the page, or its network was gone. If the
 * connection is lost then, other clients have not lost theirs.
 */
export class Interruptions {
  #env;
  #noticed;
  #timer;
  /** When the page ran last, by both clocks; Infinity while it is not observed. */
  #ran = { now: Infinity, wall: Infinity };
  #wasHidden = false;
  #endedAt = -Infinity;

  /**
   * @param {Env} env
   * @param {() => void} noticed  the page did not run for a while
   */
  constructor(env, noticed) {
    this.#env = env;
    this.#noticed = noticed;
    this.#timer = env.timer();
  }

  /** Observe the page, while it has a connection. */
  start() {
    this.stop();
    this.#tick();
  }

  stop() {
    this.#timer.stop();
    this.#ran = { now: Infinity, wall: Infinity };
  }

  /** The page is hidden now: its timers may become slow. */
  hidden() {
    this.#wasHidden = true;
  }

  /** An interruption has ended just now. */
  ended() {
    this.#endedAt = this.#env.now();
  }

  /** Whether one ended just now. */
  endedRecently() {
    if (this.#isLate()) this.ended();
    return this.#env.now() - this.#endedAt <= REMEMBER;
  }

  #isLate() {
    // Some browsers stop the one clock while the device sleeps. The other one may have been set: then asking costs a ping.
    const { now, wall } = this.#read();
    return Math.max(now - this.#ran.now, wall - this.#ran.wall) > TICK + (this.#wasHidden ? LATE_IF_HIDDEN : LATE);
  }

  #read() {
    return { now: this.#env.now(), wall: this.#env.wall() };
  }

  #tick() {
    const isLate = this.#isLate();
    this.#ran = this.#read();
    this.#wasHidden = this.#env.isHidden();
    this.#timer.set(() => this.#tick(), TICK);
    if (!isLate) return;
    this.ended();
    this.#noticed();
  }
}
