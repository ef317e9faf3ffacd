/** How fast a bonus is claimed: claims per second, from its opening on. */

import { draw, erase } from "./chart.js";
import { setProblem } from "../demo/dom.js";
import { at, showRows } from "./dom.js";
import { poll } from "./poll.js";
import * as text from "./text.js";

/** @import {Page} from "./main.js" */
/** @import {Bonus} from "./bonuses.js" */
/** @import {Interval, Step} from "./chart.js" */

// In milliseconds.
const POLL_EVERY = 5_000;

/** @typedef {{at: number, claims: number}} Count */

/**
 * A step as it is drawn: as high from its beginning to its end.
 *
 * @param {Count[]} counts
 * @param {number} seconds  how long each is
 * @returns {Step[]}
 */
export const plateaus = (counts, seconds) =>
  counts.flatMap(({ at: begins, claims }) => [begins, begins + 1_000 * seconds].map((moment) => ({ at: moment, viewers: claims / seconds, peak_viewers: claims / seconds })));

/**
 * @param {Page} page
 * @returns {(bonus: Bonus) => Promise<void>} show its curve, and as long as it is open go on
 */
export function showClaimCurve(page) {
  /** @type {Bonus|null} */
  let bonus = null;
  let isRead = false;
  const isOpen = () => bonus !== null && bonus.state === "open" && page.now() < bonus.expires_at;
  const refresh = poll({
    every: POLL_EVERY,
    isShown: () => page.isSignedIn() && page.tab() === "bonuses" && bonus !== null && (!isRead || isOpen()),
    report: (error) => setProblem(at("curve-problem"), error ? "The curve is not up to date." : ""),
    ask: async () => {
      const asked = /** @type {Bonus} */ (bonus);
      const wasOpen = isOpen();
      const { items, step_seconds } = await page.api().get(`/bonuses/${asked.bonus_id}/claims/counts`);
      if (asked !== bonus) return;
      // Once more after its end.
      isRead = !wasOpen;
      showCurve(items, step_seconds);
    },
  });
  return (one) => {
    [bonus, isRead] = [one, false];
    showCurve([], null);
    return refresh();
  };
}

/**
 * @param {Count[]} items
 * @param {number|null} seconds
 */
function showCurve(items, seconds) {
  at("curve-table").hidden = items.length === 0;
  at("no-curve").hidden = items.length > 0;
  if (seconds === null) return erase(at("curve"));
  const steps = plateaus(items, seconds);
  const interval = { from: steps[0].at, to: steps[steps.length - 1].at };
  const since = (/** @type {number} */ moment) => text.lengthText(moment - interval.from);
  const most = items.reduce((one, other) => (other.claims > one.claims ? other : one));
  const words = `Claims per second over ${since(interval.to)} from the opening: ${text.rate(most.claims / seconds)} at the most, after ${since(most.at)}.`;
  draw(at("curve"), [{ name: "", steps }], [], interval, { summary: () => words, moment: since, level: text.rate, least: 1e-6 });
  showRows(at("curve-rows"), items, (one) => String(one.at), (one) => [since(one.at), text.number(one.claims), text.rate(one.claims / seconds)], [0, 1, 2]);
}
