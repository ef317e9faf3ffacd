/** The server's side of users whose browsers share connections: it does each request once, and pushes to the other connections. */

import { merge } from "../../client/src/merge.js";
import { fakeSockets } from "./fakes.mjs";
import { ticketFor } from "./fake-browser.mjs";

// At most so many events are in a snapshot or a recovery.
const EVENTS = 8;
// In milliseconds, each way.
const WAY = 20;

class User {
  epoch = "e1";
  events = [];
  state = {};
  /** The answers given, by request. */
  done = new Map();
}

export class FakeServer {
  sockets = [];
  messages = [];
  tickets = 0;
  isDown = false;
  /** Whether pushes are lost and come twice. */
  isLossy = false;
  #users = new Map();
  #bonuses = [];

  constructor(time, random) {
    this.time = time;
    this.random = random;
    const { FakeWebSocket } = fakeSockets();
    const server = this;
    this.WebSocket = class extends FakeWebSocket {
      constructor(url) {
        super(url);
        server.sockets.push(this);
        time.setTimeout(() => server.#accept(this), WAY);
      }

      send(text) {
        super.send(text);
        server.#later(() => this.closed === null && server.#take(this, JSON.parse(text)));
      }
    };
  }

  ticket = (tab, { resource }) => ticketFor(tab.user, resource ?? tab.resource, ++this.tickets);

  user(name) {
    if (!this.#users.has(name)) this.#users.set(name, new User());
    return this.#users.get(name);
  }

  /** Open connections, of one user or of all. */
  open(name) {
    return this.sockets.filter(({ closed, user }) => closed === null && user && (!name || user === name));
  }

  /** Whether the user can see one of these connections. */
  sees(name) {
    return this.open(name).some(({ visible }) => visible?.visible);
  }

  count(action) {
    return this.messages.filter((message) => message.action === action).length;
  }

  /** An event that the server itself, or another device, makes. */
  makes(name, { type = "note", body = {}, patch, id = null } = {}, by = null) {
    const user = this.user(name);
    const event = { seq: user.events.length + 1, type, body, at: 1, id, patch };
    user.events.push(event);
    if (patch) user.state = merge(user.state, patch);
    for (const socket of this.open(name)) {
      if (socket !== by) this.#push(socket, { type: "event", server_now: 1, epoch: user.epoch, event });
    }
    return event;
  }

  /** A bonus for all, which wants to be acknowledged. */
  offers(bonus_id) {
    const bonus = { bonus_id, reward: {}, opens_at: 1, expires_at: 9e15, outcome: null, acknowledge: true };
    this.#bonuses.push(bonus);
    const seq = this.#bonuses.length;
    const broadcast = { seq, follows: seq - 1 };
    for (const socket of this.open()) this.#push(socket, { type: "bonus", server_now: 1, broadcast, bonus });
  }

  /** Cut every line. */
  cut() {
    for (const socket of this.open()) this.#drop(socket);
  }

  #drop(socket) {
    socket.closed = 1006;
    socket.tab.does(() => socket.drop(1006));
  }

  #accept(socket) {
    if (socket.closed !== null) return;
    const { ticket } = Object.fromEntries(new URL(socket.url).searchParams);
    const terms = termsOf(ticket);
    // A ticket opens one connection.
    const isUsed = this.sockets.some(({ jti }) => jti === terms.jti);
    socket.jti = terms.jti;
    if (isUsed || this.isDown) return this.#drop(socket);
    Object.assign(socket, { user: terms.sub, resource: terms.resource });
    socket.tab.does(() => socket.accept());
  }

  #later(callback) {
    this.time.setTimeout(callback, WAY + this.random() * WAY);
  }

  #push(socket, message) {
    const luck = this.isLossy ? this.random() : 0.5;
    if (luck > 0.05) this.#tell(socket, message);
    if (luck > 0.95) this.#tell(socket, message);
  }

  #tell(socket, message) {
    this.#later(() => socket.closed === null && socket.tab.does(() => socket.closed === null && socket.receive(message)));
  }

  #take(socket, message) {
    const { action, id } = message;
    this.messages.push({ ...message, by: socket });
    if (action === "visibility" || (action === "hello" && "visible" in message)) this.#sees(socket, message);
    const user = this.user(socket.user);
    // An act is done once.
    if (!user.done.has(id) || action !== "act") user.done.set(id, this.#answer(socket, user, message));
    this.#tell(socket, user.done.get(id));
  }

  #sees(socket, { visible, change }) {
    if (change > (socket.visible?.change ?? 0)) socket.visible = { visible, change };
  }

  #answer(socket, user, { action, id, ...message }) {
    const common = { re: id, server_now: 1 };
    if (action === "hello") return { ...common, ...this.#welcome(socket, user, message) };
    if (action === "ping") return { type: "pong", server_now: 1 };
    if (action === "ack") return { type: "acked", re: id };
    if (action === "visibility") return { ...common, type: "noted", change: message.change };
    if (action === "watch") {
      socket.resource = message.resource;
      const session = { joined_at: 1, connections: 1 };
      return { ...common, type: "watching", resource: socket.resource, is_counted: true, session, watched_ms: 1, visible_ms: 1 };
    }
    if (action === "claim") return this.#claim(socket, user, id, message);
    const event = this.makes(socket.user, { ...message, id }, socket);
    return { ...common, type: "acted", epoch: user.epoch, event };
  }

  #claim(socket, user, id, { bonus_id }) {
    const isClaimed = user.events.some(({ type, body }) => type === "bonus.claimed" && body.bonus_id === bonus_id);
    const made = { type: "bonus.claimed", body: { bonus_id, reward: {} }, id };
    const event = isClaimed ? null : this.makes(socket.user, made, socket);
    const outcome = isClaimed ? "already_claimed" : "claimed";
    return { type: "claim", re: id, server_now: 1, bonus_id, outcome, epoch: user.epoch, event };
  }

  #welcome(socket, user, { since, epoch, broadcasts_since = 0 }) {
    const seq = user.events.length;
    const recovered = epoch === user.epoch && since <= seq && seq - since <= EVENTS;
    const events = recovered ? user.events.slice(since) : user.events.slice(-EVENTS);
    const stream = { epoch: user.epoch, seq, recovered, events, state: user.state };
    const session = { session: { joined_at: 1, connections: 1 }, watched_ms: 1, visible_ms: 1, is_counted: true };
    const broadcasts = { seq: this.#bonuses.length, recovered: broadcasts_since >= 0, news: [] };
    const claimed = user.events.filter(({ type }) => type === "bonus.claimed").map(({ body }) => body.bonus_id);
    const bonuses = this.#bonuses.filter(({ bonus_id }) => !claimed.includes(bonus_id)).slice(0, 10);
    const { user: user_id, resource } = socket;
    return { type: "welcome", user_id, resource, connection_id: socket.jti, ...session, ...stream, bonuses, broadcasts };
  }
}

/** What a ticket says; one of another form is Ann's. */
function termsOf(ticket) {
  const [, payload] = ticket.split(".");
  if (payload === undefined) return { jti: ticket, sub: "ann", resource: "site" };
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
}
