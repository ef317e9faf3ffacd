import { Election } from "./election.js";
import { Line } from "./line.js";
import { TabSocket } from "./tab-socket.js";

/** @import {Ticket, Timers} from "./types.js" */

/**
 * @typedef {object} Env
 * @property {() => Promise<Ticket>} ticket
 * @property {new (url: string) => WebSocket} WebSocket
 * @property {LockManager|undefined} locks  undefined: this tab has a connection of its own
 * @property {(new (name: string) => BroadcastChannel)|undefined} BroadcastChannel  likewise
 * @property {() => string} newId
 * @property {() => number} now
 * @property {Timers} timers
 * @property {() => boolean} isSeen  whether the user can see this tab's page
 * @property {(resource: string) => boolean} staysAt  whether a connection to this resource has no need to move
 *
 * @typedef {object} Owner
 * @property {() => void} seen  whether the user can see another tab may have changed
 * @property {(isThere: boolean) => void} renew  connect again, beside the connection in use, which may be stale. isThere:
 *   a line is there to be used; otherwise connect only if this tab has, or tries to get, a connection
 * @property {() => void} check  another tab doubts that the line works
 *
 * @typedef {object} Group  the tabs that can share a line: those with tickets to the same terms
 * @property {string} name
 * @property {string} resource
 *
 * What tabs tell each other. A tab asks who leads, says good-bye, and sends over a line. The tab that leads names its line,
 * passes on what arrived, and says that the line is closed. While it has none, `line` is null.
 *
 * @typedef {{kind: "ask", tab: string, seen: boolean} | {kind: "bye", tab: string}
 *   | {kind: "send", line: string, socket: string, message: any}
 *   | {kind: "line", term: number, line: string|null}
 *   | {kind: "frame", line: string, to: string|null, text: string, unanswered: number}
 *   | {kind: "closed", line: string, code: number, reason: string}} Words
 */

// Of what tabs tell each other. Tabs with another version keep apart.
const VERSION = 1;
// In milliseconds: how often a tab looks whether the leader is there. Browsers run the timers of hidden pages once a second or
// a minute.
const LOOK = 500;
const LOOK_HIDDEN = 5_000;
const LOOK_DEAF = 30_000;
// A leader that is not heard for more looks is frozen. One that loads, or a busy machine's, is silent for a second at most.
const MAX_SILENT = 2;
// In milliseconds. So long a stale socket waits for the line of the next leader.
const HANDOVER = 5_000;
// In milliseconds. A tab that crashed says no good-bye. A visible one asks at each look, perhaps with the timers of a hidden page.
const FORGET_AFTER = 90_000;
const LEFT = 1000;
const LOST = 1006;

/**
 * One connection for all tabs of a browser that have the same user and resource: one tab leads and has it, the others use it.
 *
 * Each tab runs the whole client, over a `TabSocket`; only the WebSocket is shared. So when the lead passes on, a tab does what
 * any client does that replaces its connection: it says hello, gets what it missed, and sends again what has no answer.
 */
export class Tabs {
  #env;
  #owner;
  /** This tab's, among the others. */
  #id = "";
  /** @type {Group|null} null: this tab is alone */
  #group = null;
  /** @type {Ticket|null} that gave it its place in the group */
  #ticket = null;
  /** @type {Ticket|null} the same, of a page that is frozen */
  #kept = null;
  /** @type {Election|null} */
  #election = null;
  /** @type {BroadcastChannel|null} */
  #channel = null;
  /** Numbers the times that this tab was in a group. */
  #visit = 0;
  #leads = false;
  /** Numbers the leaders, so that one who was frozen is not taken for the present one. */
  #term = 0;
  /** @type {string|null} the leader's */
  #line = null;
  /** @type {Map<string, Line>} this tab's own, the newest last */
  #lines = new Map();
  /** @type {Set<TabSocket>} */
  #sockets = new Set();
  /** @type {Map<string, {seen: boolean, timer: any}>} the other tabs, while this one leads */
  #others = new Map();
  /** @type {any} the next look */
  #looking;
  /** Whether the leader was heard since the last look. */
  #isHeard = false;
  /** How many looks ago. */
  #silent = 0;
  /** A message is on its way to the leader. */
  #isWaiting = false;
  /** Another tab took the lead and is not heard: perhaps this one can hear none. Then it leaves the election, but still asks. */
  #isDeaf = false;
  /** The browser has no locks or channels for it, or its tickets do not tell whose they are. */
  #isAlone;

  /**
   * @param {Env} env
   * @param {Owner} owner
   */
  constructor(env, owner) {
    this.#env = env;
    this.#owner = owner;
    this.#isAlone = !env.locks || !env.BroadcastChannel;
  }

  /** Whether the user can see another tab that uses this one's line. */
  get isSeenElsewhere() {
    return [...this.#others.values()].some(({ seen }) => seen);
  }

  /** Get a ticket, and take the place that it gives among the tabs. One that uses another tab's line has no need of a new one. */
  async ticket() {
    if (this.#ticket && !this.#leads) return this.#ticket;
    const visit = this.#visit;
    const ticket = await this.#env.ticket();
    // The page may have been left meanwhile.
    if (visit === this.#visit) await this.#enter(ticket);
    return ticket;
  }

  /** @param {string} url */
  open(url) {
    if (!this.#group) return new this.#env.WebSocket(url);
    const socket = new TabSocket(this, this.#env.newId());
    this.#sockets.add(socket);
    if (this.#leads) this.#dial(url, socket);
    else if (this.#line) this.#attach(socket, this.#line);
    else this.#lookSoon();
    return socket;
  }

  /**
   * @param {TabSocket} socket
   * @param {any} message
   */
  send(socket, { visible, change, ...message }) {
    const own = this.#lines.get(socket.line ?? "");
    if (this.#group && message.action === "watch" && message.resource !== this.#group.resource) {
      // Tabs that share a line watch the same. So this one has its own from now on.
      this.leave();
      if (!own) return this.#owner.renew(true);
    }
    if (own) return own.send(socket.id, visible === undefined ? message : { visible, change, ...message });
    // Only the tab that leads tells the server what the user can see.
    if (message.action === "visibility") this.#noted(socket, message.id);
    else if (this.#line && this.#line === socket.line) {
      this.#post({ kind: "send", line: this.#line, socket: socket.id, message });
    }
    this.#lookSoon();
  }

  /**
   * @param {TabSocket} socket
   * @param {number} code
   */
  close(socket, code) {
    const { line } = socket;
    this.#sockets.delete(socket);
    const own = this.#lines.get(line ?? "");
    if (!line || !own) return;
    own.close(code);
    // If the page is left, this tab does not lead any more then, and the next one takes over.
    queueMicrotask(() => this.#closed(line, LOST, ""));
  }

  /** Be alone: the page is left, or the client stopped. A connection that is there stays. */
  leave() {
    if (!this.#leads) this.#post({ kind: "bye", tab: this.#id });
    this.#channel?.close();
    this.#election?.leave();
    this.#channel = this.#election = this.#group = this.#ticket = this.#line = null;
    this.#visit += 1;
    this.#leads = this.#isWaiting = this.#isDeaf = false;
    this.#term = this.#silent = 0;
    this.#env.timers.clearTimeout(this.#looking);
    for (const tab of this.#others.keys()) this.#forget(tab);
  }

  /** The page runs nothing from now on. Where other tabs can take over, they do. */
  freeze() {
    const kept = this.#ticket;
    if (this.#others.size > 0) this.#hangUp();
    this.leave();
    this.#kept = kept;
  }

  /** The page runs again. Its connection may have been made without the others. */
  resume() {
    const kept = this.#kept;
    this.#kept = null;
    if (kept && this.#ownLine) this.#enter(kept);
    else if (!this.#group && !this.#isAlone) this.#owner.renew(false);
  }

  /** @param {Ticket} ticket */
  async #enter(ticket) {
    const group = this.#isAlone ? null : groupOf(ticket);
    if (this.#isOut || (group && group.name === this.#group?.name)) return;
    this.leave();
    this.#isAlone ||= !group;
    if (!group || !this.#env.staysAt(group.resource)) return;
    const visit = this.#visit;
    try {
      const leads = await this.#join(group.name).enter();
      if (visit !== this.#visit) return;
      this.#group = group;
      this.#ticket = ticket;
      if (leads) this.#lead();
      else this.#look();
    } catch {
      // E.g. a sandboxed frame's SecurityError.
      this.#isAlone = true;
      if (visit === this.#visit) this.leave();
    }
  }

  /** @param {string} name */
  #join(name) {
    const { locks, BroadcastChannel } = /** @type {Required<Env>} */ (this.#env);
    this.#channel = new /** @type {NonNullable<typeof BroadcastChannel>} */ (BroadcastChannel)(name);
    this.#id = this.#env.newId();
    this.#channel.onmessage = ({ data }) => this.#received(data);
    this.#election = new Election(/** @type {LockManager} */ (locks), name, {
      led: () => {
        this.#lead();
        if (this.#line) return;
        this.#turn(null);
        this.#owner.renew(false);
      },
      lost: () => this.#lost(),
    });
    return this.#election;
  }

  #lead() {
    this.#leads = true;
    this.#term = Math.max(this.#term + 1, Date.now());
    this.#line = this.#ownLine;
    this.#env.timers.clearTimeout(this.#looking);
    this.#tell();
  }

  #lost() {
    this.#leads = false;
    this.#line = null;
    this.#silent = 0;
    this.#isDeaf = true;
    for (const tab of this.#others.keys()) this.#forget(tab);
    this.#look();
  }

  /** The newest line of this tab that is open. */
  get #ownLine() {
    return [...this.#lines].filter(([, { isOpen }]) => isOpen).pop()?.[0] ?? null;
  }

  /**
   * @param {string} url
   * @param {TabSocket} socket
   */
  #dial(url, socket) {
    const id = this.#env.newId();
    socket.line = id;
    const line = new Line(new this.#env.WebSocket(url), {
      opened: () => {
        socket.onopen?.();
        if (!this.#leads) return;
        this.#line = id;
        this.#tell();
      },
      received: (text, to) => {
        const words = /** @type {const} */ ({ kind: "frame", line: id, to, text, unanswered: line.unanswered });
        this.#deliver(words);
        if (this.#leads) this.#post(words);
      },
      closed: (code, reason) => this.#closed(id, code, reason),
    }, this.#env.now);
    this.#lines.set(id, line);
  }

  /**
   * @param {TabSocket} socket
   * @param {string} line
   */
  #attach(socket, line) {
    socket.line = line;
    // Its connection does not listen yet.
    queueMicrotask(() => this.#sockets.has(socket) && socket.onopen?.());
  }

  /**
   * @param {TabSocket} socket
   * @param {string} re
   */
  #noted(socket, re) {
    this.#ask();
    queueMicrotask(() => this.#sockets.has(socket) && socket.onmessage?.({ data: JSON.stringify({ type: "noted", re }) }));
  }

  /** @param {Extract<Words, {kind: "frame"}>} frame */
  #deliver({ line, to, text, unanswered }) {
    for (const socket of [...this.#sockets]) {
      if (socket.line !== line || (to !== null && to !== socket.id)) continue;
      socket.unanswered = unanswered;
      socket.onmessage?.({ data: text });
    }
  }

  /**
   * @param {string} line
   * @param {number} code
   * @param {string} reason
   */
  #closed(line, code, reason) {
    this.#lines.delete(line);
    for (const socket of [...this.#sockets]) if (socket.line === line) this.#drop(socket, code, reason);
    if (this.#line !== line) return;
    this.#line = this.#ownLine;
    if (!this.#leads) return;
    this.#post({ kind: "closed", line, code, reason });
    this.#tell();
  }

  /**
   * @param {TabSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  #drop(socket, code, reason) {
    if (this.#sockets.delete(socket)) socket.onclose?.({ code, reason });
  }

  /** Close this tab's lines; its own sockets become stale. */
  #hangUp() {
    for (const line of this.#lines.values()) line.close(LEFT);
    this.#lines.clear();
  }

  // What tabs tell each other.

  /** @param {Words} words */
  #post(words) {
    this.#channel?.postMessage(words);
  }

  #ask() {
    this.#post({ kind: "ask", tab: this.#id, seen: this.#env.isSeen() });
  }

  #tell() {
    this.#post({ kind: "line", term: this.#term, line: this.#line });
  }

  /** @param {Words} words */
  #received(words) {
    if (this.#leads) this.#asked(words);
    else if (words.kind === "line") this.#heard(words);
    else if (words.kind === "frame") this.#took(words);
    else if (words.kind === "closed") this.#closed(words.line, words.code, words.reason);
  }

  /** @param {Extract<Words, {kind: "frame"}>} frame */
  #took(frame) {
    if (frame.line === this.#line) this.#isHeard = true;
    this.#deliver(frame);
  }

  /** @param {Words} words */
  #asked(words) {
    if (words.kind === "send") this.#passOn(words);
    else if (words.kind === "ask") {
      this.#remember(words.tab, words.seen);
      this.#tell();
    } else if (words.kind === "bye") this.#forget(words.tab);
  }

  /** @param {Extract<Words, {kind: "send"}>} words */
  #passOn({ line, socket, message }) {
    this.#lines.get(line)?.send(socket, message);
    // Only this tab can replace the line.
    if (line === this.#line && message.action === "ping") this.#owner.check();
  }

  /**
   * @param {string} tab
   * @param {boolean} seen
   */
  #remember(tab, seen) {
    const { timers } = this.#env;
    const before = this.#others.get(tab);
    timers.clearTimeout(before?.timer);
    this.#others.set(tab, { seen, timer: seen ? timers.setTimeout(() => this.#forget(tab), FORGET_AFTER) : undefined });
    if (Boolean(before?.seen) !== seen) this.#owner.seen();
  }

  /** @param {string} tab */
  #forget(tab) {
    const before = this.#others.get(tab);
    this.#env.timers.clearTimeout(before?.timer);
    this.#others.delete(tab);
    if (before?.seen) this.#owner.seen();
  }

  /** @param {Extract<Words, {kind: "line"}>} words */
  #heard({ term, line }) {
    if (this.#isOut) {
      this.leave();
      return this.#owner.renew(true);
    }
    if (term < this.#term) return;
    const isNew = term > this.#term;
    this.#term = term;
    this.#line = line;
    this.#isHeard = true;
    this.#isDeaf = this.#isWaiting = false;
    // Before its first hello, the new leader learns whether the user can see this tab.
    if (isNew) this.#ask();
    this.#turn(line);
  }

  /**
   * Turn to this line: sockets that waited for one are open now, those on another are stale.
   *
   * @param {string|null} line
   */
  #turn(line) {
    const { timers } = this.#env;
    for (const socket of this.#sockets) {
      if (socket.line === null && line) this.#attach(socket, line);
      if (socket.line === null || socket.line === line || socket.isStale) continue;
      socket.isStale = true;
      timers.setTimeout(() => {
        socket.isStale = false;
        if (socket.line !== this.#line) this.#drop(socket, LOST, "");
      }, HANDOVER);
    }
    if (line && ![...this.#sockets].some((socket) => socket.line === line)) this.#owner.renew(true);
  }

  // Whether the leader is there.

  #look() {
    if (!this.#channel || this.#leads) return;
    const isSeen = this.#env.isSeen();
    this.#silent = this.#isHeard ? 0 : this.#silent + 1;
    this.#isHeard = false;
    // What another tab asked tells a hidden one as well.
    if (this.#silent > 0 || isSeen) this.#ask();
    if (this.#silent > MAX_SILENT) this.#takeOver();
    if (this.#isOut) return this.#lookAfter(LOOK_DEAF);
    const waits = this.#isWaiting || [...this.#sockets].some(({ line }) => line === null);
    this.#lookAfter(waits || isSeen || this.#silent > 0 ? LOOK : LOOK_HIDDEN);
  }

  /** A message was sent that the leader may not take. */
  #lookSoon() {
    if (this.#isWaiting || !this.#channel || this.#leads) return;
    this.#isWaiting = true;
    this.#lookAfter(LOOK);
  }

  /** @param {number} milliseconds */
  #lookAfter(milliseconds) {
    const { timers } = this.#env;
    if (!this.#channel) return;
    timers.clearTimeout(this.#looking);
    this.#looking = timers.setTimeout(() => this.#look(), milliseconds);
  }

  /** The leader is frozen. But if this tab was taken for frozen by one that it does not hear, it uses a connection of its own. */
  #takeOver() {
    if (this.#isOut) return;
    this.#silent = 0;
    if (!this.#isDeaf) return this.#election?.steal();
    this.#election?.leave();
    this.#election = this.#group = this.#ticket = null;
    if (!this.#ownLine) this.#owner.renew(true);
  }

  get #isOut() {
    return Boolean(this.#channel) && !this.#election;
  }
}

/**
 * @param {Ticket} ticket
 * @returns {Group|null} null if it is not a ticket of Headcount's own
 */
function groupOf({ url, ticket }) {
  try {
    const bytes = atob(ticket.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
    const { jti, exp, iat, nbf, ...terms } = JSON.parse(text);
    if (typeof terms.sub !== "string") return null;
    return { name: `headcount ${VERSION} ${url} ${JSON.stringify(terms)}`, resource: terms.resource ?? "site" };
  } catch {
    return null;
  }
}
