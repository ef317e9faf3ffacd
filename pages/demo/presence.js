/** Who is online, as the client learns it; and this user's devices and sessions, polled from the HTTP API. */

import { at, copy, element, isWorthPolling, messageOf, paintAvatar, setText } from "./dom.js";
import * as names from "./names.js";
import * as view from "./view.js";

/** @import {makeApi} from "./api.js" */
/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {Audience} from "../../client/src/types.js" */

// In milliseconds.
const POLL_EVERY = 5_000;
const MAX_NAMES = 20;

/**
 * @param {ReturnType<typeof makeApi>} api
 * @param {Headcount} headcount
 * @param {{user: string, resource: string}} viewer
 * @param {(problem: string) => void} reportProblem
 */
export function showPresence(api, headcount, viewer, reportProblem) {
  let isPolling = false;
  let connectionId = "";
  const poll = async () => {
    if (isPolling || !isWorthPolling(headcount)) return;
    isPolling = true;
    try {
      const { user } = viewer;
      const [connections, sessions] = await Promise.all([api.connections(user), api.sessions(user)]);
      showDevices(connections.items, connectionId);
      showSessions(sessions.items);
      reportProblem("");
    } catch (error) {
      reportProblem(messageOf(error));
    } finally {
      isPolling = false;
    }
  };
  headcount.on("audience", async (audience) => {
    showPeople(audience, viewer.user);
    if (audience.list !== null) return;
    // Of a crowd that is too large for the client's list, the first.
    const { items } = await api.online(audience.resource, MAX_NAMES).catch(() => ({ items: [] }));
    if (headcount.audience === audience) showPeople({ ...audience, list: items }, viewer.user);
  });
  headcount.on("welcome", ({ connection_id }) => {
    connectionId = connection_id;
    poll();
  });
  document.addEventListener("visibilitychange", poll);
  setInterval(poll, POLL_EVERY);
}

/**
 * @param {Audience} audience
 * @param {string} user
 */
function showPeople({ users, list }, user) {
  const items = view.firstNames(list ?? [], user, MAX_NAMES);
  setText(at("online-count"), users.toLocaleString("en"));
  setText(at("crowd-count"), users.toLocaleString("en"));
  at("people").replaceChildren(...items.map((person) => makePerson(person, user)));
  at("people-more").hidden = users <= items.length;
  setText(at("people-more"), `and ${(users - items.length).toLocaleString("en")} more`);
}

/**
 * @param {{user_id: string, joined_at: number, connections: number}} person
 * @param {string} user
 */
function makePerson({ user_id, joined_at, connections }, user) {
  const item = copy("person-template");
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (item.querySelector(selector));
  item.dataset.user = user_id;
  item.dataset.connections = String(connections);
  paintAvatar(part(".avatar"), user_id);
  part("bdi").textContent = names.shown(user_id);
  item.title = `since ${view.momentText(joined_at, Date.now())}, ${view.counted(connections, "connection")}`;
  part("small").textContent = item.title;
  part(".badge").textContent = user_id === user ? "You" : "";
  return item;
}

/**
 * @param {{connection_id: string, device: string|null, resource: string, opened_at: number}[]} items
 * @param {string} own  this tab's connection
 */
function showDevices(items, own) {
  at("devices").replaceChildren(
    ...items.map(({ connection_id, device, resource, opened_at }) => {
      const item = copy("device-template");
      const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (item.querySelector(selector));
      item.dataset.resource = resource;
      part("bdi").textContent = names.shown(device ?? "Unnamed");
      part("small").append(`since ${view.momentText(opened_at, Date.now())}, watching `, element("bdi", names.shown(resource)));
      part(".badge").textContent = connection_id === own ? "This tab" : "";
      return item;
    }),
  );
}

/**
 * @param {{session_id: any, joined_at: number, ended_at: number|null, ended_by: string|null, watched_ms: number}[]} items
 */
function showSessions(items) {
  at("sessions").replaceChildren(
    ...items.map(({ joined_at, ended_at, ended_by, watched_ms }) => {
      const row = document.createElement("tr");
      const watched = element("td", view.clockText(watched_ms));
      watched.className = "number";
      const from = view.momentText(joined_at, Date.now());
      const to = ended_at === null ? "now" : view.momentText(ended_at, Date.now());
      row.append(element("td", from), element("td", to), element("td", view.endText(ended_by)), watched);
      return row;
    }),
  );
}
