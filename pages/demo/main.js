import { makeApi } from "./api.js";
import { showBonuses } from "./bonuses.js";
import { askForName, askForToken, nameProblem } from "./sign-in.js";
import { showLedger } from "./ledger.js";
import * as names from "./names.js";
import { showNews } from "./news.js";
import { operate } from "./operator.js";
import { at, paintAvatar } from "./dom.js";
import { showPresence } from "./presence.js";
import { deviceText } from "./view.js";
import { showStatus, showWatchTime } from "./status.js";
import { showStream } from "./stream.js";
import { showResource } from "./resource-switch.js";
// The same path in the repository and on the server, which has client/ under /client/.
import { Headcount } from "../../client/src/headcount.js";

/** @typedef {{user: string, resource: string}} Who */

function start() {
  const token = takeToken();
  const who = whoIsWatching();
  if (!token) return askForToken();
  const problem = who.user && nameProblem(who);
  if (!who.user || problem) return askForName({ ...who, problem });
  watch(token, who);
}

/** From the fragment, which no server ever sees, or from an earlier visit. It does not stay in the address. */
function takeToken() {
  const fresh = new URLSearchParams(location.hash.slice(1)).get("token");
  if (fresh) {
    localStorage.setItem("headcount.token", fresh);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return localStorage.getItem("headcount.token");
}

/** @returns {Who} the user is empty when nobody said */
function whoIsWatching() {
  const query = new URLSearchParams(location.search);
  return {
    user: query.get("user") ?? localStorage.getItem("headcount.user") ?? "",
    resource: query.get("resource") ?? localStorage.getItem("headcount.resource") ?? "site",
  };
}

function leave() {
  localStorage.removeItem("headcount.user");
  location.assign(location.pathname);
}

/**
 * @param {string} token
 * @param {Who} who
 */
function watch(token, who) {
  const api = makeApi(token);
  /** @type {any} */
  let refusal = null;
  const device = deviceText(navigator.userAgent);
  const ticket = () => api.ticket(who.user, who.resource, device).catch((error) => {
    refusal = error;
    throw error;
  });
  const headcount = new Headcount({ ticket, storage: sessionStorage });
  showWho(who);
  showResource(headcount, who);
  const tellProblem = showStatus(headcount);
  showWatchTime(headcount);
  showStream(headcount);
  showNews(headcount);
  showBonuses(headcount);
  showLedger(headcount);
  showPresence(api, headcount, who, tellProblem);
  operate(api, headcount, who);
  headcount.on("status", ({ status, reason }) => status === "stopped" && stopped(refusal?.status, who, reason));
}

/** @param {Who} who */
function showWho({ user }) {
  at("board").hidden = false;
  at("user").textContent = names.shown(user);
  paintAvatar(at("avatar"), user);
  at("leave").onclick = leave;
}

/**
 * No ticket is to be had: ask for what it lacks.
 *
 * @param {number|undefined} status  of the refusal
 * @param {Who} who
 * @param {string} reason
 */
function stopped(status, who, reason) {
  if (status === 422) askForName({ ...who, problem: reason });
  else askForToken(reason);
}

start();
