import { after, delay, inWindow } from "./backoff.js";

// In milliseconds. After a connection that lived this long, the next loss starts with the shortest window again.
const STEADY = 10_000;
const SHORTEST_WINDOW = 1_000;
// A shorter one was welcomed all the same, so the server has room: these windows stay under 2 ** 3 = 8 s.
const MAX_FLAPS = 3;
// Without a window told, an event brings the next attempt within a second.
const WAKE_TIMEOUT = 1_000;

/**
 * When to try to connect again. It only decides; `Reconnector` has the timer.
 *
 * A client whose connection is lost cannot see whether all others lost theirs, too. So its next attempt falls into the
 * window that the server told beforehand, unless the cause is its own: its network was gone, or its device slept. Then no
 * others come with it, and it tries within a second.
 */
export class Schedule {
  /** The next attempt. */
  at = 0;

  #random;
  /** @type {number|null} */
  #told = null;
  /** The window of the first attempt after the last loss. */
  #window = SHORTEST_WINDOW;
  /** The end of the window that `at` was drawn from. */
  #end = 0;
  /** No attempt before this moment, because the server or the ticket endpoint said so. */
  #closedUntil = 0;
  #attempt = 0;
  #isOwn = false;
  #welcomedAt = 0;
  /** How many connections in a row were lost soon. */
  #flaps = 0;

  /** @param {() => number} random */
  constructor(random) {
    this.#random = random;
  }

  /** @param {number|null} window  in which clients come back after a loss; null: the server did not tell */
  tell(window) {
    this.#told = window;
  }

  /** @param {number} now */
  welcomed(now) {
    this.#welcomedAt = now;
    this.#attempt = 0;
    this.#isOwn = false;
  }

  /**
   * The connection that was welcomed is lost.
   *
   * @param {number} now
   */
  lost(now) {
    if (now - this.#welcomedAt >= STEADY) this.#flaps = 0;
    this.#window = SHORTEST_WINDOW * 2 ** this.#flaps;
    this.#flaps = Math.min(this.#flaps + 1, MAX_FLAPS);
    this.#attempt = 0;
  }

  /**
   * Allow no attempt for so many milliseconds.
   *
   * @param {number} now
   * @param {number} milliseconds
   */
  close(now, milliseconds) {
    this.#closedUntil = now + after(milliseconds, this.#random);
  }

  /**
   * Choose the next attempt, after a loss or a refusal.
   *
   * @param {number} now
   * @param {boolean} isOwn  this client alone is affected
   * @returns {number} its time
   */
  next(now, isOwn) {
    // An own cause says nothing about the window, so the next other cause starts with its first attempt.
    if (isOwn !== this.#isOwn && this.#told !== null) this.#attempt = 0;
    this.#isOwn = isOwn;
    const { wait, within } = this.#draw(this.#attempt++);
    this.#end = now + within;
    return this.#choose(now + wait);
  }

  /**
   * Choose the next attempt as the server said, after a connection that it closed.
   *
   * @param {number} now
   * @returns {number} its time
   */
  asTold(now) {
    this.#attempt = 0;
    this.#isOwn = false;
    this.#end = this.#choose(now);
    return this.at;
  }

  /**
   * Choose again, because an attempt may succeed now. It can only come earlier, and stays in its window.
   *
   * @param {number} now
   * @returns {number} its time
   */
  hasten(now) {
    const within = this.#told === null || this.#isOwn ? WAKE_TIMEOUT : Math.max(0, this.#end - now);
    return this.#choose(Math.min(this.at, now + this.#random() * within));
  }

  /** @param {number} at */
  #choose(at) {
    this.at = Math.max(at, this.#closedUntil);
    return this.at;
  }

  /** @param {number} attempt */
  #draw(attempt) {
    if (this.#told === null || this.#isOwn) {
      return { wait: delay(attempt, { base: this.#window, random: this.#random }), within: 0 };
    }
    return inWindow(attempt, Math.max(this.#told, this.#window), this.#random);
  }
}
