import { Election } from "./election.js";
import { Leader } from "./leader.js";
import { Sockets } from "./sockets.js";

/** @import {Env as ClientEnv} from "./env.js" */
/** @import {Frame} from "./sockets.js" */
/** @import {TabSocket} from "./tab-socket.js" */
/** @import {Ticket} from "./types.js" */

/**
 * @typedef {object} Own
 * @property {() => Promise<Ticket>} ticket
 * @property {new (url: string) => WebSocket} WebSocket
 * @property {LockManager|undefined} locks  undefined: this tab has a connection of its own
 * @property {(new (name: string) => BroadcastChannel)|undefined} BroadcastChannel  likewise
 * @property {(resource: string) => boolean} staysAt  whether a connection to this resource has no need to move
 *
 * @typedef {ClientEnv & Own} Env
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
 *   | Frame
 *   | {kind: "closed", line: string, code: number, reason: string}} Words
 */

// Of what tabs tell each other. Tabs with another version keep apart.
const VERSION = 1;

/**
 * One connection for all tabs of a browser that have the same user and resource: one tab leads and has it, the others use it.
 *
 * Each tab runs the whole client, over a `TabSocket`; only the WebSocket is shared. So when the lead passes on, a tab does what
 * any client does that replaces its connection: it says hello, gets what it missed, and sends again what has no answer.
 */
export class Tabs {
  #env;
  #owner;
  #sockets;
  #leader;
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
  /** @type {Map<string, AbortController|null>} the other tabs, while this one leads; those that the user sees are watched */
  #others = new Map();
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
    this.#sockets = new Sockets(env, {
      opened: (line) => this.#leads && this.#tell(line),
      received: (frame) => {
        this.#sockets.deliver(frame);
        if (this.#leads) this.#post(frame);
      },
      closed: (line, code, reason) => this.#closed(line, code, reason),
    });
    this.#leader = new Leader(env, {
      isOut: () => this.#isOut,
      waits: () => this.#sockets.isOn(null),
      ask: () => this.#ask(),
      silent: () => this.#takeOver(),
    });
  }

  /** Whether the user can see another tab that uses this one's line. */
  get isSeenElsewhere() {
    return [...this.#others.values()].some(Boolean);
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
    const socket = this.#sockets.add(this);
    if (this.#leads) this.#sockets.dial(url, socket);
    else if (this.#line) this.#sockets.attach(socket, this.#line);
    else this.#leader.lookSoon();
    return socket;
  }

  /**
   * @param {TabSocket} socket
   * @param {any} message
   */
  send(socket, { visible, change, ...message }) {
    const own = this.#sockets.line(socket.line);
    if (this.#group && message.action === "watch" && message.resource !== this.#group.resource) {
      // Tabs that share a line watch the same. So this one has its own from now on.
      this.leave();
      if (!own) return this.#owner.renew(true);
    }
    if (own) return own.send(socket.id, visible === undefined ? message : { visible, change, ...message });
    if (message.action === "visibility") {
      // Only the tab that leads tells the server what the user can see.
      this.#ask();
      this.#sockets.answer(socket, { type: "noted", re: message.id });
    } else if (this.#line && this.#line === socket.line) {
      this.#post({ kind: "send", line: this.#line, socket: socket.id, message });
    }
    if (this.#follows) this.#leader.lookSoon();
  }

  /**
   * @param {TabSocket} socket
   * @param {number} code
   */
  close(socket, code) {
    this.#sockets.close(socket, code);
  }

  /** Be alone: the page is left, or the client stopped. A connection that is there stays. */
  leave() {
    if (!this.#leads) this.#post({ kind: "bye", tab: this.#id });
    this.#channel?.close();
    this.#election?.leave();
    this.#channel = this.#election = this.#group = this.#ticket = this.#line = null;
    this.#visit += 1;
    this.#leads = this.#isDeaf = false;
    this.#term = 0;
    this.#leader.stop();
    this.#forgetAll();
  }

  /** The page runs nothing from now on. Where other tabs can take over, they do. */
  freeze() {
    const kept = this.#ticket;
    if (this.#others.size > 0) this.#sockets.hangUp();
    this.leave();
    this.#kept = kept;
  }

  /** The page runs again. Its connection may have been made without the others. */
  resume() {
    const kept = this.#kept;
    this.#kept = null;
    if (kept && this.#sockets.ownLine) this.#enter(kept);
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
      else this.#leader.look();
    } catch {
      // E.g. a sandboxed frame's SecurityError.
      this.#isAlone = true;
      if (visit === this.#visit) this.leave();
    }
  }

  /** @param {string} name */
  #join(name) {
    const { locks, BroadcastChannel } = /** @type {Required<Own>} */ (this.#env);
    this.#channel = new /** @type {NonNullable<typeof BroadcastChannel>} */ (BroadcastChannel)(name);
    this.#channel.onmessage = ({ data }) => this.#received(data);
    this.#id = this.#env.newId();
    this.#election = new Election(/** @type {LockManager} */ (locks), name, this.#id, {
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
    this.#leader.stop();
    this.#tell(this.#sockets.ownLine);
  }

  #lost() {
    this.#leads = false;
    this.#line = null;
    this.#isDeaf = true;
    this.#forgetAll();
    this.#leader.look();
  }

  /**
   * @param {string} line
   * @param {number} code
   * @param {string} reason
   */
  #closed(line, code, reason) {
    this.#sockets.closed(line, code, reason);
    if (this.#line !== line) return;
    const { ownLine } = this.#sockets;
    this.#line = ownLine;
    if (!this.#leads) return;
    this.#post({ kind: "closed", line, code, reason });
    this.#tell(ownLine);
  }

  // What tabs tell each other.

  /** @param {Words} words */
  #post(words) {
    this.#channel?.postMessage(words);
  }

  async #ask() {
    const seen = this.#env.isSeen();
    // Otherwise the leader might take it for gone.
    await this.#election?.shows(seen);
    this.#post({ kind: "ask", tab: this.#id, seen });
  }

  /** @param {string|null} line  this tab's, which leads */
  #tell(line) {
    this.#line = line;
    this.#post({ kind: "line", term: this.#term, line });
  }

  /** @param {Words} words */
  #received(words) {
    if (this.#leads) this.#asked(words);
    else if (words.kind === "line") this.#heard(words);
    else if (words.kind === "closed") this.#closed(words.line, words.code, words.reason);
    else if (words.kind === "frame") {
      if (words.line === this.#line) this.#leader.heard();
      this.#sockets.deliver(words);
    }
  }

  /** @param {Words} words */
  #asked(words) {
    if (words.kind === "ask") {
      this.#remember(words.tab, words.seen);
      this.#tell(this.#line);
    } else if (words.kind === "send") {
      const { line, socket, message } = words;
      this.#sockets.line(line)?.send(socket, message);
      // Only this tab can replace the line.
      if (line === this.#line && message.action === "ping") this.#owner.check();
    } else if (words.kind === "bye") this.#forget(words.tab);
  }

  /**
   * @param {string} tab
   * @param {boolean} seen
   */
  #remember(tab, seen) {
    const before = this.#others.get(tab) ?? null;
    if (seen === Boolean(before)) {
      this.#others.set(tab, before);
      return;
    }
    before?.abort();
    this.#others.set(tab, seen && this.#election ? this.#election.watch(tab, () => this.#forget(tab)) : null);
    this.#owner.seen();
  }

  /** @param {string} tab */
  #forget(tab) {
    const before = this.#others.get(tab);
    before?.abort();
    this.#others.delete(tab);
    if (before) this.#owner.seen();
  }

  #forgetAll() {
    for (const tab of this.#others.keys()) this.#forget(tab);
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
    this.#leader.answered();
    this.#isDeaf = false;
    // Before its first hello, the new leader learns whether the user can see this tab.
    if (isNew) this.#ask();
    this.#turn(line);
  }

  /** @param {string|null} line */
  #turn(line) {
    this.#sockets.turn(line, () => this.#line);
    if (line && !this.#sockets.isOn(line)) this.#owner.renew(true);
  }

  // Whether the leader is there.

  get #follows() {
    return this.#channel && !this.#leads;
  }

  /** The leader is frozen. But if this tab was taken for frozen by one that it does not hear, it uses a connection of its own. */
  #takeOver() {
    if (!this.#isDeaf) return this.#election?.steal();
    this.#election?.leave();
    this.#election = this.#group = this.#ticket = null;
    if (!this.#sockets.ownLine) this.#owner.renew(true);
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
