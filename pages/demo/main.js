import { makeApi } from "./api.js";
import { showBonuses } from "./bonuses.js";
import { showCampaigns } from "./campaigns.js";
import { at, paintAvatar } from "./dom.js";
import { showLedger } from "./ledger.js";
import * as names from "./names.js";
import { showNews } from "./news.js";
import { operate } from "./operator.js";
import { showPresence } from "./presence.js";
import { showResource } from "./resource-switch.js";
import { askForName, askForToken, nameProblem, tokenProblem } from "./sign-in.js";
import { showStage } from "./stage.js";
import { showStatus, showWatchTime } from "./status.js";
import { showStream } from "./stream.js";
import { deviceText } from "./view.js";
// The same path in the repository and on the server, which has client/ under /client/.
import { Headcount } from "../../client/src/headcount.js";

/** @typedef {{user: string, resource: string}} Viewer */

function start() {
  const token = takeToken();
  const viewer = findViewer();
  const wrong = token && tokenProblem(token);
  if (!token || wrong) return askForToken(wrong ?? "");
  const problem = viewer.user && nameProblem(viewer);
  if (!viewer.user || problem) return askForName({ ...viewer, problem });
  watch(token, viewer);
}

/** Take it from the fragment, which no server sees, or from this tab's memory: it may kick users and drop bonuses. Remove it from the address. */
function takeToken() {
  const fresh = new URLSearchParams(location.hash.slice(1)).get("token");
  if (fresh) {
    if (tokenProblem(fresh)) sessionStorage.removeItem("headcount.token");
    else sessionStorage.setItem("headcount.token", fresh);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return fresh ?? sessionStorage.getItem("headcount.token");
}

/** @returns {Viewer} the user is empty on a first visit */
function findViewer() {
  const query = new URLSearchParams(location.search);
  return {
    user: query.get("user") ?? localStorage.getItem("headcount.user") ?? "",
    resource: query.get("resource") ?? localStorage.getItem("headcount.resource") ?? "site",
  };
}

/** The printed address, pasted into a tab that is open, changes its fragment alone. */
addEventListener("hashchange", () => {
  if (new URLSearchParams(location.hash.slice(1)).has("token")) location.reload();
});

function leave() {
  localStorage.removeItem("headcount.user");
  location.assign(location.pathname);
}

/**
 * @param {string} token
 * @param {Viewer} viewer
 */
function watch(token, viewer) {
  const api = makeApi(token);
  /** @type {any} */
  let refusal = null;
  const device = deviceText(navigator.userAgent);
  const ticket = () => api.ticket(viewer.user, viewer.resource, device).catch((error) => {
    refusal = error;
    throw error;
  });
  const headcount = new Headcount({ ticket, storage: sessionStorage });
  showUser(viewer);
  showResource(headcount, viewer);
  const reportProblem = showStatus(headcount);
  showWatchTime(headcount);
  showStage(headcount);
  showStream(headcount);
  showNews(headcount);
  showBonuses(headcount);
  showCampaigns(headcount);
  showLedger(headcount);
  showPresence(api, headcount, viewer, reportProblem);
  operate(api, headcount, viewer);
  headcount.on("status", ({ status, reason }) => status === "stopped" && stopped(refusal?.status, viewer, reason));
}

/** @param {Viewer} viewer */
function showUser({ user }) {
  for (const id of ["board", "skip-to-bonuses"]) at(id).hidden = false;
  at("user").textContent = names.shown(user);
  paintAvatar(at("avatar"), user);
  at("leave").onclick = leave;
}

/**
 * The server refuses a ticket: ask the user for what is wrong.
 *
 * @param {number|undefined} status  of the refusal
 * @param {Viewer} viewer
 * @param {string} reason
 */
function stopped(status, viewer, reason) {
  if (status === 422) askForName({ ...viewer, problem: reason });
  else askForToken(reason);
}

start();
