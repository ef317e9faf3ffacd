/** An order whose answer got lost is asked for again by the same id, so nothing is done twice. */

import { Refused, isOpen } from "./api.js";

/** @import {Api} from "./api.js" */

/** The order before this one took effect after all. Nothing was sent. */
export class TookEffect extends Error {}

/**
 * Whether the order that made this took effect.
 *
 * @param {Api} api
 * @param {string} path
 */
export async function isThere(api, path) {
  try {
    await api.get(path);
    return true;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return false;
    throw error;
  }
}

/**
 * @param {object} ways
 * @param {(order: object, id: string) => Promise<any>} ways.send
 * @param {(id: string) => Promise<boolean>} ways.exists  whether the order of this id took effect
 * @param {() => string} [ways.newId]
 * @returns {(order: object) => Promise<any>} rejects as `send` does, or with TookEffect
 */
export function once({ send, exists, newId = () => crypto.randomUUID() }) {
  /** @type {{id: string, text: string}|null} */
  let open = null;
  return async (order) => {
    const text = JSON.stringify(order);
    if (open !== null && open.text !== text) {
      const tookEffect = await exists(open.id);
      open = null;
      if (tookEffect) {
        throw new TookEffect("The order before this one took effect after all: see the list. Press again to order this as well.");
      }
    }
    open ??= { id: newId(), text };
    const { id } = open;
    try {
      const made = await send(order, id);
      open = null;
      return made;
    } catch (error) {
      if (!isOpen(error)) open = null;
      throw error;
    }
  };
}
