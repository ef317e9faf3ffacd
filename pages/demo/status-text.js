/** What the page says of its line to the server, as a pure function of what it knows. */

/** @import {Backlog, Status} from "../../client/src/types.js" */

/**
 * @typedef {object} Line
 * @property {string} word      the state, in the header
 * @property {boolean} isWell   nothing to explain
 * @property {string} trouble   a sentence, empty when there is nothing to explain
 * @property {string} next      what the trouble's sentence ends with: when the next attempt is
 * @property {boolean} canWake  an attempt is not due anyway
 * @property {string} waiting   how many requests have no answer
 */

const WORDS = { connecting: "Connecting…", online: "Online", offline: "Offline", stopped: "Stopped" };
// An answer comes within a blink, and a mark for each would only flicker.
const SHOW_WAITING_AFTER = 1_000;

/**
 * @param {object} known
 * @param {Status} known.status
 * @param {Backlog} known.backlog
 * @param {number} known.waitingSince  local time at which the backlog was empty last
 * @param {string} known.problem       of the HTTP API, empty when it answers
 * @param {number} now
 * @returns {Line}
 */
export function line({ status: { status, reason, retryAt }, backlog, waitingSince, problem }, now) {
  const isOnline = status === "online";
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1_000);
  // Once stopped, the page asks for what is missing, and says there why.
  const trouble = isOnline ? onlineTrouble(backlog, problem) : status === "stopped" ? "" : sentence(reason);
  const isLate = !isOnline || backlog.isStuck || now - waitingSince >= SHOW_WAITING_AFTER;
  return {
    word: WORDS[status],
    isWell: isOnline && trouble === "",
    trouble,
    next: status === "offline" && seconds > 0 ? `; next try in ${seconds} s` : "",
    canWake: status === "offline" && (retryAt === null || seconds > 2),
    waiting: backlog.count > 0 && isLate ? `${backlog.count} waiting` : "",
  };
}

/**
 * @param {Backlog} backlog
 * @param {string} problem
 */
function onlineTrouble({ isStuck }, problem) {
  if (isStuck) return "Online, but the server cannot save right now. What you did is kept, and sent again";
  return problem && `Online, but not everything here is up to date: ${problem}`;
}

/** @param {string} reason */
const sentence = (reason) => reason.charAt(0).toUpperCase() + reason.slice(1).replace(/\.$/u, "");
