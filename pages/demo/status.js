/** The connection's status in the header, and the watch time, which counts while the client is online. */

import { at, setProblem, setText } from "./dom.js";
import { statusText } from "./status-text.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {Welcome} from "../../client/src/types.js" */

// In milliseconds.
const REDRAW_EVERY = 250;

/**
 * @param {Headcount} headcount
 * @returns {(problem: string) => void} shows a problem of the HTTP API; call it with "" when the API works
 */
export function showStatus(headcount) {
  let problem = "";
  let removed = "";
  let waitingSince = Date.now();
  const show = () => {
    const now = Date.now();
    const { status, backlog } = headcount;
    if (backlog.count === 0) waitingSince = now;
    if (status.code === "kicked") removed = status.reason;
    const shown = statusText({ status, backlog, waitingSince, problem, removed }, now);
    at("status").hidden = false;
    at("status").dataset.status = status.status;
    at("status").dataset.well = String(shown.isWell);
    setText(at("status-text"), shown.word);
    setProblem(at("waiting"), shown.waiting);
    setText(at("trouble-text"), shown.trouble);
    setText(at("trouble-next"), shown.next);
    at("trouble").hidden = shown.trouble === "";
    at("wake").hidden = !shown.canWake;
    at("dismiss").hidden = !shown.canDismiss;
  };
  at("dismiss").onclick = () => {
    removed = "";
    show();
    at("main").focus();
  };
  at("wake").onclick = () => headcount.wake();
  headcount.on("status", show);
  headcount.on("backlog", show);
  setInterval(show, REDRAW_EVERY);
  show();
  return (text) => {
    problem = text;
    show();
  };
}

/** @param {Headcount} headcount */
export function showWatchTime(headcount) {
  /** @type {Welcome|null} */
  let welcome = null;
  const show = () => {
    const isOnline = headcount.status.status === "online";
    at("watch").classList.toggle("paused", !isOnline);
    at("session").classList.toggle("paused", !isOnline);
    if (!welcome || !isOnline) return;
    const now = headcount.serverNow();
    setText(at("watch"), view.clockText(welcome.watched_ms + now - welcome.server_now));
    setText(at("session"), view.clockText(now - welcome.session.joined_at));
    setText(at("since"), view.momentText(welcome.session.joined_at, now));
  };
  headcount.on("welcome", (now) => {
    welcome = now;
    at("times-note").hidden = false;
    show();
  });
  setInterval(show, REDRAW_EVERY);
}
