/**
 * The shapes on the wire and of the public API. Times are integer milliseconds since the epoch by the database's clock.
 *
 * @typedef {object} StreamEvent  an entry in the user's ordered stream
 * @property {number} seq         1, 2, 3, … per user, without gaps
 * @property {string} type        the type given to `act`; or "bonus.claimed" with body {bonus_id, reward}; or
 *   "bonus.offered" with a Bonus as its body: an offer to this user alone; or "bonus.fulfilled" and "bonus.rejected" with
 *   body {bonus_id, reward, reason}: what became of a claimed bonus, the last one counts; or
 *   "question.answered" and what tells a question to listed users: `Show` makes more of these
 * @property {any} body
 * @property {number} at
 * @property {string|null} id     of the action that made it
 * @property {object} [patch]     what `act` changed in the user's state, as a JSON merge patch (RFC 7396)
 *
 * @typedef {"claimed"|"already_claimed"|"too_early"|"expired"|"sold_out"|"not_eligible"|"cancelled"|"unknown_bonus"} Outcome
 *
 * @typedef {object} Bonus        an offer; a later one with the same bonus_id replaces it
 * @property {string} bonus_id
 * @property {any} reward         any JSON, as the backend gave it
 * @property {number} opens_at
 * @property {number} expires_at
 * @property {Outcome|null} outcome  for this user; null while it can be claimed. "cancelled" is the same for all users
 * @property {boolean} acknowledge   the server wants to know that it is shown; the client tells it
 * @property {number|null} [left]    at most so many are left: all, half, a tenth, or none of the stock; null: there is no stock
 * @property {Progress|null} [progress]  null: the user has watched long enough. Otherwise it can be claimed from `reached_at` on
 *
 * @typedef {object} Progress     how far the user is towards the least watch time of a bonus
 * @property {"connected"|"visible"} clock
 * @property {number} min_ms
 * @property {number} watched_ms  up to when the server said so
 * @property {number|null} reached_at  when it is reached if the clock goes on; null: the clock stands still
 *
 * @typedef {object} Place        a place in the stream of broadcasts
 * @property {number} seq
 * @property {number} follows     the seq of the previous broadcast to the same audience; 0: none
 *
 * @typedef {object} News         a message to all users online, or to all who watch one resource
 * @property {number} seq         among broadcasts; not 1, 2, 3, …
 * @property {string} type
 * @property {any} body
 * @property {number} at
 * @property {number} expires_at
 * @property {number} [cancels]   this is no news: the one of that seq was cancelled
 *
 * @typedef {object} Welcome      the answer to every hello, also after a reconnect
 * @property {"welcome"} type
 * @property {string} re          the id of the hello
 * @property {number} server_now
 * @property {string} user_id
 * @property {string} resource
 * @property {string} connection_id
 * @property {boolean} is_counted  false: the server ended this connection by mistake; the client replaces it
 * @property {{joined_at: number, connections: number}} session
 * @property {number} watched_ms  this user's watch time on this resource, up to server_now
 * @property {number} visible_ms  how much of that they could see the page of a connection
 * @property {string} epoch       of the user's stream; a new one when the server lost events
 * @property {number} seq         of the user's last event
 * @property {boolean} recovered  true: `events` are exactly the missed ones; false: they are a snapshot of the latest
 * @property {StreamEvent[]} events
 * @property {object} state       the user's state as of `seq`
 * @property {Bonus[]} bonuses    at most ten: first those that can be claimed, then those that can be claimed later, then others
 * @property {boolean} [has_more_bonuses]  true: `listBonuses` has more
 * @property {{seq: number, recovered: boolean, news: News[]}} broadcasts  news: unexpired news after the seq in the hello;
 *   recovered: none of it is missing
 * @property {number} [reconnect_within_ms]  after a loss, connect at a random moment within so long
 * @property {number} [ping_every_ms]        send a ping when nothing was sent for so long
 * @property {number} [rotate_within_ms]     replace this connection before it is so old
 *
 * @typedef {object} Watching     what this connection watches now, and the user's session there
 * @property {string} resource
 * @property {number} server_now
 * @property {{joined_at: number, connections: number}} session
 * @property {number} watched_ms  this user's watch time on this resource, up to server_now
 * @property {number} visible_ms  how much of that they could see the page of a connection
 *
 * @typedef {object} Audience     how many watch a resource
 * @property {string} resource
 * @property {number} users
 * @property {number} connections
 * @property {number} sampled_at   when they were counted
 * @property {{user_id: string, joined_at: number, connections: number}[]|null} list  who they are, by user_id: if the ticket
 *   allows it (`may_list`), and up to 50
 *
 * @typedef {object} Claim        the result of a claim; every outcome is an answer, none is an error
 * @property {string} bonus_id
 * @property {Outcome} outcome
 * @property {StreamEvent|null} event  the entry in the stream, if the bonus is claimed
 * @property {Progress|null} progress  what is missing, if that is why
 *
 * @typedef {object} Answer       the result of an answer to a question; every outcome is an answer, none is an error
 * @property {string} question_id
 * @property {string} outcome     "answered"; "already_answered" with another option; "too_early", "closed", "cancelled",
 *   "unknown_option" or "unknown_question"
 * @property {number|null} option  the user's answer that counts, by its number: the first, on whichever device
 * @property {StreamEvent|null} event  the entry in the stream, if the user has other connections
 *
 * @typedef {object} Ledger       a page of the history of this user's bonuses
 * @property {LedgerEntry[]} entries  newest first
 * @property {LedgerEntry["id"]|null} next  pass it as `before` to get the next page; null: there is none
 *
 * @typedef {object} BonusesPage  a page of the bonuses that are for this user
 * @property {Bonus[]} bonuses    the first to expire first
 * @property {string|null} next   pass it as `after` to get the next page; null: there is none
 *
 * @typedef {object} CampaignsPage  a page of the campaigns that are for this user
 * @property {Campaign[]} campaigns
 * @property {string|null} next   pass it as `after` to get the next page; null: there is none
 *
 * @typedef {object} Campaign     bonuses for watching, and how far this user is
 * @property {string} campaign_id
 * @property {"upcoming"|"running"|"paused"|"over"} state
 * @property {string[]|null} resources  those that count; null: all
 * @property {"connected"|"visible"} clock
 * @property {"once"|"each"} overlap  how a minute counts that is watched on several of the resources at once
 * @property {string|null} timezone  of its days; null: it has none
 * @property {number} starts_at
 * @property {number|null} ends_at  null: until it is ended
 * @property {number} watched_ms  how long this user has watched for it, up to server_now
 * @property {number|null} watched_today_ms
 * @property {Milestone[]} milestones  the first to be reached first, streaks after the others
 *
 * @typedef {object} Milestone
 * @property {number} milestone
 * @property {number} watched_seconds  how long they watch for it; of a streak, on each day
 * @property {number|null} days   on how many days in a row; null: it is no streak
 * @property {boolean} repeats
 * @property {any} reward
 * @property {number} claim_within_seconds  how long its bonus can be claimed
 * @property {number} awarded     how often it was reached when they were judged last
 * @property {number|null} days_in_a_row  up to today, or up to yesterday while today is not reached
 *
 * @typedef {object} LedgerEntry
 * @property {any} id
 * @property {"created"|"offered"|"claimed"|"expired"|"cancelled"|"fulfilled"|"rejected"} entry  created: a bonus for all users or
 *   this resource; offered: a bonus for this user; fulfilled, rejected: what became of a claim, the latest one counts
 * @property {string} bonus_id
 * @property {any} reward
 * @property {number} at
 * @property {string|null} reason  why it was rejected, in words for the user
 *
 * @typedef {object} Status
 * @property {"connecting"|"online"|"offline"|"stopped"} status
 * @property {string} reason        a short sentence; empty when there is nothing to explain
 * @property {StatusCode|null} code  the same for programs
 * @property {number|null} retryAt  offline only: local time of the next attempt; null while it waits for the network
 *
 * @typedef {"kicked"|"over_limit"|"refused"|"going_away"|"lost"|"no_network"|"left"|"unavailable"|"closed"
 *   |"bad_ticket"|"other_user"|"signed_out"} StatusCode
 *   kicked: the operator ended the connection, and `reason` has their words, if they gave some
 *
 * @typedef {object} Backlog        requests without an answer; each is sent until it has one
 * @property {number} count
 * @property {boolean} isStuck      the server answered at least one of them with "unavailable", e.g. without its database
 *
 * @typedef {object} Events         what a Headcount dispatches: the name and the `detail`
 * @property {Status} status
 * @property {Welcome} welcome
 * @property {{seq: number, events: StreamEvent[]}} snapshot  replace what you have: these are the latest events
 * @property {StreamEvent} event    each one once, in order
 * @property {object} state         the user's state, after each welcome and each event with a patch
 * @property {Bonus} bonus          an offer, and again when it changes, its outcome included: claimed on another device,
 *   sold out, cancelled. An offer cancelled while this client is offline stays unchanged until it is claimed
 * @property {News} news            each one once, in order; a missed one is reported late
 * @property {{seq: number}} news_cancelled  the operator cancelled the news of this seq: remove it. Also if it was not reported
 * @property {{campaign_id: string, watched_ms: number}} progress  the user has come further in a campaign: at each quarter of a
 *   milestone, and at its end. One that is missed does not come again: read `listCampaigns`
 * @property {Watching} watching    the connection moved to another resource
 * @property {Claim} claim          a claim made here was answered
 * @property {Answer} answer        an answer to a question, given here or in a tab with the same connection, was answered
 * @property {Audience} audience    how many watch what the connection watches, when that has changed
 * @property {Backlog} backlog
 * @property {{code: "bad_message"|"storage_failed", reason: string}} error  something around the client failed, and it goes
 *   on: the server sent what cannot be read; the browser's storage is full or blocked
 *
 * @typedef {object} Ticket         the answer of POST /tickets
 * @property {string} url           of the WebSocket, without a query
 * @property {string} ticket        opens one connection, within 30 s
 *
 * @typedef {Pick<Storage, "getItem"|"setItem"|"removeItem">} Store
 *
 * @typedef {object} Options        only `ticket` is required; those after `shareConnection` are for tests
 * @property {string|URL|((wish: {resource: string|null}) => Ticket|Response|Promise<Ticket|Response>)} ticket  the URL of your
 *   endpoint, which gets the wish by POST; or a function. Asked before every connection. `resource` is what the page watches
 *   now, null before the first `watch`: a ticket for it saves a detour. If it fails, the client tries again later, and not
 *   before `retryAfter` milliseconds if the error has that; if the error or the response has a `status` of 4xx (but 408, 425,
 *   429), or the error `permanent: true`, it stops
 * @property {Store|(() => Store)} [storage]  e.g. () => sessionStorage: unanswered acts and claims survive a reload. As a
 *   function it may throw, as `sessionStorage` does where the browser blocks the data of sites
 * @property {boolean} [shareConnection]  false: this tab has a connection of its own. Otherwise the tabs of a browser share one
 * @property {new (url: string) => WebSocket} [WebSocket]
 * @property {LockManager} [locks]    elects the tab that has the connection
 * @property {new (name: string) => BroadcastChannel} [BroadcastChannel]  carries messages between tabs
 * @property {() => number} [random]  from 0 to 1
 * @property {() => number} [now]     local time in milliseconds
 * @property {{now: () => number}} [performance]  milliseconds by a clock that is never set
 * @property {() => string} [newId]   a new id for each request
 * @property {Timers["setTimeout"]} [setTimeout]
 * @property {Timers["clearTimeout"]} [clearTimeout]
 * @property {EventTarget} [window]   dispatches "online", "offline", "pagehide" and "pageshow"; its `documentPictureInPicture`
 * @property {EventTarget & {visibilityState?: string, pictureInPictureElement?: Element|null}} [document]  dispatches
 *   "visibilitychange", "freeze", "resume", "enterpictureinpicture" and "leavepictureinpicture"
 *
 * @typedef {{action: string, id: string, [key: string]: any}} Request
 *
 * @typedef {object} Timers
 * @property {(callback: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/**
 * A request that failed for good. `code` is the server's (bad_request, conflict, not_allowed, too_large, state_too_large,
 * unknown_action, bad_json) or the client's: queue_full, too_large, bad_json, closed (after `close()`), signed_out (after
 * `signOut()`), other_user (a ticket was another user's), stopped (the ticket was refused). Requests that the server answers
 * with unavailable, slow_down or kept_out are sent again instead.
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
