/** What an operator types, as the API takes it. */

import { isBlank } from "../demo/names.js";
import { rewardText } from "../demo/view.js";
import { at } from "./dom.js";

/** @typedef {{kind: string, resource?: string, user_ids?: string[]}} Audience */

/** @param {string} lines */
export const listed = (lines) => [...new Set(lines.split("\n").map((line) => line.trim()).filter(Boolean))];

/**
 * The audience that a form has chosen, which also shows the fields that it needs.
 *
 * @param {string} form
 * @returns {Audience}
 */
export function audience(form) {
  const kind = at(`${form}-audience`).value;
  at(`${form}-resource-row`).hidden = kind !== "resource";
  if (at(`${form}-users-row`)) at(`${form}-users-row`).hidden = kind !== "users";
  if (kind === "resource") return { kind, resource: at(`${form}-resource`).value.trim() };
  return kind === "users" ? { kind, user_ids: listed(at(`${form}-users`).value) } : { kind };
}

/**
 * @param {Audience} given
 * @returns {Audience}
 */
export function checked(given) {
  if (given.resource === "") throw new Error("Name the resource.");
  if (given.user_ids?.length === 0) throw new Error("List at least one user.");
  return given;
}

/** @param {string} field */
export function readReward(field) {
  const words = at(field).value.trim();
  if (isBlank(words)) throw new Error("A reward needs a visible text.");
  return { text: words };
}

/**
 * The reward that a field says; one that was not touched stays as it was, whatever JSON it is.
 *
 * @param {string} words
 * @param {any} [before]
 */
export function rewardOf(words, before) {
  if (before && words === rewardText(before)) return before;
  if (isBlank(words)) throw new Error("A reward needs a visible text.");
  return { ...(typeof before?.text === "string" ? before : {}), text: words };
}

/**
 * A moment as a field of the viewer's zone has it, to the second.
 *
 * @param {number|null} moment
 */
export const local = (moment) => (moment === null ? "" : new Date(moment - new Date(moment).getTimezoneOffset() * 60_000).toISOString().slice(0, 19));

/**
 * The moment that a field says; one that was not touched stays as it was, to the millisecond.
 *
 * @param {string} value
 * @param {number|null} before
 */
export const momentOf = (value, before) => (value === local(before) ? before : value === "" ? null : new Date(value).getTime());

/** @param {string} value */
export const numberOf = (value) => (value === "" ? null : Number(value));
