/** What the page shows of its connection, as a pure function of what it knows. */

/** @import {Backlog, Status} from "../../client/src/types.js" */

/**
 * @typedef {object} StatusText
 * @property {string} word      the status, in the header
 * @property {boolean} isWell   there is nothing to explain
 * @property {string} trouble   a sentence; empty when there is nothing to explain
 * @property {string} next      when the next attempt is: the end of that sentence
 * @property {boolean} canWake  whether to show the button: no attempt is about to start
 * @property {boolean} canDismiss  it tells what has passed: the user has read it, and it goes
 * @property {string} waiting   how many requests have no answer; empty when it is too early to show
 */

const WORDS = { connecting: "Connecting…", online: "Online", offline: "Offline", stopped: "Stopped" };
// In milliseconds. Most answers arrive sooner, and a mark for each would flicker.
const SHOW_WAITING_AFTER = 1_000;

/**
 * @param {object} known
 * @param {Status} known.status
 * @param {Backlog} known.backlog
 * @param {number} known.waitingSince  local time when the backlog was last empty
 * @param {string} known.problem       of the HTTP API, empty when it answers
 * @param {string} known.removed       what the operator said when they removed this user; empty: they did not, or it was read
 * @param {number} now
 * @returns {StatusText}
 */
export function statusText({ status: { status, reason, code, retryAt }, backlog, waitingSince, problem, removed }, now) {
  const isOnline = status === "online";
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1_000);
  // When the client stops, the page asks for what is missing and explains it there.
  const current = isOnline ? onlineTrouble(backlog, problem) : status === "stopped" || code === "kicked" ? "" : sentence(reason);
  const trouble = current || (removed && `Removed by the operator: ${sentence(removed)}`);
  const isLate = !isOnline || backlog.isStuck || now - waitingSince >= SHOW_WAITING_AFTER;
  return {
    word: WORDS[status],
    isWell: isOnline && current === "",
    trouble,
    // The operator's words stand for themselves.
    next: status === "offline" && code !== "kicked" && seconds > 0 ? `; next try in ${seconds} s` : "",
    canWake: status === "offline" && (retryAt === null || seconds > 2),
    canDismiss: isOnline && trouble !== current,
    waiting: backlog.count > 0 && isLate ? `${backlog.count} waiting` : "",
  };
}

/**
 * @param {Backlog} backlog
 * @param {string} problem
 */
function onlineTrouble({ isStuck }, problem) {
  if (isStuck) return "Online, but the server cannot save right now. Your actions are kept and sent again";
  return problem && `Online, but the lists are not up to date: ${problem}`;
}

/** @param {string} reason */
const sentence = (reason) => reason.charAt(0).toUpperCase() + reason.slice(1).replace(/\.$/u, "");
