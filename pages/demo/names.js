/** Names that people choose: whether they will do, and how they are shown. */

const LONGEST = 128;
// These turn the reading direction: a name that holds one can read like somebody else's.
const TURNS = /[\u202A-\u202E\u2066-\u2069]/gu;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;
const LETTER = /[\p{L}\p{N}]/u;

/** @param {string} text */
export const isBlank = (text) => !VISIBLE.test(text);

/**
 * @param {string} name
 * @param {string} what  "name"
 * @returns {string} empty when there is none
 */
export function problem(name, what) {
  const { length } = [...name];
  if (length > LONGEST) return `That ${what} is too long: ${length} characters, and there is room for 1–${LONGEST}.`;
  return isBlank(name) ? `A ${what} has 1–${LONGEST} characters, and one at least that can be seen.` : "";
}

/** @param {string} name  with a sign in place of what cannot be seen and turns the rest */
export const shown = (name) => name.replace(TURNS, "\uFFFD");

/** @param {string} name  "ann" and "Ann Lee" give "A" and "AL"; without letters, the first sign that can be seen */
export function initials(name) {
  const letters = name.split(/[\s._-]+/u).map((word) => [...word].find((sign) => LETTER.test(sign)));
  const found = letters.filter((letter) => letter !== undefined).slice(0, 2);
  return found.join("").toUpperCase() || ([...name].find((sign) => VISIBLE.test(sign)) ?? "?");
}

/** @param {string} name  the same colour for the same name, everywhere, and far from its neighbours' */
export const hue = (name) => ([...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7) * 67) % 360;
