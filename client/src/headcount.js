import { after, delay } from "./backoff.js";
import { Bonuses } from "./bonus.js";
import * as broadcasts from "./broadcasts.js";
import { UNSET, learn } from "./clock.js";
import { ANSWER_TIMEOUT } from "./connection.js";
import { Lines } from "./reconnect.js";
import { Outbox } from "./outbox.js";
import { EMPTY, arrived, welcomed } from "./stream.js";
import { HeadcountError } from "./types.js";

export { HeadcountError };

/** @import {Claim, Events, Ledger, News, Place, Request, StreamEvent, Ticket, Timers, Watching, Welcome} from "./types.js" */
/** @import {Connection} from "./connection.js" */
/** @import {Step} from "./stream.js" */

/**
 * @typedef {object} Options  everything but `ticket` has a default; tests hand in the rest
 * @property {(wish: {resource: string|null}) => Promise<Ticket>} ticket  asked before every connection; `resource` is
 *   where the last `watch` led, null before the first: a ticket for that one spares the detour over its own. A rejection
 *   is tried again later, except one whose error has a `status` of 4xx (without 408, 425, 429) or `permanent: true`: then
 *   the client stops.
 * @property {Pick<Storage, "getItem"|"setItem"|"removeItem">} [storage]  e.g. sessionStorage: unanswered requests
 *   survive a reload
 * @property {new (url: string) => WebSocket} [WebSocket]
 * @property {() => number} [random]
 * @property {() => number} [now]
 * @property {() => string} [newId]
 * @property {Timers["setTimeout"]} [setTimeout]
 * @property {Timers["clearTimeout"]} [clearTimeout]
 * @property {EventTarget} [window]
 * @property {EventTarget & {visibilityState?: string}} [document]
 */

// Replies and pushes overtake each other by a few milliseconds; asking at once would ask for what is on its way.
const GAP = { base: 400, cap: 30_000 };
// A broadcast that was not pushed in time is missed by everybody at once: 150,000 hellos want half a minute.
const MISSED = { base: 30_000, cap: 300_000 };
const MESSAGE_LIMIT = 16 * 1024;

/**
 * A user's presence and stream on one resource, kept over connections that come and go.
 *
 * It connects when made, and stays until `close()`. `on(name, listener)` hears what is in `Events`:
 * `status`, `welcome`, `watching`, `snapshot`, `event`, `state`, `bonus`, `claim`, `news`, `backlog`.
 *
 *     const headcount = new Headcount({ ticket: () => fetch("/my/ticket").then((response) => response.json()) });
 *     headcount.on("event", ({ type, body }) => show(type, body));
 *     headcount.on("bonus", (bonus) => offer(bonus, () => headcount.claim(bonus.bonus_id)));
 *     await headcount.act("like", { photo: 7 });
 */
export class Headcount extends EventTarget {
  #random;
  #now;
  #newId;
  #timers;
  #lines;
  #outbox;
  #page = new AbortController();
  #clock = UNSET;
  #stream = EMPTY;
  #broadcasts = broadcasts.NOTHING;
  #bonuses;
  /** @type {{line: Connection, id: string}|null} the hello that has no answer yet; there is one at a time */
  #asked = null;
  #gaps = 0;
  /** @type {string|null} where the last watch led; null leaves it to the tickets */
  #watched = null;
  /** @type {any} the next hello: because of a gap, or since this one got no answer */
  #askTimer;
  #misses = 0;
  /** @type {any} the next hello because of a broadcast that is missing */
  #missTimer;

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? Date.now;
    this.#newId = options.newId ?? newId;
    this.#timers = {
      setTimeout: options.setTimeout ?? ((callback, milliseconds) => setTimeout(callback, milliseconds)),
      clearTimeout: options.clearTimeout ?? ((timer) => clearTimeout(timer)),
    };
    this.#lines = this.#makeLines(options);
    this.#outbox = new Outbox({
      send: (request) => this.#lines.current?.send(request),
      timers: this.#timers,
      random: this.#random,
      storage: options.storage,
      changed: (backlog) => this.#tell("backlog", backlog),
    });
    this.#bonuses = new Bonuses({
      told: (bonus) => this.#tell("bonus", bonus),
      acknowledge: (bonusId) => this.#acknowledge(bonusId),
      isClaiming: (bonusId) => this.#outbox.isClaiming(bonusId),
      serverNow: () => this.serverNow(),
      random: this.#random,
      timers: this.#timers,
    });
    this.#listenToPage(options);
    // As with a WebSocket, whoever makes one has time to listen before anything is heard.
    queueMicrotask(() => this.#lines.isFinal || this.#lines.dial());
  }

  /** What the last `status` said. */
  get status() {
    return this.#lines.status;
  }

  /** What the last `backlog` said. */
  get backlog() {
    return this.#outbox.backlog;
  }

  /** The user's state, which acts change by their patches: as of the last event. {} before the first welcome. */
  get state() {
    return this.#stream.state;
  }

  /** The server's time in milliseconds since the epoch, to within half of the quickest round trip. */
  serverNow() {
    return this.#now() + this.#clock.offset;
  }

  /**
   * Do something that all of this user's tabs and devices see. Resolves with its entry in the stream.
   *
   * It is done once, and after the acts before it, however many connections that takes.
   *
   * @param {string} type  lower case letters, digits, - and _, at most 64, a letter first
   * @param {object} [body]
   * @param {{patch?: object}} [options]  patch: what it changes in the user's state, as a JSON merge patch (RFC 7396). The
   *   state has room for 16 KB: beyond that the act is refused with code "state_too_large"
   * @returns {Promise<StreamEvent>}
   * @throws {HeadcountError}
   */
  async act(type, body = {}, { patch } = {}) {
    return (await this.#request({ action: "act", id: this.#newId(), type, body, patch })).event;
  }

  /**
   * Take a bonus. Resolves with how that ended; too late or sold out is an outcome, not an error.
   *
   * @param {string} bonusId
   * @returns {Promise<Claim>}
   * @throws {HeadcountError}
   */
  async claim(bonusId) {
    const { bonus_id, outcome, event } = await this.#request({ action: "claim", id: this.#newId(), bonus_id: bonusId });
    const claim = { bonus_id, outcome, event };
    this.#tell("claim", claim);
    return claim;
  }

  /**
   * Watch something else over the same connection. Resolves with the session there, once this user is in it; a welcome
   * follows.
   *
   * Remembered: connections that follow this one are moved there too. Called again before the answer, the last one counts
   * and answers for all. The ticket must allow it (`may_watch`), or it is refused with code "not_allowed".
   *
   * @param {string} resource  1 to 128 characters
   * @returns {Promise<Watching>}
   * @throws {HeadcountError}
   */
  async watch(resource) {
    return watching(await this.#request({ action: "watch", id: this.#newId(), resource }));
  }

  /**
   * What happened to this user's bonuses, newest first, a page at a time.
   *
   * @param {{before?: Ledger["next"]}} [options]  before: `next` of the page before; null or nothing for the newest
   * @returns {Promise<Ledger>}
   * @throws {HeadcountError}
   */
  async ledger({ before } = {}) {
    const { entries, next } = await this.#request({ action: "ledger", id: this.#newId(), before: before ?? undefined });
    return { entries, next };
  }

  /** Something changed, e.g. the network: see whether the line still works, or try again within a second. */
  wake() {
    this.#lines.wake();
  }

  /** Leave for good. What has no answer yet is rejected with code "closed"; the last that is heard is a `status`. */
  close() {
    if (!this.#lines.isFinal) this.#lines.stop("closed");
  }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {(detail: Events[K]) => void} listener
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    /** @param {any} event */
    const hear = ({ detail }) => listener(detail);
    this.addEventListener(name, hear);
    return () => this.removeEventListener(name, hear);
  }

  // Connections.

  /** @param {Options} options */
  #makeLines({ ticket, WebSocket = globalThis.WebSocket }) {
    const wish = () => ticket({ resource: this.#watched });
    const world = { ticket: wish, WebSocket, now: this.#now, timers: this.#timers };
    return new Lines(world, this.#random, {
      opened: (line) => this.#hello(line),
      received: (line, message, sentAt) => this.#receive(line, message, sentAt),
      ended: (line) => this.#ended(line),
      resumed: () => this.#outbox.resume(),
      changed: (status) => {
        if (status.status !== "online") this.#outbox.pause();
        this.#tell("status", status);
        if (status.status === "stopped") this.#stopped(status.reason);
      },
    });
  }

  /** @param {Connection} line */
  #ended(line) {
    if (this.#asked && this.#asked.line !== line) return;
    this.#askAgain(this.#stream.waiting.length > 0 ? this.#lines.current : null);
  }

  /** @param {string} reason */
  #stopped(reason) {
    this.#page.abort();
    this.#timers.clearTimeout(this.#askTimer);
    this.#timers.clearTimeout(this.#missTimer);
    this.#bonuses.stop();
    this.#outbox.fail(ending(reason));
  }

  /**
   * A network that comes back and a tab that is looked at again are reasons to try now; timers sleep in hidden tabs.
   *
   * @param {Options} options
   */
  #listenToPage({ window = globalThis.window, document = globalThis.document }) {
    const { signal } = this.#page;
    window?.addEventListener("online", () => this.#lines.network(true), { signal });
    window?.addEventListener("offline", () => this.#lines.network(false), { signal });
    document?.addEventListener("visibilitychange", () => document.visibilityState === "hidden" || this.wake(), { signal });
  }

  // Messages.

  /** @param {Connection} line */
  #hello(line) {
    const { epoch, seq } = this.#stream;
    this.#asked = { line, id: this.#newId() };
    const broadcasts_since = this.#broadcasts.seq ?? undefined;
    line.send({ action: "hello", id: this.#asked.id, ...(epoch === null ? {} : { since: seq, epoch }), broadcasts_since });
    this.#helloAfter(ANSWER_TIMEOUT, line);
  }

  /** @param {Connection|null} line  with nobody to ask, the next connection's first hello does it */
  #askAgain(line) {
    this.#nothingAsked();
    if (line) this.#helloAfter(delay(this.#gaps++, { ...GAP, random: this.#random }), line);
  }

  /**
   * @param {number} milliseconds
   * @param {Connection} line
   */
  #helloAfter(milliseconds, line) {
    this.#timers.clearTimeout(this.#askTimer);
    this.#askTimer = this.#timers.setTimeout(() => this.#hello(line), milliseconds);
  }

  #nothingAsked() {
    this.#asked = null;
    this.#timers.clearTimeout(this.#askTimer);
    this.#askTimer = undefined;
  }

  /**
   * @param {Connection} line
   * @param {any} message
   * @param {number|undefined} sentAt
   */
  #receive(line, message, sentAt) {
    if (sentAt !== undefined && Number.isFinite(message.server_now)) {
      this.#clock = learn(this.#clock, { sentAt, receivedAt: this.#now(), serverNow: message.server_now });
    }
    if (message.type === "welcome") this.#welcome(line, message);
    else if (message.type === "bonus") this.#bonus(message);
    else if (message.type === "news") this.#hear(broadcasts.pushed(this.#broadcasts, message.broadcast, [message.news]));
    else if (message.type === "pong") this.#lines.answered(line);
    else if (message.type === "error" && message.re !== null) this.#refused(line, message);
    // The gateway's own error frames have a `message` and no `type`, and do not say which request they answer.
    else if (message.type === "error" || message.message) this.#stumbled(line);
    else if (message.type === "watching") this.#moved(line, message);
    else {
      if (message.event) this.#follow(arrived(this.#stream, message), 0);
      if (message.type === "claim") this.#bonuses.end(message.bonus_id, message.outcome);
      this.#outbox.answered(message);
    }
    if (typeof message.is_counted === "boolean") this.#lines.counted(message.is_counted);
  }

  /**
   * @param {Connection} line
   * @param {Welcome} welcome
   */
  #welcome(line, welcome) {
    this.#nothingAsked();
    const isNew = this.#lines.take(line);
    this.#tell("welcome", welcome);
    this.#follow(welcomed(this.#stream, welcome), welcome.seq);
    for (const bonus of welcome.bonuses) this.#bonuses.offer(bonus);
    this.#hear(broadcasts.welcomed(this.#broadcasts, welcome));
    this.#outbox.restore(`${welcome.user_id}.${welcome.resource}`);
    if (isNew) this.#stay(welcome.resource);
    if (isNew) this.#outbox.resume();
  }

  /**
   * @param {Connection} line
   * @param {Watching & {type: string, re: string, is_counted: boolean}} message
   */
  #moved(line, message) {
    // In no session, the connection went nowhere: the watch is sent again over the next one.
    if (!message.is_counted) return;
    const isNews = message.resource !== this.#watched || message.resource !== this.#broadcasts.resource;
    this.#watched = message.resource;
    this.#broadcasts = broadcasts.moved(this.#broadcasts, message.resource);
    this.#tell("watching", watching(message));
    this.#outbox.answered(message);
    // Bonuses and news that are good there were pushed before this user came: a welcome has them.
    if (isNews) this.#hello(line);
  }

  /**
   * The ticket may name another resource than the one this page has moved to: go there again, unless that is refused.
   *
   * @param {string} resource  the connection's
   */
  #stay(resource) {
    if (this.#watched === null || this.#watched === resource || this.#outbox.hasWatch) return;
    this.watch(this.#watched).catch(() => (this.#watched = null));
  }

  /** @param {{broadcast: Place|null, bonus: import("./types.js").Bonus}} message */
  #bonus({ broadcast, bonus }) {
    this.#bonuses.offer(bonus);
    if (broadcast) this.#hear(broadcasts.pushed(this.#broadcasts, broadcast));
  }

  /** @param {string} bonus_id */
  #acknowledge(bonus_id) {
    // Refused, it would be refused again.
    this.#request({ action: "ack", id: this.#newId(), bonus_id }).catch(() => {});
  }

  /** @param {import("./broadcasts.js").Step} step */
  #hear({ broadcasts: now, news, isBehind }) {
    this.#broadcasts = now;
    if (!isBehind) this.#missesNothing();
    else if (this.#missTimer === undefined && this.#lines.current) this.#missesOne();
    for (const one of news) this.#tell("news", one);
  }

  #missesNothing() {
    this.#misses = 0;
    this.#timers.clearTimeout(this.#missTimer);
    this.#missTimer = undefined;
  }

  #missesOne() {
    this.#missTimer = this.#timers.setTimeout(() => {
      this.#missTimer = undefined;
      const { current } = this.#lines;
      // A hello that is under way asks for it too, and so does the next connection's.
      if (current && !this.#asked) this.#hello(current);
    }, delay(this.#misses++, { ...MISSED, random: this.#random }));
  }

  /**
   * @param {Step} step
   * @param {number} welcomedAt  offers up to this seq of the stream are in the welcome, as far as they still hold
   */
  #follow({ stream, effects }, welcomedAt) {
    const isChanged = stream.state !== this.#stream.state;
    this.#stream = stream;
    const isBehind = effects.some(({ type }) => type === "ask");
    if (!isBehind) this.#gaps = 0;
    else if (this.#askTimer === undefined) this.#askAgain(this.#lines.current);
    for (const effect of effects) {
      if (effect.type === "event") this.#happened(effect.event, welcomedAt);
      else if (effect.type === "snapshot") this.#snapshot(effect);
    }
    if (isChanged) this.#tell("state", stream.state);
  }

  /**
   * @param {StreamEvent} event
   * @param {number} welcomedAt
   */
  #happened(event, welcomedAt) {
    this.#tell("event", event);
    const { seq, type, body } = event;
    if (type === "bonus.claimed") this.#bonuses.end(body.bonus_id, "claimed");
    if (type === "bonus.offered" && seq > welcomedAt && this.serverNow() < body.expires_at) this.#bonuses.offer(body);
  }

  /** @param {Events["snapshot"]} snapshot */
  #snapshot({ seq, events }) {
    this.#tell("snapshot", { seq, events });
    for (const { type, body } of events) if (type === "bonus.claimed") this.#bonuses.end(body.bonus_id, "claimed");
  }

  /**
   * @param {Connection} line
   * @param {{type: "error", re: string, code: string, reason: string, retry_after_ms?: number}} error
   */
  #refused(line, error) {
    if (error.re !== this.#asked?.id) this.#outbox.answered(error);
    else if (error.code === "unavailable") this.#saysLater(line);
    else if (error.code === "slow_down") this.#slowsDown(line, error.retry_after_ms ?? GAP.cap);
    else line.fail(error.reason);
  }

  /** @param {Connection} line */
  #stumbled(line) {
    if (line === this.#asked?.line) this.#saysLater(line);
    this.#outbox.stumbled();
  }

  /** @param {Connection} line  whose hello could not be answered */
  #saysLater(line) {
    this.#lines.explain("the server cannot answer right now");
    this.#askAgain(line);
  }

  /**
   * @param {Connection} line
   * @param {number} milliseconds  until a hello is let through
   */
  #slowsDown(line, milliseconds) {
    this.#lines.explain("this user sent too much for a moment");
    this.#nothingAsked();
    this.#helloAfter(after(milliseconds, this.#random), line);
  }

  /**
   * @param {Request} request
   * @returns {Promise<any>}
   */
  #request(request) {
    if (this.#lines.isFinal) return Promise.reject(ending(this.status.reason));
    if (new TextEncoder().encode(JSON.stringify(request)).length > MESSAGE_LIMIT) {
      return Promise.reject(new HeadcountError("too_large", "a message has at most 16 KB"));
    }
    return this.#outbox.add(request);
  }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {Events[K]} detail
   */
  #tell(name, detail) {
    if (name === "status" || !this.#lines.isFinal) this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** 128 random bits; crypto.randomUUID exists on https and localhost only. */
const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * @param {any} message
 * @returns {Watching}
 */
const watching = ({ resource, server_now, session, watched_ms }) => ({ resource, server_now, session, watched_ms });

/** @param {string} reason */
const ending = (reason) => new HeadcountError(reason === "closed" ? "closed" : "stopped", reason);
