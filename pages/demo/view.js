/** What the demo page shows, as pure functions of events and answers. */

/** @import {Bonus, LedgerEntry, News, Outcome, StreamEvent} from "../../client/src/types.js" */

// As many as a snapshot has, so a new tab shows the same as one that has been open for hours.
const MAX_KEPT = 100;

/** @typedef {"upcoming"|"not_yet"|"open"|Outcome} Phase */

/**
 * @param {StreamEvent[]} events
 * @param {StreamEvent} event
 */
export const append = (events, event) => [...events, event].slice(-MAX_KEPT);

/**
 * How often each reaction was sent.
 *
 * The state keeps the counts when the events are gone. A merge patch cannot add, so each reaction sets the new count. Two
 * tabs that react at once set the same count; the events show that there were two.
 *
 * @param {any} state
 * @param {StreamEvent[]} events
 */
export function reactions(state, events) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { type, body, patch } of events) {
    if (type === "react") counts[body.kind] = Math.max((counts[body.kind] ?? 0) + 1, reactionIn(patch, body.kind));
  }
  for (const kind of Object.keys(state.reactions ?? {})) counts[kind] = Math.max(counts[kind] ?? 0, reactionIn(state, kind));
  return counts;
}

/**
 * @param {string} kind
 * @param {number} count
 */
export const reactionPatch = (kind, count) => ({ reactions: { [kind]: count } });

/**
 * @param {any} stateOrPatch
 * @param {string} kind
 */
const reactionIn = (stateOrPatch, kind) => Number(stateOrPatch?.reactions?.[kind]) || 0;

/** @param {any} state */
export const noteText = (state) => (typeof state.note === "string" ? state.note : "");

/**
 * @param {Bonus} bonus
 * @param {number} now  by the server's clock
 * @returns {Phase}
 */
export function phase({ outcome, opens_at, expires_at, progress }, now) {
  if (outcome) return outcome;
  if (now >= expires_at) return "expired";
  if (now < opens_at) return "upcoming";
  return progress && now < (progress.reached_at ?? Infinity) ? "not_yet" : "open";
}

/**
 * How long the user has to go on watching before a bonus can be claimed.
 *
 * @param {NonNullable<Bonus["progress"]>} progress
 * @param {number} now  by the server's clock
 */
export const toWatch = ({ min_ms, watched_ms, reached_at }, now) =>
  reached_at === null ? min_ms - watched_ms : Math.max(0, reached_at - now);

/**
 * What a bonus says of itself.
 *
 * @param {Bonus} bonus
 * @param {Phase} phase
 * @param {number} now  by the server's clock
 */
export function phaseText({ progress, left }, phase, now) {
  if (phase === "open" && left) return `${PHASES.open}: ${left} left at most`;
  if (phase !== "not_yet" || !progress) return PHASES[phase];
  const minutes = Math.ceil(toWatch(progress, now) / 60_000);
  return `Keep watching: ${counted(minutes, "minute")} to go`;
}

/** @param {Phase} phase */
export const isClaimed = (phase) => phase === "claimed" || phase === "already_claimed";

/** @type {Record<Phase, string>} */
export const PHASES = {
  upcoming: "Opens soon",
  not_yet: "Keep watching",
  open: "Claim it before it expires",
  claimed: "Claimed",
  already_claimed: "Claimed",
  too_early: "Too early",
  expired: "Expired",
  sold_out: "Sold out",
  not_eligible: "Not for you",
  cancelled: "Cancelled",
  unknown_bonus: "No longer available",
};

/** @param {any} reward  any JSON; this page sends {"text": …} */
export const rewardText = (reward) => (typeof reward?.text === "string" ? reward.text : JSON.stringify(reward));

/**
 * News that has not expired, newest first.
 *
 * @param {News[]} news
 * @param {number} now  by the server's clock
 */
export const currentNews = (news, now) => news.filter(({ expires_at }) => now < expires_at).sort((a, b) => b.seq - a.seq);

/**
 * Our words, and behind them a text by a user, which is shown apart.
 *
 * @param {StreamEvent} event
 * @returns {{ours: string, theirs: string}}
 */
export function sentence({ type, body }) {
  if (type === "react") return { ours: `You sent a ${body.kind}`, theirs: "" };
  if (type === "note") return body.text ? { ours: "Note: ", theirs: String(body.text) } : { ours: "Note cleared", theirs: "" };
  if (type === "bonus.claimed") return { ours: "You claimed ", theirs: rewardText(body.reward) };
  if (type === "bonus.offered") return { ours: "You were offered ", theirs: rewardText(body.reward) };
  if (type === "bonus.fulfilled") return { ours: "You were given ", theirs: rewardText(body.reward) };
  if (type === "bonus.rejected") return { ours: "You were not given ", theirs: withReason(body) };
  return { ours: type, theirs: "" };
}

/** @type {Record<LedgerEntry["entry"], string>} */
const ENTRIES = {
  created: "Dropped: ",
  offered: "Offered to you: ",
  claimed: "Claimed: ",
  expired: "Expired: ",
  cancelled: "Cancelled: ",
  fulfilled: "Given to you: ",
  rejected: "Not given to you: ",
};

/**
 * @param {LedgerEntry} entry
 * @returns {{ours: string, theirs: string}}
 */
export const entryText = (entry) => ({ ours: ENTRIES[entry.entry] ?? `${entry.entry}: `, theirs: withReason(entry) });

/** @param {{reward: any, reason?: string|null}} given */
const withReason = ({ reward, reason }) => rewardText(reward) + (reason ? ` (${reason})` : "");

/** @type {Record<string, string>} */
const ENDS = {
  client: "closed",
  lost: "connection lost",
  idle: "idle for ten minutes",
  expired: "two-hour limit",
  swept: "connection lost",
  node_evicted: "connection lost",
  kicked: "ended by the operator",
  moved: "moved to another resource",
  divided: "goes on",
};

/** @param {string|null} endedBy  null: it has not ended */
export const endText = (endedBy) => (endedBy === null ? "–" : (ENDS[endedBy] ?? endedBy));

// The first match counts: most browsers name others, too.
const BROWSERS = { Edg: "Edge", OPR: "Opera", Firefox: "Firefox", Chrome: "Chrome", Safari: "Safari" };
const SYSTEMS = { iPhone: "iPhone", iPad: "iPad", Android: "Android", Windows: "Windows", "Mac OS": "Mac", Linux: "Linux" };

/**
 * The label of this device, such as "Firefox on Linux".
 *
 * @param {string} userAgent
 */
export function deviceText(userAgent) {
  const found = (/** @type {Record<string, string>} */ names) =>
    Object.entries(names).find(([sign]) => userAgent.includes(sign))?.[1];
  return [found(BROWSERS) ?? "A browser", found(SYSTEMS)].filter(Boolean).join(" on ");
}

/** @param {{closed: number, gone: number, unreachable: number}} kicked */
export const kickedText = ({ closed, gone, unreachable }) =>
  closed + gone + unreachable === 0 ? "No user of that name is online."
  : `${counted(closed + gone, "connection")} closed.${unreachable ? ` ${unreachable} could not be reached: try again.` : ""}`;

/** @param {{state: string, left: number|null}} numbers  of a bonus */
export const stateText = ({ state, left }) => (state === "open" && left === 0 ? "sold out" : state);

/**
 * How far a bonus has been sent.
 *
 * @param {{sent: number, gone: number, undelivered: number, dropped: number, is_done: boolean}} broadcast
 */
export function broadcastText({ sent, gone, undelivered, dropped, is_done }) {
  const others = Object.entries({ gone, "not reached": undelivered, "not tried": dropped }).filter(([, count]) => count > 0);
  const counts = [`to ${sent.toLocaleString("en")}`, ...others.map(([what, count]) => `${count.toLocaleString("en")} ${what}`)];
  return `${is_done ? "Sent" : "So far sent"} ${counts.join(", ")}.`;
}

/**
 * A time; on another day than today with its date.
 *
 * @param {number} moment
 * @param {number} now
 * @param {string} [locale]
 */
export function timeText(moment, now, locale) {
  const [date, today] = [new Date(moment), new Date(now)];
  const time = date.toLocaleTimeString(locale, { timeStyle: "medium" });
  if (date.toDateString() === today.toDateString()) return time;
  return `${date.toLocaleDateString(locale, { day: "numeric", month: "short" })}, ${time}`;
}

/** @param {number} milliseconds */
export function clockText(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/**
 * @param {number} count
 * @param {string} one
 */
export const counted = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
