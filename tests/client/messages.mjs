/** What the server sends: messages with plain values, which `more` replaces. */

export const EPOCH = "e1";

export const event = (seq, type = "like", body = {}) => ({ seq, type, body, at: 1, id: `i${seq}` });

export const welcome = (re, more = {}) => ({
  type: "welcome",
  re,
  server_now: 5_000_000,
  user_id: "ann",
  resource: "site",
  connection_id: "c1",
  is_counted: true,
  session: { joined_at: 4_000_000, connections: 1 },
  watched_ms: 60_000,
  visible_ms: 40_000,
  epoch: EPOCH,
  seq: 0,
  recovered: false,
  events: [],
  state: {},
  bonuses: [],
  broadcasts: { seq: 0, recovered: true, news: [] },
  ...more,
});

/** An event of the user's stream, pushed. */
export const pushed = (one, epoch = EPOCH) => ({ type: "event", server_now: 1, epoch, event: one });

/** The answer to an act. */
export const acted = (re, seq, more = {}) => ({ type: "acted", re, server_now: 1, epoch: EPOCH, event: event(seq), ...more });

/** The answer to a watch. */
export const watching = (re, resource, more = {}) => ({
  type: "watching",
  re,
  server_now: 5_000_000,
  resource,
  is_counted: true,
  session: { joined_at: 4_000_000, connections: 1 },
  watched_ms: 7,
  visible_ms: 5,
  ...more,
});

/** The answer to a claim of bonus "b". */
export const claimed = (re, outcome) => ({ type: "claim", re, server_now: 1, bonus_id: "b", outcome, epoch: EPOCH, event: null });

export const pong = { type: "pong", server_now: 1 };

export const refusal = (re, code, more = {}) => ({ type: "error", re, code, reason: "a reason", ...more });

export const keptOut = (retry_after_ms) => refusal(null, "kept_out", { retry_after_ms });
export const slowDown = (re, retry_after_ms) => refusal(re, "slow_down", { retry_after_ms });

/** The gateway's own error frame, after a function crashed. */
export const CRASH = '{"message": "Internal server error", "connectionId":"c", "requestId":"r"}';

/** The gateway's own error frame, when all clients together send too many messages. */
export const TOO_MANY = { message: "Too Many Requests", connectionId: "c", requestId: "r" };

export const bonus = (more = {}) => ({
  bonus_id: "b",
  reward: {},
  opens_at: 1,
  expires_at: 60_000_000,
  outcome: null,
  acknowledge: false,
  ...more,
});

/** A bonus, pushed: to this user alone, or at a place among the broadcasts. */
export const bonusPush = (one, broadcast = null) => ({ type: "bonus", server_now: 1, broadcast, bonus: one });

export const news = (seq) => ({ seq, type: "note", body: { text: `news ${seq}` }, at: 1, expires_at: 2 });

/** The news of a welcome. */
export const broadcastsUpTo = (seq, ...seqs) => ({ seq, recovered: true, news: seqs.map(news) });

export const newsPush = (seq, follows) => ({ type: "news", server_now: 1, broadcast: { seq, follows }, news: news(seq) });
