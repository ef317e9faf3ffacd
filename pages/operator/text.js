/** How the operator's page writes numbers, moments and states: pure functions. */

import { counted, momentText, rewardText } from "../demo/view.js";
import { shown } from "../demo/names.js";

export { counted, rewardText, shown };

/** @param {number|null|undefined} count */
export const number = (count) => (count === null || count === undefined ? "–" : count.toLocaleString("en"));

/**
 * A moment in the viewer's zone, and in UTC if that is another.
 *
 * @param {number} at
 * @param {number} now
 * @param {string} [locale]
 */
export function moment(at, now, locale) {
  const text = momentText(at, now, locale);
  return text.endsWith("UTC)") ? text : `${text} UTC`;
}

/** @param {number} milliseconds */
export function lengthText(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

/** @param {{audience: string, resource: string|null}} order */
export const audienceText = ({ audience, resource }) =>
  audience === "everyone" ? "everyone" : audience === "users" ? "listed users" : `viewers of ${shown(resource ?? "")}`;

/**
 * @param {{state: string, left: number|null, opens_at: number, expires_at: number}} bonus
 * @param {number} now  by the server's clock
 */
export function bonusState({ state, left, opens_at, expires_at }, now) {
  if (state === "upcoming") return `opens in ${lengthText(opens_at - now)}`;
  if (state !== "open") return state;
  return left === 0 ? "sold out" : `open, ${lengthText(expires_at - now)} left`;
}

/**
 * @param {{state: string, opens_at: number, expires_at: number}} question
 * @param {number} now  by the server's clock
 */
export function questionState({ state, opens_at, expires_at }, now) {
  if (state === "upcoming") return `opens in ${lengthText(opens_at - now)}`;
  return state === "open" && now < expires_at ? `open, ${lengthText(expires_at - now)} left` : state;
}

/**
 * The options with how many users chose each, and which is right.
 *
 * @param {{options: string[], correct: number|null, tally?: number[]}} question
 */
export const tallyText = ({ options, correct, tally }) =>
  options.map((option, n) => `${n === correct ? "✓ " : ""}${shown(option)}${tally ? `: ${number(tally[n])}` : ""}`).join(" · ");

/**
 * @param {{sent: number, gone: number, undelivered: number, dropped: number, is_done: boolean}|null} progress
 */
export function toldText(progress) {
  if (!progress) return "–";
  const { sent, undelivered, dropped, is_done } = progress;
  const missed = undelivered + dropped;
  return `${number(sent)}${is_done ? "" : "…"}${missed ? `, ${number(missed)} missed` : ""}`;
}

/**
 * Claims a second, since the window opened.
 *
 * @param {{claimed: number, opens_at: number, expires_at: number}} bonus
 * @param {number} now  by the server's clock
 */
export function claimRate({ claimed, opens_at, expires_at }, now) {
  const seconds = (Math.min(now, expires_at) - opens_at) / 1_000;
  return seconds < 1 ? "–" : rate(claimed / seconds);
}

/** @param {number} perSecond */
export function rate(perSecond) {
  if (perSecond >= 9.95) return number(Math.round(perSecond));
  return perSecond === 0 || perSecond >= 0.1 ? perSecond.toFixed(1) : perSecond.toPrecision(1);
}

/**
 * What a broadcast to an audience comes to.
 *
 * @param {{users: number, connections: number, perSecond: number, seconds: number}} known
 */
export function estimateText({ users, connections, perSecond, seconds }) {
  const people = `${number(users)} ${users === 1 ? "person" : "people"} on ${counted(connections, "connection").replace(String(connections), number(connections))}`;
  const takes = Math.ceil(connections / perSecond);
  const reached = Math.min(connections, Math.floor(perSecond * seconds));
  const whole = `told within ${takes <= 1 ? "a second" : `${number(takes)} seconds`}`;
  return reached < connections ? `${people}: only ${number(reached)} are told before it expires.` : `${people}, ${whole}.`;
}

/** @param {{swept_at: number|null, server_now: number}} work */
export function sweepText({ swept_at, server_now }) {
  if (swept_at === null) return "has not run yet";
  const late = server_now - swept_at > 180_000 ? " – late" : "";
  return `last cycle ${lengthText(server_now - swept_at)} ago${late}`;
}

/**
 * @param {number|null} since
 * @param {number} now
 */
export const waitingText = (since, now) => (since === null || now - since < 5_000 ? "nothing waits" : `waits since ${lengthText(now - since)} – late`);

// As much of a body as a row has room for.
const MAX_SHOWN = 200;

/** @param {string} text */
export const shortened = (text) => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);

/**
 * The text that an operator sees of news, whose body is any JSON.
 *
 * @param {any} body
 */
export const newsText = (body) => (typeof body?.text === "string" ? body.text : JSON.stringify(body));

/**
 * What each milestone takes and brings, and how often it was awarded.
 *
 * @param {{watched_seconds: number, days?: number|null, repeats: boolean, reward: any, awarded: number}[]} milestones
 */
export const milestonesText = (milestones) =>
  milestones
    .map(({ watched_seconds, days, repeats, reward, awarded }) => {
      const takes = lengthText(1_000 * watched_seconds) + (days ? ` on ${counted(days, "day")} in a row` : "");
      return `${repeats ? "each " : ""}${takes}: ${rewardText(reward)} (${number(awarded)})`;
    })
    .join(" · ");

/**
 * What failed lately, each way by itself.
 *
 * @param {{source: string, code: string, count: number, last_at: number}[]} errors
 * @param {number} now
 */
export const errorTexts = (errors, now) =>
  errors.map(({ source, code, count, last_at }) => `${source}, ${code.replaceAll("_", " ")}: ${number(count)}, last ${lengthText(now - last_at)} ago`);

/** @type {Record<string, string>} */
const OFF_BY = { order: "by order", gone: "it answered 410", failing: "it took nothing for five days", behind: "it had not had events that were deleted" };

/**
 * @param {{off_at: number|null, off_by: string|null, failing_since: number|null}} webhook
 * @param {number} now
 */
export function webhookState({ off_at, off_by, failing_since }, now) {
  if (off_at !== null) return `off: ${OFF_BY[off_by ?? ""] ?? off_by}`;
  return failing_since === null ? "on" : `failing for ${lengthText(now - failing_since)}`;
}

/**
 * What came of the last attempt.
 *
 * @param {{status: number|null, error: string|null}} delivery
 */
export function deliveryText({ status, error }) {
  if (error === null || error === "status") return status === null ? "–" : `answered ${status}`;
  return error.replaceAll("_", " ");
}
