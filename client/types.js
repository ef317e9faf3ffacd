/**
 * What travels. Times are integer milliseconds since the epoch by the database's clock.
 *
 * @typedef {object} StreamEvent  an entry in the user's ordered stream
 * @property {number} seq         1, 2, 3, … per user, without gaps
 * @property {string} type        what `act` was given, or "bonus.claimed" with body {bonus_id, reward}
 * @property {any} body
 * @property {number} at
 * @property {string|null} id     the id of the action that made it
 *
 * @typedef {"claimed"|"already_claimed"|"too_early"|"expired"|"sold_out"|"not_eligible"|"cancelled"|"unknown_bonus"} Outcome
 *
 * @typedef {object} Bonus        an offer; a later one with the same bonus_id replaces it
 * @property {string} bonus_id
 * @property {any} reward
 * @property {number} opens_at
 * @property {number} expires_at
 * @property {Outcome|null} outcome  this user's, null while not claimed
 *
 * @typedef {object} Welcome      the answer to every hello: also after a reconnect
 * @property {"welcome"} type
 * @property {string} re
 * @property {number} server_now
 * @property {string} user_id
 * @property {string} resource
 * @property {string} connection_id
 * @property {boolean} is_counted  false: this connection was ended wrongly; the client replaces it
 * @property {{joined_at: number, connections: number}} session
 * @property {number} watched_ms  this user's watch time on this resource, up to server_now
 * @property {string} epoch
 * @property {number} seq
 * @property {boolean} recovered  true: `events` are exactly those missed; false: a snapshot of the latest
 * @property {StreamEvent[]} events
 * @property {Bonus[]} bonuses
 *
 * @typedef {object} Watching     what this connection watches now, and the user's session there
 * @property {string} resource
 * @property {number} server_now
 * @property {{joined_at: number, connections: number}} session
 * @property {number} watched_ms  this user's watch time on this resource, up to server_now
 *
 * @typedef {object} Claim        how a claim ended; every outcome is an answer, none an error
 * @property {string} bonus_id
 * @property {Outcome} outcome
 * @property {StreamEvent|null} event
 *
 * @typedef {object} Status
 * @property {"connecting"|"online"|"offline"|"stopped"} status
 * @property {string} reason        a short sentence, empty when there is nothing to explain
 * @property {number|null} retryAt  offline only: local time of the next attempt; null while it waits for the network
 *
 * @typedef {object} Backlog        requests without an answer; each is sent until it has one
 * @property {number} count
 * @property {boolean} isStuck      the server could not do one of them yet, e.g. since its database is gone
 *
 * @typedef {object} Events         what a Headcount dispatches: name and `detail`
 * @property {Status} status
 * @property {Welcome} welcome
 * @property {{seq: number, events: StreamEvent[]}} snapshot  forget what you had, these are the latest events
 * @property {StreamEvent} event    each one once, in order
 * @property {Bonus} bonus          once, and again when it has changed
 * @property {Watching} watching   the connection moved to another resource
 * @property {Claim} claim          a claim made here was answered
 * @property {Backlog} backlog
 *
 * @typedef {object} Ticket         what POST /tickets answers
 * @property {string} url           of the WebSocket, without a query
 * @property {string} ticket        opens one connection, within 30 s
 *
 * @typedef {{action: "act"|"claim"|"watch", id: string, [key: string]: any}} Request
 *
 * @typedef {object} Timers
 * @property {(callback: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/**
 * A request that will not be done. `code` is the server's (bad_request, conflict, not_allowed, too_large, unknown_action,
 * bad_json) or ours: queue_full, too_large, closed (by `close()`), stopped (no ticket to be had).
 */
export class HeadcountError extends Error {
  /**
   * @param {string} code
   * @param {string} reason
   */
  constructor(code, reason) {
    super(reason);
    this.name = "HeadcountError";
    this.code = code;
  }
}
