/** Ask again and again, but only while someone can see the answer. */

// In milliseconds.
const MAX_PAUSE = 30_000;

/**
 * @param {object} what
 * @param {number|(() => number)} what.every  in milliseconds; after failures longer, up to half a minute
 * @param {() => boolean} what.isShown  the page's own condition; a hidden page is not shown
 * @param {() => Promise<void>} what.ask
 * @param {(error: unknown) => void} what.report  with null when it works
 * @returns {() => Promise<void>} ask now, and go on from there
 */
export function poll({ every, isShown, ask, report }) {
  let failures = 0;
  let isAsking = false;
  let isWanted = false;
  /** @type {number|undefined} */
  let timer;
  const pause = () => {
    const least = typeof every === "function" ? every() : every;
    return isWanted ? 0 : Math.min(least * 2 ** failures, Math.max(least, MAX_PAUSE));
  };
  const isSeen = () => document.visibilityState !== "hidden" && isShown();
  const turn = async () => {
    clearTimeout(timer);
    isWanted = isAsking;
    if (isAsking || !isSeen()) return;
    isAsking = true;
    try {
      await ask();
      failures = 0;
      report(null);
    } catch (error) {
      failures += 1;
      report(error);
    } finally {
      isAsking = false;
      timer = window.setTimeout(turn, pause());
    }
  };
  document.addEventListener("visibilitychange", turn);
  return turn;
}
