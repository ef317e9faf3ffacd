/** @import {Tabs} from "./tabs.js" */

/**
 * What a connection takes for its WebSocket: its messages go over the line of the tab that leads.
 *
 * It stays open when that tab is gone. Then it is stale: nothing arrives over it until another one replaces it.
 */
export class TabSocket {
  /** @type {(() => void)|null} */
  onopen = null;
  /** @type {((event: {data: string}) => void)|null} */
  onmessage = null;
  /** @type {((event: {code: number, reason: string}) => void)|null} */
  onclose = null;
  /** @type {string|null} the line it is on; null: it waits for one */
  line = null;
  /** How many messages of all tabs had no answer when the last one arrived. */
  unanswered = 0;
  isStale = false;

  #tabs;

  /**
   * @param {Tabs} tabs
   * @param {string} id
   */
  constructor(tabs, id) {
    this.#tabs = tabs;
    this.id = id;
  }

  /** @param {string} text */
  send(text) {
    this.#tabs.send(this, JSON.parse(text));
  }

  /** @param {number} code */
  close(code) {
    this.#tabs.close(this, code);
  }
}
