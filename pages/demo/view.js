/** What the demo page shows, as pure functions of events and answers. */

import { shown } from "./names.js";

/** @import {Bonus, Campaign, LedgerEntry, Milestone, News, Outcome, StreamEvent} from "../../client/src/types.js" */

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
 * How far the user is towards the least watch time of a bonus, in percent.
 *
 * @param {NonNullable<Bonus["progress"]>} progress
 * @param {number} now  by the server's clock
 */
export const watchedPercent = (progress, now) => percent(progress.min_ms - toWatch(progress, now), progress.min_ms);

/**
 * @param {number} part
 * @param {number} whole
 */
const percent = (part, whole) => Math.max(0, Math.min(100, (100 * part) / whole));

/**
 * The order of the bonuses: what can be claimed, the first to expire first, then what comes, then what is over.
 *
 * @param {Bonus} one
 * @param {Bonus} other
 * @param {number} now  by the server's clock
 */
export const inOrder = (one, other, now) => rank(one, now) - rank(other, now) || one.expires_at - other.expires_at;

/**
 * @param {Bonus} bonus
 * @param {number} now
 */
function rank(bonus, now) {
  const at = ["open", "not_yet", "upcoming"].indexOf(phase(bonus, now));
  return at === -1 ? 3 : at;
}

/**
 * The document's title: the countdown of the bonus that expires first, while one can be claimed.
 *
 * @param {Bonus[]} bonuses
 * @param {number} now  by the server's clock
 */
export function titleText(bonuses, now) {
  const open = bonuses.filter((bonus) => phase(bonus, now) === "open").sort((one, other) => inOrder(one, other, now));
  if (open.length === 0) return "Headcount";
  const left = leftText(open[0].expires_at - now);
  return `${left}${left.includes(":") ? "" : " s"} – ${shown(rewardText(open[0].reward))} – Headcount`;
}

/** @param {number} milliseconds */
export function leftText(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1_000);
  return seconds < 100 ? String(seconds) : clockText(seconds * 1_000).replace(/^0:0?/, "");
}

/**
 * What a claim without an answer says: on its button, and beside it.
 *
 * @param {boolean} isOnline
 */
export const claimingText = (isOnline) =>
  isOnline ? { button: "Claiming…", outcome: "Claiming…" } : { button: "Waiting…", outcome: "It will be sent when you are back" };

/**
 * What a bonus says of itself.
 *
 * @param {Bonus} bonus
 * @param {Phase} phase
 * @param {number} now  by the server's clock
 */
export function phaseText({ progress, left }, phase, now) {
  if (phase === "open" && left) return `${left} left at most`;
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
 * The user first, then others.
 *
 * @template {{user_id: string}} P
 * @param {P[]} people
 * @param {string} user
 * @param {number} most
 */
export const firstNames = (people, user, most) =>
  [...people.filter(({ user_id }) => user_id === user), ...people.filter(({ user_id }) => user_id !== user)].slice(0, most);

/**
 * How far a user is on the way to a milestone.
 *
 * @param {Campaign} campaign
 * @param {Milestone} milestone
 * @param {number} watched  for the campaign up to now, in milliseconds
 * @returns {{percent: number, text: string}}
 */
export function milestoneProgress(campaign, { watched_seconds, days, repeats, awarded, days_in_a_row }, watched) {
  const whole = 1_000 * watched_seconds;
  if (days) return { percent: percent(days_in_a_row ?? 0, days), text: `${days_in_a_row ?? 0} of ${counted(days, "day")} in a row, ${minutes(whole)} each` };
  if (awarded > 0 && !repeats) return { percent: 100, text: "reached" };
  const had = repeats ? Math.max(0, watched - awarded * whole) : watched;
  const state = campaign.state === "running" ? "" : `, ${campaign.state}`;
  return { percent: percent(had, whole), text: `${clockText(Math.min(had, whole))} of ${minutes(whole)}${state}${awarded > 0 ? `, had ${counted(awarded, "time")}` : ""}` };
}

/** @param {number} milliseconds */
const minutes = (milliseconds) => (milliseconds < 120_000 ? `${Math.round(milliseconds / 1_000)} s` : `${Math.round(milliseconds / 60_000)} min`);

/** How high the bars of the stage's wall are, in percent. */
export const wallHeights = () => Array.from({ length: 26 }, (_, n) => Math.round(45 + 30 * Math.sin(n / 2.1) + 22 * Math.cos(1.7 * n)));

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

/**
 * A time in the viewer's zone, and in UTC if that is another.
 *
 * @param {number} moment
 * @param {number} now
 * @param {string} [locale]
 */
export function momentText(moment, now, locale) {
  const local = timeText(moment, now, locale);
  return new Date(moment).getTimezoneOffset() === 0 ? local : `${local} (${new Date(moment).toISOString().slice(11, 19)} UTC)`;
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
