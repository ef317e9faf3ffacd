/**
 * What travels. Times are integer milliseconds since the epoch by the database's clock.
 *
 * @typedef {object} StreamEvent  an entry in the user's ordered stream
 * @property {number} seq         1, 2, 3, … per user, without gaps
 * @property {string} type        what `act` was given, or "bonus.claimed" with body {bonus_id, reward}, or "bonus.offered"
 *   with a Bonus as its body: one that is for this user
 * @property {any} body
 * @property {number} at
 * @property {string|null} id     the id of the action that made it
 * @property {object} [patch]     what `act` changed in the user's state, as a JSON merge patch
 *
 * @typedef {"claimed"|"already_claimed"|"too_early"|"expired"|"sold_out"|"not_eligible"|"cancelled"|"unknown_bonus"} Outcome
 *
 * @typedef {object} Bonus        an offer; a later one with the same bonus_id replaces it
 * @property {string} bonus_id
 * @property {any} reward
 * @property {number} opens_at
 * @property {number} expires_at
 * @property {Outcome|null} outcome  this user's, null while it may be claimed; "cancelled" is everybody's
 * @property {boolean} acknowledge   the server wants to hear that it is shown; the client sees to that
 *
 * @typedef {object} Place        in the stream of broadcasts
 * @property {number} seq
 * @property {number} follows     the seq of the broadcast before it to the same audience, 0: none
 *
 * @typedef {object} News         a message to everyone, or to everyone who watches this resource
 * @property {number} seq         of broadcasts; not 1, 2, 3, …
 * @property {string} type
 * @property {any} body
 * @property {number} at
 * @property {number} expires_at
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
 * @property {object} state       the user's, as of `seq`
 * @property {Bonus[]} bonuses    at most ten, the first to close first
 * @property {{seq: number, recovered: boolean, news: News[]}} broadcasts  news: those after the seq that the hello named and
 *   that are not over; recovered: none of them is missing
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
 * @typedef {object} Ledger       a page of what happened to this user's bonuses
 * @property {LedgerEntry[]} entries  newest first
 * @property {LedgerEntry["id"]|null} next  what the next page comes before, null: there is none
 *
 * @typedef {object} LedgerEntry
 * @property {any} id
 * @property {"created"|"offered"|"claimed"|"expired"|"cancelled"} entry  created: for everyone, or this resource;
 *   offered: to this user
 * @property {string} bonus_id
 * @property {any} reward
 * @property {number} at
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
 * @property {object} state         the user's, after each welcome and each event with a patch
 * @property {Bonus} bonus          once, and again when it has changed, its outcome included: claimed on another device,
 *   sold out, cancelled. One that is cancelled while this client is away stays as it was until it is claimed
 * @property {News} news            each one once; in order, but for one that was missing and is told late
 * @property {Watching} watching   the connection moved to another resource
 * @property {Claim} claim          a claim made here was answered
 * @property {Backlog} backlog
 *
 * @typedef {object} Ticket         what POST /tickets answers
 * @property {string} url           of the WebSocket, without a query
 * @property {string} ticket        opens one connection, within 30 s
 *
 * @typedef {{action: "act"|"claim"|"ack"|"watch"|"ledger", id: string, [key: string]: any}} Request
 *
 * @typedef {object} Timers
 * @property {(callback: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/**
 * A request that will not be done. `code` is the server's (bad_request, conflict, not_allowed, too_large, state_too_large,
 * unknown_action, bad_json) or ours: queue_full, too_large, closed (by `close()`), stopped (no ticket to be had). What the
 * server answers with unavailable or slow_down is sent again instead.
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
