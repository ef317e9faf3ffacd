import { delay } from "./backoff.js";
import { UNSET, learn } from "./clock.js";
import { ANSWER_WITHIN } from "./connection.js";
import { Lines } from "./lines.js";
import { offered } from "./offers.js";
import { Outbox } from "./outbox.js";
import { EMPTY, arrived, welcomed } from "./stream.js";
import { HeadcountError } from "./types.js";

export { HeadcountError };

/** @import {Bonus, Claim, Events, Request, StreamEvent, Ticket, Timers, Watching, Welcome} from "./types.js" */
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
const MESSAGE_LIMIT = 16 * 1024;

/**
 * A user's presence and stream on one resource, kept over connections that come and go.
 *
 * It connects when made, and stays until `close()`. `on(name, listener)` hears what is in `Events`:
 * `status`, `welcome`, `watching`, `snapshot`, `event`, `bonus`, `claim`, `backlog`.
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
  /** @type {ReadonlyMap<string, Bonus>} */
  #offers = new Map();
  /** @type {{line: Connection, id: string}|null} the hello that has no answer yet; there is one at a time */
  #asked = null;
  #gaps = 0;
  /** @type {string|null} where the last watch led; null leaves it to the tickets */
  #watched = null;
  /** @type {any} the next hello: because of a gap, or since this one got no answer */
  #askTimer;

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
   * @returns {Promise<StreamEvent>}
   * @throws {HeadcountError}
   */
  async act(type, body = {}) {
    return (await this.#request({ action: "act", id: this.#newId(), type, body })).event;
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
    line.send({ action: "hello", id: this.#asked.id, ...(epoch === null ? {} : { since: seq, epoch }) });
    this.#helloAfter(ANSWER_WITHIN, line);
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
    else if (message.type === "bonus") this.#offer(message.bonus);
    else if (message.type === "pong") this.#lines.answered(line);
    else if (message.type === "error" && message.re !== null) this.#refused(line, message);
    // The gateway's own error frames have a `message` and no `type`, and do not say which request they answer.
    else if (message.type === "error" || message.message) this.#stumbled(line);
    else if (message.type === "watching") this.#moved(line, message);
    else {
      if (message.event) this.#follow(arrived(this.#stream, message));
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
    this.#follow(welcomed(this.#stream, welcome));
    for (const bonus of welcome.bonuses) this.#offer(bonus);
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
    const isNews = message.resource !== this.#watched;
    this.#watched = message.resource;
    this.#tell("watching", watching(message));
    this.#outbox.answered(message);
    // Bonuses that are open there were pushed before this user came: a welcome has them.
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

  /** @param {Bonus} bonus */
  #offer(bonus) {
    const { known, isNews } = offered(this.#offers, bonus);
    this.#offers = known;
    if (isNews) this.#tell("bonus", bonus);
  }

  /** @param {Step} step */
  #follow({ stream, effects }) {
    this.#stream = stream;
    const isBehind = effects.some(({ type }) => type === "ask");
    if (!isBehind) this.#gaps = 0;
    else if (this.#askTimer === undefined) this.#askAgain(this.#lines.current);
    for (const effect of effects) {
      if (effect.type === "event") this.#tell("event", effect.event);
      else if (effect.type === "snapshot") this.#tell("snapshot", { seq: effect.seq, events: effect.events });
    }
  }

  /**
   * @param {Connection} line
   * @param {{type: "error", re: string, code: string, reason: string}} error
   */
  #refused(line, error) {
    if (error.re !== this.#asked?.id) this.#outbox.answered(error);
    else if (error.code === "unavailable") this.#saysLater(line);
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
