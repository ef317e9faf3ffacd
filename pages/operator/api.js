/** The HTTP API, called with the operator's key, and what its answers mean for the operator. */

import { refusalText } from "../demo/api.js";

// In milliseconds.
const TIMEOUT = 10_000;
const MAX_CSV_PARTS = 100;

/** The server refused: nothing has changed, unless it is a 5xx. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} text
   */
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** No answer came. */
export class NoAnswer extends Error {}

/**
 * Whether an order that failed so may have taken effect all the same.
 *
 * @param {unknown} error
 */
export const isOpen = (error) => error instanceof NoAnswer || (error instanceof Refused && error.status >= 500);

/** @typedef {Record<string, string|number|undefined|null>} Query  what is empty is left out */

/**
 * @param {string} path
 * @param {Query} [query]
 */
export function withQuery(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

/** @typedef {ReturnType<typeof makeApi>} Api */

/**
 * @param {string} key
 * @param {(problem: string) => void} signOut  called when the server refuses the key
 */
export function makeApi(key, signOut) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  const ask = async (method, path, body) => {
    const response = await fetch(path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT),
    }).catch((error) => {
      throw new NoAnswer("The server does not answer. Check your network.", { cause: error });
    });
    if (response.ok) return response;
    const refused = new Refused(response.status, refusalText(response.status, await response.json().catch(() => null)));
    if (response.status === 401) signOut(refused.message);
    throw refused;
  };
  /** @param {Response} response */
  const json = (response) =>
    response.json().catch((error) => {
      throw new NoAnswer("The answer broke off.", { cause: error });
    });
  return {
    /**
     * @param {string} path
     * @param {Query} [query]
     * @returns {Promise<any>}
     */
    get: async (path, query) => json(await ask("GET", withQuery(path, query))),
    /**
     * @param {string} method
     * @param {string} path
     * @param {object} [body]
     * @returns {Promise<any>}
     */
    order: async (method, path, body) => json(await ask(method, path, body)),
    /**
     * A whole list as CSV, over as many answers as it takes.
     *
     * @param {string} path
     * @param {Query} [query]
     * @returns {Promise<{text: string, isWhole: boolean}>}
     */
    csv: async (path, query) => {
      /** @type {string|undefined} */
      let next = withQuery(path, query);
      let text = "";
      for (let part = 0; next && part < MAX_CSV_PARTS; part++) {
        const response = await ask("GET", next);
        const rows = await response.text();
        text += part === 0 ? rows : rows.slice(rows.indexOf("\n") + 1);
        next = /<([^>]+)>; rel="next"/u.exec(response.headers.get("link") ?? "")?.[1];
      }
      return { text, isWhole: next === undefined };
    },
  };
}
