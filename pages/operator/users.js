/** Users: find one, see their connections, sessions, grants, ledger and stream, close a connection, end a session, kick them. */

import { at, button, carryOut, confirm, element, look, name, onSubmit, setText, showRows, showTerms, time } from "./dom.js";
import * as text from "./text.js";
import { clockText, endText, kickedText } from "../demo/view.js";

/** @import {Page} from "./main.js" */

const MAX_ROWS = 100;
const MONTH = 30 * 86_400_000;

/** @param {Page} page */
export function showUsers(page) {
  const open = showUser(page);
  onSubmit("find", () =>
    look("find-outcome", async () => {
      const { items, next } = await page.api().get("/users", { prefix: at("find-prefix").value, limit: MAX_ROWS });
      at("found").replaceChildren(
        ...items.map((/** @type {{user_id: string, is_online: boolean}} */ { user_id, is_online }) => {
          const item = document.createElement("li");
          const choose = button("", () => open(user_id), { label: `${text.shown(user_id)}, ${is_online ? "online" : "offline"}`, testid: "found-user" });
          choose.append(name(user_id), element("small", is_online ? "online" : "offline"));
          item.append(choose);
          return item;
        }),
      );
      return items.length === 0 ? "No user's id begins so. Capitals matter." : `${text.counted(items.length, "user")}${next ? ", and more: type more of the id" : ""}.`;
    }),
  );
}

/**
 * @param {Page} page
 * @returns {(userId: string) => void}
 */
function showUser(page) {
  let user = "";
  const read = async (/** @type {string} */ user_id) => {
    const { from, to } = { from: page.now() - MONTH, to: page.now() + 60_000 };
    const ask = page.api().get;
    const [connections, sessions, connected, visible, ledger, events, grants] = await Promise.all([
      ask("/connections", { user_id }),
      ask("/sessions", { user_id, limit: MAX_ROWS }),
      ask("/watch-time", { user_id, by: "resource", from, to, limit: MAX_ROWS }),
      ask("/watch-time", { user_id, by: "resource", from, to, limit: MAX_ROWS, clock: "visible" }),
      ask("/users/ledger", { user_id, limit: MAX_ROWS }),
      ask("/users/events", { user_id, limit: MAX_ROWS }),
      page.may("pay") ? ask("/grants", { user_id, limit: MAX_ROWS }) : { items: [] },
    ]);
    user = user_id;
    at("user-card").hidden = false;
    setText(at("user-name"), text.shown(user_id));
    setText(at("user-state"), sessions.online ? "online" : "offline");
    showTerms(at("user-times"), [["Watched in all", clockText(sessions.watched_ms)]]);
    showConnections(connections.items);
    showSessions(sessions.items);
    showWatched(connected.items, visible.items);
    showLedger(ledger.items);
    showEvents(events.items);
    showRows(at("user-grants"), grants.items, (/** @type {any} */ one) => one.bonus_id, (one) => [time(one.claimed_at), name(text.rewardText(one.reward)), one.state]);
  };
  const showConnections = (/** @type {any[]} */ items) => {
    at("no-user-connections").hidden = items.length > 0;
    showRows(at("user-connections"), items.slice(0, MAX_ROWS), (one) => one.connection_id, (one) => [
      ...[name(one.device ?? "unnamed"), name(one.resource), time(one.opened_at), name(one.node)],
      orders(one),
    ]);
  };
  const orders = (/** @type {any} */ one) => {
    const both = document.createElement("span");
    const [device, resource, isAllowed] = [text.shown(one.device ?? "an unnamed device"), text.shown(one.resource), page.may("kick")];
    both.append(
      button("Close", () => close(one), { label: `Close the connection of ${device} on ${resource}`, testid: "close-connection", isAllowed }),
      button("End session", () => end(one), { label: `End the session on ${resource}`, testid: "end-session", isAllowed }),
    );
    return both;
  };
  const close = (/** @type {{connection_id: string, device: string|null, resource: string}} */ { connection_id, device, resource }) =>
    carryOut("kick-outcome", async () => {
      const [user_id, reason] = [user, at("kick-reason").value.trim() || null];
      const which = `${text.shown(device ?? "an unnamed device")} of ${text.shown(user_id)} on ${text.shown(resource)}`;
      if (!(await confirm(`Close the connection of ${which}? Their other connections stay open.${toldText(reason)}`, "Close it"))) return "";
      const counts = await page.api().order("POST", "/connections/close", { user_id, connection_id, reason });
      await read(user_id);
      return counts.closed + counts.gone + counts.unreachable === 0 ? "It was not open any more." : kickedText(counts);
    });
  const end = (/** @type {{session_id: number, resource: string}} */ { session_id, resource }) =>
    carryOut("kick-outcome", async () => {
      const [whose, reason] = [user, at("kick-reason").value.trim() || null];
      if (!(await confirm(`End the session of ${text.shown(whose)} on ${text.shown(resource)}?${toldText(reason)}`, "End it"))) return "";
      const counts = await page.api().order("POST", `/sessions/${session_id}/end`, { user_id: whose, reason });
      await read(whose);
      return kickedText(counts);
    });
  onSubmit("kick", () =>
    carryOut("kick-outcome", async () => {
      const [whose, reason] = [user, at("kick-reason").value.trim()];
      if (!(await confirm(`Kick ${text.shown(whose)}? They read: “${reason}”`, "Kick"))) return "Not kicked.";
      const counts = await page.api().order("POST", "/kick", { user_id: whose, reason });
      await read(whose);
      return kickedText(counts);
    }),
  );
  return (user_id) =>
    look("find-outcome", async () => {
      await read(user_id);
      setText(at("kick-outcome"), "");
      at("kick-reason").value = "";
      at("user-title").focus();
      return "";
    });
}

/** @param {string|null} reason */
const toldText = (reason) => (reason ? ` They read: “${reason}”` : " They are given no reason: type one below to give it.");

/** @param {any[]} items */
function showSessions(items) {
  const keyOf = (/** @type {any} */ one) => `${one.session_id} ${one.joined_at} ${one.revision}`;
  showRows(at("user-sessions"), items, keyOf, (one) => [
    ...[time(one.joined_at), one.ended_at === null ? element("span", "now") : time(one.ended_at), name(one.resource)],
    ...[clockText(one.watched_ms), endText(one.ended_by)],
  ], [3]);
}

/** @param {any[]} items */
function showLedger(items) {
  at("no-user-ledger").hidden = items.length > 0;
  showRows(at("user-ledger"), items, (one) => String(one.id), (one) => [
    ...[time(one.at), one.entry, name(text.rewardText(one.reward)), name(one.reason ?? "–")],
  ]);
}

/** @param {any[]} items */
function showEvents(items) {
  at("no-user-events").hidden = items.length > 0;
  showRows(at("user-events"), items, (one) => String(one.seq), (one) => [
    ...[String(one.seq), time(one.at), one.type, name(text.shortened(JSON.stringify(one.body)))],
  ], [0]);
}

/**
 * @param {{resource: string, watched_ms: number}[]} connected
 * @param {{resource: string, watched_ms: number}[]} visible
 */
function showWatched(connected, visible) {
  const seen = new Map(visible.map(({ resource, watched_ms }) => [resource, watched_ms]));
  showRows(at("user-watched"), connected, ({ resource }) => resource, ({ resource, watched_ms }) => [name(resource), clockText(watched_ms), clockText(seen.get(resource) ?? 0)], [1, 2]);
}
