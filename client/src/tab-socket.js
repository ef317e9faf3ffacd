/**
 * @typedef {object} Owner
 * @property {(socket: TabSocket, message: any) => void} send
 * @property {(socket: TabSocket, code: number) => void} close
 */

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

  #owner;

  /**
   * @param {Owner} owner
   * @param {string} id
   */
  constructor(owner, id) {
    this.#owner = owner;
    this.id = id;
  }

  /** @param {string} text */
  send(text) {
    this.#owner.send(this, JSON.parse(text));
  }

  /** @param {number} [code] */
  close(code = 1000) {
    this.#owner.close(this, code);
  }
}
