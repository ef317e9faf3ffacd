/** Names that users choose: whether they are valid, and how they are shown. */

const MAX_LENGTH = 128;
// These change the reading direction: with one of them, a name can look like another user's.
const DIRECTION_MARKS = /[\u202A-\u202E\u2066-\u2069]/gu;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;
const LETTER = /[\p{L}\p{N}]/u;

/** @param {string} text */
export const isBlank = (text) => !VISIBLE.test(text);

/**
 * @param {string} name
 * @param {string} what  "name", say
 * @returns {string} empty when the name is valid
 */
export function problem(name, what) {
  const { length } = [...name];
  if (length > MAX_LENGTH) return `That ${what} is too long: ${length} characters. Use 1–${MAX_LENGTH}.`;
  return isBlank(name) ? `A ${what} needs 1–${MAX_LENGTH} characters, at least one of them visible.` : "";
}

/** @param {string} name  direction marks are replaced by a visible character */
export const shown = (name) => name.replace(DIRECTION_MARKS, "\uFFFD");

/** @param {string} name  "ann" and "Ann Lee" give "A" and "AL"; without letters, the first visible character */
export function initials(name) {
  const letters = name.split(/[\s._-]+/u).map((word) => [...word].find((sign) => LETTER.test(sign)));
  const found = letters.filter((letter) => letter !== undefined).slice(0, 2);
  return found.join("").toUpperCase() || ([...name].find((sign) => VISIBLE.test(sign)) ?? "?");
}

/** @param {string} name  the same name always has the same colour, and similar names have different ones */
export const hue = (name) => ([...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7) * 67) % 360;
