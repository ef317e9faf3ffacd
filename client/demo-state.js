/** What the demo page shows, as pure functions of what it was told. */

/** @import {Bonus, Outcome, StreamEvent} from "./types.js" */

// As many as the server's snapshot has: so a tab that was just opened shows what one that has been open for hours shows.
const KEPT = 100;

/** @typedef {"upcoming"|"open"|Outcome} Phase */

/**
 * @param {StreamEvent[]} events
 * @param {StreamEvent} event
 */
export const append = (events, event) => [...events, event].slice(-KEPT);

/**
 * The shared note and the count of each reaction.
 *
 * A reaction carries the count its tab had arrived at, so counting goes on where older events are forgotten, and two
 * tabs that react at once still count as two.
 *
 * @param {StreamEvent[]} events
 */
export function summary(events) {
  let note = "";
  /** @type {Record<string, number>} */
  const reactions = {};
  for (const { type, body } of events) {
    if (type === "note") note = String(body.text ?? "");
    if (type === "react") reactions[body.kind] = Math.max((reactions[body.kind] ?? 0) + 1, Number(body.count) || 0);
  }
  return { note, reactions };
}

/**
 * @param {Bonus} bonus
 * @param {number} now  by the server's clock
 * @returns {Phase}
 */
export function phase({ outcome, opens_at, expires_at }, now) {
  // The server says too_early of a claim, not of the bonus: it can be claimed yet.
  if (outcome && outcome !== "too_early") return outcome;
  if (now >= expires_at) return "expired";
  return now < opens_at ? "upcoming" : "open";
}

/** @type {Record<Phase, string>} */
export const PHASES = {
  upcoming: "Opens soon",
  open: "Yours if you are quick",
  claimed: "Claimed. It is yours",
  already_claimed: "Claimed. It is yours",
  too_early: "Too early",
  expired: "Expired",
  sold_out: "All gone",
  not_eligible: "Not for you this time",
  cancelled: "Withdrawn",
  unknown_bonus: "No longer there",
};

/** @param {any} reward  any JSON; this page drops {"text": …} */
export const rewardText = (reward) => (typeof reward?.text === "string" ? reward.text : JSON.stringify(reward));

/**
 * @param {StreamEvent} event
 * @returns {string}
 */
export function sentence({ type, body }) {
  if (type === "react") return `You sent a ${body.kind}`;
  if (type === "note") return body.text ? `Note: ${body.text}` : "Note cleared";
  if (type === "bonus.claimed") return `You claimed ${rewardText(body.reward)}`;
  return type;
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

/** @param {string} name  "ann" and "Ann Lee" give "A" and "AL" */
export const initials = (name) =>
  name
    .split(/[\s._-]+/u)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => [...word][0].toUpperCase())
    .join("");

/** @param {string} name  the same colour for the same name, everywhere, and far from its neighbours' */
export const hue = (name) => ([...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7) * 67) % 360;
