import { Audience } from "./audience.js";
import { Bonuses } from "./bonus.js";
import * as broadcasts from "./broadcasts.js";
import { UNSET, learn, offset } from "./clock.js";
import { surroundings } from "./env.js";
import { Hello } from "./hello.js";
import { told } from "./limits.js";
import { Outbox } from "./outbox.js";
import { Page } from "./page.js";
import { Reconnector } from "./reconnect.js";
import { checked } from "./request.js";
import { EMPTY, arrived, welcomed } from "./stream.js";
import { Tabs } from "./tabs.js";
import { getTicket } from "./ticket.js";
import { HeadcountError } from "./types.js";
import { Visibility } from "./visibility.js";

export { HeadcountError };

/** @import {Connection, Why} from "./connection.js" */
/** @import {Env} from "./env.js" */
/** @import {Step} from "./stream.js" */
/** @import {Place, Request} from "./types.js" */

/**
 * @typedef {import("./types.js").Answer} Answer
 * @typedef {import("./types.js").Audience} AudienceOfResource
 * @typedef {import("./types.js").Backlog} Backlog
 * @typedef {import("./types.js").Bonus} Bonus
 * @typedef {import("./types.js").BonusesPage} BonusesPage
 * @typedef {import("./types.js").CampaignsPage} CampaignsPage
 * @typedef {import("./types.js").Claim} Claim
 * @typedef {import("./types.js").Events} Events
 * @typedef {import("./types.js").Ledger} Ledger
 * @typedef {import("./types.js").LedgerEntry} LedgerEntry
 * @typedef {import("./types.js").News} News
 * @typedef {import("./types.js").Options} Options
 * @typedef {import("./types.js").Outcome} Outcome
 * @typedef {import("./types.js").Status} Status
 * @typedef {import("./types.js").StreamEvent} StreamEvent
 * @typedef {import("./types.js").Ticket} Ticket
 * @typedef {import("./types.js").Watching} Watching
 * @typedef {import("./types.js").Welcome} Welcome
 */

const THROTTLED = "Too Many Requests";
// All other refusals are for good.
const PASSING = ["unavailable", "slow_down"];
/** @type {Why} */
const KEPT_OUT = { code: "over_limit", reason: "refused for a while: this user sent too many messages" };
/** @type {Why} */
const SLOW_DOWN = { code: "over_limit", reason: "waiting for the rate limit: this user sent too many messages" };
/** @type {Why} */
const UNAVAILABLE = { code: "unavailable", reason: "the server is temporarily unavailable" };
/** @type {Why} */
const OTHER_USER = { code: "other_user", reason: "another user has signed in" };
/** @type {Why} */
const SIGNED_OUT = { code: "signed_out", reason: "signed out" };
const MAX_HELD = 200;
const KICKED = "the service ended this connection";

/**
 * A user's presence on one resource, and the user's stream of events, kept across reconnects.
 *
 * It connects when constructed and stays connected until `close()`. Listen with `on(name, listener)`; `Events` lists the
 * names: `status`, `welcome`, `watching`, `snapshot`, `event`, `state`, `bonus`, `claim`, `answer`, `news`, `news_cancelled`, `progress`, `audience`, `backlog`, `error`.
 *
 *     const headcount = new Headcount({ ticket: () => fetch("/my/ticket").then((response) => response.json()) });
 *     headcount.on("event", ({ type, body }) => show(type, body));
 *     headcount.on("bonus", (bonus) => offer(bonus, () => headcount.claim(bonus.bonus_id)));
 *     await headcount.act("like", { photo: 7 });
 */
export class Headcount extends EventTarget {
  #env;
  #connections;
  #hello;
  #outbox;
  #page;
  #tabs;
  #visibility;
  #audience;
  #clock = UNSET;
  #stream = EMPTY;
  #broadcasts = broadcasts.NOTHING;
  /** @type {Bonuses} */
  #bonuses;
  /** @type {string|null} the user of the welcomes so far */
  #userId = null;
  /** @type {WeakMap<Connection, any[]>} what was pushed before the welcome, which tells whose it is */
  #held = new WeakMap();
  /** How many connections the user had at the last welcome. */
  #userConnections = 1;
  /** @type {string|null} the resource of the last watch; null leaves it to the tickets */
  #watched = null;
  /** @type {Watching|null} */
  #watching = null;

  /** @param {Options} options */
  constructor(options) {
    super();
    options ??= /** @type {any} */ ({});
    this.#env = this.#makeEnv(options);
    this.#page = this.#makePage(options);
    this.#tabs = this.#makeTabs(options);
    this.#connections = this.#makeConnections();
    this.#visibility = new Visibility(this.#env, {
      isSeen: () => this.#page.isSeen || this.#tabs.isSeenElsewhere,
      uncounted: () => this.#connections.counted(false),
    });
    this.#audience = new Audience(this.#env, {
      isOnline: () => this.status.status === "online",
      changed: (audience) => this.#dispatch("audience", audience),
    });
    this.#hello = new Hello(this.#env, (connection) => this.#position(connection));
    this.#outbox = this.#makeOutbox(options);
    this.#bonuses = this.#makeBonuses();
    this.#page.listen();
    // Like a WebSocket, it leaves its caller time to add listeners before the first event.
    queueMicrotask(() => this.#connections.isFinal || this.#connections.connect());
  }

  /** The latest `status` event. */
  get status() {
    return this.#connections.status;
  }

  /** The latest `backlog` event. */
  get backlog() {
    return this.#outbox.backlog;
  }

  /** The user's state as of the last event. The patches of acts change it. {} before the first welcome. */
  get state() {
    return this.#stream.state;
  }

  /** The bonuses that were told and are not over, each as of its last `bonus` event, the first to expire first. */
  get bonuses() {
    return this.#bonuses.list;
  }

  /**
   * How many watch what the connection watches, as of the last answer: asked for while the page listens to `audience`. null
   * before the first.
   *
   * @returns {AudienceOfResource|null}
   */
  get audience() {
    return this.#audience.latest;
  }

  /** What the connection watches and the user's session there, as of the last welcome or `watching`; null before. */
  get watched() {
    return this.#watching;
  }

  /**
   * The server's time in milliseconds since the epoch, accurate to half of the quickest round trip; the local time before the
   * first message. It goes on by a clock that is never set.
   */
  serverNow() {
    return this.#clock === UNSET ? this.#env.wall() : this.#env.now() + offset(this.#clock);
  }

  /**
   * Send a message of the protocol and resolve with its answer. It is sent until it is answered, over any number of connections.
   *
   * @param {{action: string} & Record<string, any>} message  without an id
   * @returns {Promise<any>}
   * @throws {HeadcountError}
   */
  async request(message) {
    if (this.#connections.isFinal) throw ending(this.status);
    return this.#outbox.add(checked({ id: this.#env.newId(), ...message }));
  }

  /**
   * Add an event to the user's stream, which all tabs and devices of the user see. Resolves with its entry there.
   *
   * It is done once, and after the acts before it, however many connections that takes.
   *
   * @param {string} type  a lower-case letter, then up to 63 lower-case letters, digits, - and _
   * @param {object} [body]
   * @param {{patch?: object}} [options]  patch: what it changes in the user's state, as a JSON merge patch (RFC 7396). The
   *   state holds at most 16 KB; the server refuses more with code "state_too_large"
   * @returns {Promise<StreamEvent>}
   * @throws {HeadcountError}
   */
  async act(type, body = {}, { patch } = {}) {
    return (await this.request({ action: "act", type, body, patch })).event;
  }

  /**
   * Claim a bonus. Resolves with the outcome; "expired" and "sold_out" are outcomes, not errors.
   *
   * A claim that the server has no room for is sent again until it is answered or the bonus has expired.
   *
   * @param {string} bonusId
   * @returns {Promise<Claim>}
   * @throws {HeadcountError}
   */
  async claim(bonusId) {
    const { bonus_id, outcome, event, progress = null } = await this.request({ action: "claim", bonus_id: bonusId });
    const claim = { bonus_id, outcome, event, progress };
    this.#dispatch("claim", claim);
    return claim;
  }

  /**
   * Watch another resource over the same connection. Resolves with the user's session there; a welcome follows.
   *
   * The client remembers it: later connections move there too. If you call it again before the answer, only the last call
   * counts, and its answer resolves all of them. The ticket must allow the resource (`may_watch`); otherwise the server
   * refuses it with code "not_allowed".
   *
   * @param {string} resource  1 to 128 characters
   * @returns {Promise<Watching>}
   * @throws {HeadcountError}
   */
  async watch(resource) {
    return watching(await this.request({ action: "watch", resource }));
  }

  /**
   * Read the history of this user's bonuses, newest first, one page at a time.
   *
   * @param {{before?: Ledger["next"]}} [options]  before: `next` of the previous page; leave it out for the newest page
   * @returns {Promise<Ledger>}
   * @throws {HeadcountError}
   */
  async ledger({ before } = {}) {
    const { entries, next } = await this.request({ action: "ledger", before: before ?? undefined });
    return { entries, next };
  }

  /**
   * Read all bonuses that are for this user and not over, the first to expire first, one page at a time. Each becomes known
   * like one that is told: it is a `bonus` event, and in `bonuses`.
   *
   * @param {{after?: BonusesPage["next"]}} [options]  after: `next` of the previous page; leave it out for the first page
   * @returns {Promise<BonusesPage>}
   * @throws {HeadcountError}
   */
  async listBonuses({ after } = {}) {
    const { bonuses, next } = await this.request({ action: "bonuses", after: after ?? undefined });
    for (const bonus of bonuses) this.#bonuses.offer(bonus);
    return { bonuses, next };
  }

  /**
   * Read the campaigns that are for this user, and how far they are in each, one page at a time.
   *
   * @param {{after?: CampaignsPage["next"]}} [options]  after: `next` of the previous page; leave it out for the first page
   * @returns {Promise<CampaignsPage>}
   * @throws {HeadcountError}
   */
  async listCampaigns({ after } = {}) {
    const { campaigns, next } = await this.request({ action: "campaigns", after: after ?? undefined });
    return { campaigns, next };
  }

  /** Check that the connection still works, or try earlier to connect. Call it when e.g. the network changed. */
  wake() {
    this.#connections.wake();
  }

  /** Leave for good. Rejects unanswered requests with code "closed"; the last event is a `status`. */
  close() {
    if (!this.#connections.isFinal) this.#connections.stop({ code: "closed", reason: "closed" });
  }

  /**
   * Leave for good, and keep nothing of this user, neither here nor in the storage. Rejects unanswered requests with code
   * "signed_out"; the last event is a `status`. For the next user make another Headcount.
   */
  signOut() {
    this.#forgetUser(SIGNED_OUT);
    if (!this.#connections.isFinal) this.#connections.stop(SIGNED_OUT);
  }

  /**
   * Call `listener` with the detail of each event of this name. While one listens to "audience", the client asks for it.
   *
   * @template {keyof Events} K
   * @param {K} name
   * @param {(detail: Events[K]) => void} listener
   * @returns {() => void} removes the listener
   */
  on(name, listener) {
    /** @param {any} event */
    const listen = ({ detail }) => listener(detail);
    this.addEventListener(name, listen);
    let leave = name === "audience" ? this.#audience.listen() : () => {};
    return () => {
      this.removeEventListener(name, listen);
      leave();
      leave = () => {};
    };
  }

  // Parts.

  /**
   * @param {Options} options
   * @returns {Env}
   */
  #makeEnv(options) {
    return {
      ...surroundings(options),
      ticket: () => this.#tabs.ticket(),
      open: (url) => this.#tabs.open(url),
      current: () => this.#connections.current,
      connections: () => this.#userConnections,
      isClaimWaiting: () => this.#outbox.isClaimWaiting,
      isHidden: () => this.#page.isHidden,
      isSeen: () => this.#page.isSeen,
      serverNow: () => this.serverNow(),
    };
  }

  /** @param {Options} options */
  #makeTabs({ ticket, WebSocket = globalThis.WebSocket, shareConnection = true, ...options }) {
    // Without a page, as in Node.js, there are no tabs.
    const { locks = globalThis.window && navigator.locks, BroadcastChannel = globalThis.BroadcastChannel } = options;
    const env = {
      ...this.#env,
      ticket: () => getTicket(ticket, { resource: this.#watched }),
      WebSocket,
      locks: shareConnection ? locks : undefined,
      BroadcastChannel,
      staysAt: (/** @type {string} */ resource) => !this.#outbox.hasWatch && (this.#watched ?? resource) === resource,
    };
    return new Tabs(env, {
      seen: () => this.#visibility.changed(false),
      renew: (isThere) => this.#connections.renew(isThere),
      check: () => this.#connections.current?.check(true),
    });
  }

  #makeConnections() {
    return new Reconnector(this.#env, {
      opened: (connection) => this.#hello.say(connection),
      received: (connection, message, sentAt) => this.#receive(connection, message, sentAt),
      ended: (connection) => this.#hello.ended(connection, this.#stream.waiting.length > 0),
      refresh: (connection) => this.#hello.ask(connection),
      resumed: () => {
        this.#outbox.resume();
        this.#audience.seen();
      },
      changed: (status) => {
        if (status.status !== "online") this.#outbox.pause();
        this.#dispatch("status", status);
        if (status.status === "stopped") this.#stopped(status);
      },
    });
  }

  /** @param {Options} options */
  #makeOutbox({ storage }) {
    return new Outbox(this.#env, {
      expiresIn: (request) => this.#expiresIn(request),
      expired: (request) => this.#expired(request),
      // Its caller has no listeners yet, perhaps.
      storageFailed: (reason) => queueMicrotask(() => this.#dispatch("error", { code: "storage_failed", reason })),
      changed: (backlog) => this.#dispatch("backlog", backlog),
    }, storage);
  }

  #makeBonuses() {
    return new Bonuses(this.#env, {
      changed: (bonus) => this.#dispatch("bonus", bonus),
      acknowledge: (bonusId) => this.#acknowledge(bonusId),
      isClaiming: (bonusId) => this.#outbox.isClaiming(bonusId),
    });
  }

  /** @param {Options} options */
  #makePage({ window = globalThis.window, document = globalThis.document }) {
    return new Page(
      { window, document },
      {
        seen: (isUrgent) => {
          this.#visibility.changed(isUrgent);
          this.#audience.seen();
        },
        hidden: () => this.#connections.hidden(),
        // Browsers slow down the timers of hidden tabs, so the connection may have ended unnoticed.
        shown: () => this.wake(),
        left: () => {
          this.#connections.left();
          this.#tabs.leave();
        },
        frozen: (isFrozen) => (isFrozen ? this.#tabs.freeze() : this.#tabs.resume()),
        restored: () => this.#connections.restored(),
        network: (isThere) => this.#connections.network(isThere),
      },
    );
  }

  /** @param {Why} why */
  #stopped(why) {
    this.#page.stop();
    this.#tabs.leave();
    this.#visibility.stop();
    this.#audience.stop();
    this.#hello.stop();
    this.#bonuses.stop();
    this.#outbox.fail(ending(why));
  }

  // Messages.

  /**
   * What a hello says: how far this client has followed its streams, and whether the user sees it.
   *
   * @param {Connection} connection
   */
  #position(connection) {
    const { epoch, seq } = this.#stream;
    const broadcasts_since = this.#broadcasts.seq ?? undefined;
    return { ...(epoch === null ? {} : { since: seq, epoch }), broadcasts_since, ...this.#visibility.words(connection) };
  }

  /**
   * @param {Connection} connection
   * @param {any} message
   * @param {number|undefined} sentAt
   */
  #receive(connection, message, sentAt) {
    if (Number.isFinite(message.server_now)) {
      this.#clock = learn(this.#clock, { sentAt, receivedAt: this.#env.now(), serverNow: message.server_now });
    }
    if (isPush(message) && connection !== this.#connections.current) this.#hold(connection, message);
    else if (message.type === "welcome") this.#welcome(connection, message);
    else if (message.type === "bonus") this.#bonus(message);
    else if (message.type === "news") {
      this.#followBroadcasts(broadcasts.pushed(this.#broadcasts, message.broadcast, [message.news]));
    } else if (message.type === "progress") this.#dispatch("progress", message.progress);
    else if (message.code === "kept_out") this.#connections.dismissed(connection, message.retry_after_ms, KEPT_OUT);
    else if (message.code === "kicked") {
      this.#connections.closing(message.retry_after_ms, { code: "kicked", reason: message.words ?? KICKED });
    } else if (message.type === "unreadable") this.#dispatch("error", { code: "bad_message", reason: message.reason });
    else if (this.#visibility.answered(message)) this.#bonuses.waitsForSight && this.#hello.ask(connection);
    else if (this.#audience.answered(message)) return;
    else if (message.type === "error" && typeof message.re === "string") this.#refused(connection, message);
    else if (message.type === "error" && !PASSING.includes(message.code)) this.#refusedOne(connection, message);
    // The gateway's own error frames have a `message` and no `type`, and do not name the request.
    else if (message.type === "error" || message.message) this.#failed(connection, message.message === THROTTLED);
    else if (message.type === "watching") this.#moved(connection, message);
    else {
      if (message.event) this.#follow(arrived(this.#stream, message), 0);
      if (message.type === "claim") this.#bonuses.end(message.bonus_id, message.outcome, message.progress);
      // This tab's, or one's with which it shares its connection.
      if (message.type === "answer") this.#dispatch(message.type, message);
      this.#outbox.answered(message);
    }
    if (typeof message.is_counted === "boolean") this.#connections.counted(message.is_counted);
  }

  /**
   * @param {Connection} connection
   * @param {Welcome} welcome
   */
  #welcome(connection, welcome) {
    this.#hello.answered();
    // The hello told how far the one before had come, so this welcome is not what the other one needs.
    if (this.#userId !== null && this.#userId !== welcome.user_id) return this.#becomeOther();
    this.#userId = welcome.user_id;
    this.#connections.tell(connection, told(welcome));
    const isNew = this.#connections.use(connection);
    this.#watching = watching(welcome);
    this.#userConnections = Math.max(1, Number(welcome.session?.connections) || 1);
    this.#dispatch("welcome", welcome);
    this.#follow(welcomed(this.#stream, welcome), welcome.seq);
    for (const bonus of welcome.bonuses) this.#bonuses.offer(bonus);
    this.#followBroadcasts(broadcasts.welcomed(this.#broadcasts, welcome));
    this.#outbox.restore(JSON.stringify([connection.url, welcome.user_id]));
    this.#visibility.welcomed(connection);
    if (isNew) this.#returnToWatched(welcome.resource);
    if (isNew) this.#outbox.restart();
    this.#audience.watching(welcome.resource);
    for (const message of this.#held.get(connection) ?? []) this.#receive(connection, message, undefined);
    this.#held.delete(connection);
  }

  /**
   * @param {Connection} connection
   * @param {any} message
   */
  #hold(connection, message) {
    const held = this.#held.get(connection) ?? [];
    this.#held.set(connection, held);
    // The client asks for what is missing.
    if (held.length < MAX_HELD) held.push(message);
  }

  #becomeOther() {
    this.#forgetUser(OTHER_USER);
    this.#connections.restart(OTHER_USER);
  }

  /** @param {Why} why */
  #forgetUser(why) {
    this.#outbox.forget(new HeadcountError(why.code ?? "", why.reason));
    this.#bonuses.stop();
    this.#bonuses = this.#makeBonuses();
    this.#audience.forget();
    this.#hello.answered();
    this.#userId = this.#watched = this.#watching = null;
    this.#userConnections = 1;
    this.#broadcasts = broadcasts.NOTHING;
    this.#stream = EMPTY;
    this.#dispatch("snapshot", { seq: 0, events: [] });
    this.#dispatch("state", EMPTY.state);
  }

  /**
   * @param {Connection} connection
   * @param {Watching & {type: string, re: string, is_counted: boolean}} message
   */
  #moved(connection, message) {
    // A connection outside any session did not move: send the watch again over the next one.
    if (!message.is_counted) return;
    const isNew = message.resource !== this.#watched || message.resource !== this.#broadcasts.resource;
    this.#watched = message.resource;
    this.#broadcasts = broadcasts.moved(this.#broadcasts, message.resource);
    this.#watching = watching(message);
    this.#dispatch("watching", this.#watching);
    this.#outbox.answered(message);
    this.#audience.watching(message.resource);
    // Bonuses and news there may have been pushed before this user arrived: a welcome has them.
    if (isNew) this.#hello.say(connection);
  }

  /**
   * If the ticket names another resource than this page watches, watch that again; forget it if the server refuses.
   *
   * @param {string} resource  the connection's
   */
  #returnToWatched(resource) {
    if (this.#watched === null || this.#watched === resource || this.#outbox.hasWatch) return;
    this.watch(this.#watched).catch(() => (this.#watched = null));
  }

  /** @param {{broadcast: Place|null, bonus: Bonus}} message */
  #bonus({ broadcast, bonus }) {
    this.#bonuses.offer(bonus);
    if (broadcast) this.#followBroadcasts(broadcasts.pushed(this.#broadcasts, broadcast));
  }

  /** @param {string} bonus_id */
  #acknowledge(bonus_id) {
    // If the server refuses it once, it refuses it always.
    this.request({ action: "ack", bonus_id }).catch(() => {});
  }

  /** @param {import("./broadcasts.js").Step} step */
  #followBroadcasts({ broadcasts: now, news, isBehind }) {
    this.#broadcasts = now;
    this.#hello.broadcastsChanged(isBehind);
    for (const one of news) {
      if (one.cancels === undefined) this.#dispatch("news", one);
      else this.#dispatch("news_cancelled", { seq: one.cancels });
    }
  }

  /**
   * @param {Step} step
   * @param {number} welcomedAt  the welcome's own list has the offers up to this seq that are still open
   */
  #follow({ stream, effects }, welcomedAt) {
    const isChanged = stream.state !== this.#stream.state;
    this.#stream = stream;
    this.#hello.streamChanged(effects.some(({ type }) => type === "gap"));
    for (const effect of effects) {
      if (effect.type === "event") this.#event(effect.event, welcomedAt);
      else if (effect.type === "snapshot") this.#snapshot(effect);
    }
    if (isChanged) this.#dispatch("state", stream.state);
  }

  /**
   * @param {StreamEvent} event
   * @param {number} welcomedAt
   */
  #event(event, welcomedAt) {
    this.#dispatch("event", event);
    const { seq, type, body } = event;
    if (type === "bonus.claimed") this.#bonuses.end(body.bonus_id, "claimed");
    if (type === "bonus.offered" && seq > welcomedAt) this.#bonuses.offer(body);
  }

  /** @param {Events["snapshot"]} snapshot */
  #snapshot({ seq, events }) {
    this.#dispatch("snapshot", { seq, events });
    for (const { type, body } of events) if (type === "bonus.claimed") this.#bonuses.end(body.bonus_id, "claimed");
  }

  /**
   * @param {Connection} connection
   * @param {{type: "error", re: string, code: string, reason: string, retry_after_ms?: number}} error
   */
  #refused(connection, error) {
    if (!this.#hello.isPending(error.re)) this.#outbox.answered(error);
    else if (error.code === "unavailable") this.#repeatHello(connection, { atLeast: error.retry_after_ms });
    else if (error.code === "slow_down") {
      this.#connections.explain(SLOW_DOWN);
      this.#hello.repeatAfter(connection, error.retry_after_ms);
    } else connection.fail({ code: "refused", reason: error.reason });
  }

  /**
   * The server refused a message for good, and found no id in it.
   *
   * @param {Connection} connection
   * @param {{type: "error", code: string, reason: string}} error
   */
  #refusedOne(connection, error) {
    const isHello = this.#hello.isPendingOn(connection);
    if (isHello) this.#repeatHello(connection, {});
    // Another tab's message may have been refused.
    const isOther = isHello || connection.others > 0;
    if (connection === this.#connections.current) this.#outbox.refusedOne(error, isOther);
  }

  /**
   * The gateway reported an error without naming the request.
   *
   * @param {Connection} connection
   * @param {boolean} isThrottled  all clients together sent too many, and this message went no further
   */
  #failed(connection, isThrottled) {
    if (this.#hello.isPendingOn(connection)) this.#repeatHello(connection, { isThrottled });
    const isOnly = connection === this.#connections.current && connection.unanswered === 1;
    this.#visibility.failed(connection, isThrottled);
    this.#outbox.retryAll({ isThrottled, isOnly });
  }

  /**
   * @param {Connection} connection
   * @param {{isThrottled?: boolean, atLeast?: number}} options
   */
  #repeatHello(connection, options) {
    this.#connections.explain(UNAVAILABLE);
    this.#hello.repeat(connection, options);
  }

  /** @param {Request} request */
  #expiresIn({ action, bonus_id }) {
    const expiresAt = action === "claim" ? this.#bonuses.expiresAt(bonus_id) : Infinity;
    return expiresAt - this.serverNow();
  }

  /**
   * The server refused a claim until its bonus expired.
   *
   * @param {Request} request
   */
  #expired({ id, bonus_id }) {
    this.#bonuses.end(bonus_id, "expired");
    return { type: "claim", re: id, bonus_id, outcome: "expired", event: null };
  }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {Events[K]} detail
   */
  #dispatch(name, detail) {
    if (name === "status" || !this.#connections.isFinal) this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * @param {any} message
 * @returns {Watching}
 */
const watching = ({ resource, server_now, session, watched_ms, visible_ms }) => ({
  resource,
  server_now,
  session,
  watched_ms,
  visible_ms,
});

/** @param {Why} why */
const ending = ({ code, reason }) =>
  new HeadcountError(code === "closed" || code === "signed_out" ? code : "stopped", reason);

/** @param {any} message */
const isPush = ({ type, re }) => re === undefined && type !== undefined && type !== "pong" && type !== "unreadable";
