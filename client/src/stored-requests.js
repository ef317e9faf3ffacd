/** @import {Request} from "./types.js" */

// The rest is of no use to another page.
const STORED_ACTIONS = ["act", "claim"];

/**
 * Unanswered requests in the browser's storage, so that they survive a reload. Without a storage it keeps nothing.
 *
 * @typedef {Pick<Storage, "getItem"|"setItem"|"removeItem">|undefined} Store
 */

/**
 * Read what an earlier page stored. That page may have been of another version, so only what looks right is used.
 *
 * @param {Store} storage
 * @param {string} key
 * @returns {Request[]}
 */
export function load(storage, key) {
  try {
    const requests = JSON.parse(storage?.getItem(key) ?? "[]");
    return requests.filter((/** @type {any} */ one) => typeof one.id === "string" && STORED_ACTIONS.includes(one.action));
  } catch {
    return [];
  }
}

/**
 * @param {Store} storage
 * @param {string} key
 * @param {Request[]} requests
 */
export function save(storage, key, requests) {
  const stored = requests.filter(({ action }) => STORED_ACTIONS.includes(action));
  try {
    if (stored.length > 0) storage?.setItem(key, JSON.stringify(stored));
    else storage?.removeItem(key);
  } catch (error) {
    // With a full storage a reload loses the requests; this page still sends them.
    if (!(error instanceof DOMException)) throw error;
  }
}
