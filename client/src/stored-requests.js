import { checked } from "./request.js";

/** @import {Options, Request} from "./types.js" */

// The rest is of no use to another page.
const STORED_ACTIONS = ["act", "claim"];

/**
 * Unanswered requests in the browser's storage, so that they survive a reload. Without a storage it keeps nothing, and so
 * it does with one that is full or blocked, which it tells once: this page still sends its requests.
 */
export class StoredRequests {
  #storage;
  #failed;
  #hasFailed = false;

  /**
   * @param {Options["storage"]} storage
   * @param {(reason: string) => void} failed
   */
  constructor(storage, failed) {
    this.#failed = failed;
    // Where a browser blocks the data of sites, it is the getter that throws.
    this.#storage = this.#guarded(() => (typeof storage === "function" ? storage() : storage));
  }

  /**
   * Read what an earlier page stored. That page may have been of another version, so only what looks right is used.
   *
   * @param {string} key
   * @returns {Request[]}
   */
  load(key) {
    const text = this.#guarded(() => this.#storage?.getItem(key)) ?? "[]";
    try {
      return JSON.parse(text).filter(isSendable);
    } catch {
      return [];
    }
  }

  /**
   * @param {string} key
   * @param {Request[]} requests
   */
  save(key, requests) {
    const stored = requests.filter(({ action }) => STORED_ACTIONS.includes(action));
    this.#guarded(() => {
      if (stored.length > 0) this.#storage?.setItem(key, JSON.stringify(stored));
      else this.#storage?.removeItem(key);
    });
  }

  /**
   * @template T
   * @param {() => T} call
   * @returns {T|undefined}
   */
  #guarded(call) {
    try {
      return call();
    } catch (error) {
      if (!this.#hasFailed) this.#failed(`a reload loses the requests without an answer, for the storage failed: ${error}`);
      this.#hasFailed = true;
      return undefined;
    }
  }
}

/** @param {any} one */
function isSendable(one) {
  try {
    return typeof one.id === "string" && STORED_ACTIONS.includes(one.action) && Boolean(checked(one));
  } catch {
    return false;
  }
}
