import { HeadcountError } from "./types.js";

/** @import {Request} from "./types.js" */

// The server's own bounds. What exceeds them would be refused; the gateway would even close the connection.
const MAX_BYTES = 16 * 1024;
const MAX_LEVELS = 500;

/**
 * Check a request, and copy it: it is kept until it is answered, and the page may change its body meanwhile.
 *
 * @param {Request} request
 * @returns {Request}
 * @throws {HeadcountError} with the code that the server would give
 */
export function checked(request) {
  const text = written(request);
  if (new TextEncoder().encode(text).length > MAX_BYTES) {
    throw new HeadcountError("too_large", "a message can have at most 16 KB");
  }
  // JSON.stringify escapes halves of surrogate pairs, and nothing else of that range.
  if (/\\ud[89a-f]/.test(text.replaceAll("\\\\", ""))) {
    throw new HeadcountError("bad_json", "a text has half of a surrogate pair: cut texts between characters, not within one");
  }
  if (levels(text) > MAX_LEVELS) throw new HeadcountError("bad_json", `a message can be nested ${MAX_LEVELS} levels deep`);
  return JSON.parse(text);
}

/** @param {Request} request */
function written(request) {
  try {
    return JSON.stringify(request);
  } catch (error) {
    throw new HeadcountError("bad_json", `the message cannot be written as JSON: ${error}`);
  }
}

/** @param {string} text  JSON */
function levels(text) {
  let [level, deepest] = [0, 0];
  for (const [one] of text.replace(/"(?:[^"\\]|\\.)*"/g, "").matchAll(/[[\]{}]/g)) {
    level += "[{".includes(one) ? 1 : -1;
    deepest = Math.max(deepest, level);
  }
  return deepest;
}
