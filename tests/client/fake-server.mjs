/** The server's side of one user, for random walks. */

import { merge } from "../../client/src/merge.js";

/** At most so many events are in a snapshot or a recovery: few, so that walks meet both. */
export const EVENTS = 6;

/** The server's side of one user, whose log is `events`. A message to a socket may arrive late, twice or never. */
export class FakeServer {
  epoch = "e1";
  events = [];
  state = {};
  /** The state as of each seq. */
  states = [{}];

  constructor(dice, time) {
    this.dice = dice;
    this.time = time;
  }

  act(patch) {
    const event = { seq: this.events.length + 1, type: "act", body: {}, at: 1, id: null, patch };
    this.events.push(event);
    if (patch) this.state = merge(this.state, patch);
    this.states[event.seq] = this.state;
    return { type: "event", server_now: 1, epoch: this.epoch, event };
  }

  welcome({ id, since, epoch }) {
    const [seq, isSame] = [this.events.length, epoch === this.epoch];
    const recovered = isSame && since <= seq && seq - since <= EVENTS;
    const events = recovered ? this.events.slice(since) : this.events.slice(-EVENTS);
    const known = { epoch: this.epoch, seq, recovered, events, state: this.state };
    const session = { session: { joined_at: 1, connections: 1 }, watched_ms: 1, visible_ms: 1, is_counted: true };
    const others = { user_id: "ann", resource: "site", connection_id: "c", bonuses: [], broadcasts: { seq: 0, recovered: true, news: [] } };
    return { type: "welcome", re: id, server_now: 1, ...session, ...known, ...others };
  }

  /** The log is lost, or its end: another epoch says so. */
  lose() {
    this.events = this.dice() < 0.5 ? [] : this.events.slice(0, -2);
    this.epoch = `e${this.dice()}`;
    this.state = this.events.reduce((state, { patch }) => merge(state, patch ?? {}), {});
  }

  send(socket, message) {
    this.time.setTimeout(() => socket.closed === null && socket.receive(message), this.dice() * 300);
  }

  /** Push over a connection that loses one message of ten and repeats one of ten. */
  push(socket, message) {
    const luck = this.dice();
    if (luck > 0.1) this.send(socket, message);
    if (luck > 0.9) this.send(socket, message);
  }
}
