/** What a back office would have: drop a bonus, watch its statistics, cancel it; send news; kick a user. */

import { ApiError } from "./api.js";
import { at, isWorthPolling, onSubmit, setText, showProblem } from "./dom.js";
import { isBlank } from "./names.js";
import * as view from "./view.js";

/** @import {makeApi} from "./api.js" */
/** @import {Headcount} from "../../client/src/headcount.js" */

// In milliseconds.
const POLL_EVERY = 1_000;
const DROPPED = "headcount.dropped";

/**
 * @param {ReturnType<typeof makeApi>} api
 * @param {Headcount} headcount
 * @param {{user: string, resource: string}} viewer
 */
export function operate(api, headcount, viewer) {
  const watch = watchNumbers(api, headcount);
  onSubmit("drop", async () => watch(await api.createBonus(readBonus(viewer))));
  onSubmit("send-news", async () => {
    setText(at("news-sent"), "");
    await api.sendNews(readNews(viewer));
    at("news-text").value = "";
    setText(at("news-sent"), "The news is on its way.");
  });
  at("kick-user").value = viewer.user;
  onSubmit("kick", async () => {
    setText(at("kicked"), "");
    setText(at("kicked"), view.kickedText(await api.kick(at("kick-user").value, at("kick-reason").value.trim())));
  });
}

/**
 * Show the statistics of the bonus dropped last. The tab remembers it after a reload.
 *
 * @param {ReturnType<typeof makeApi>} api
 * @param {Headcount} headcount
 * @returns {(numbers: Numbers) => void}
 */
function watchNumbers(api, headcount) {
  let dropped = sessionStorage.getItem(DROPPED);
  const watch = (/** @type {Numbers} */ numbers) => {
    dropped = numbers.bonus_id;
    sessionStorage.setItem(DROPPED, dropped);
    showNumbers(numbers);
  };
  const poll = async () => {
    const asked = dropped;
    if (asked === null || !isWorthPolling(headcount)) return;
    try {
      const numbers = await api.bonus(asked);
      if (asked !== dropped) return;
      showNumbers(numbers);
      if (numbers.state === "expired" || numbers.state === "cancelled") dropped = null;
    } catch (error) {
      // The lists show any other problem; this one is polled again.
      if (error instanceof ApiError && error.status === 404) dropped = null;
    }
  };
  at("cancel-bonus").onclick = async () => {
    if (dropped === null) return;
    at("cancel-bonus").disabled = true;
    await api.cancelBonus(dropped).then(watch, showProblem);
    at("cancel-bonus").disabled = false;
  };
  headcount.on("welcome", poll);
  setInterval(poll, POLL_EVERY);
  return watch;
}

/**
 * @typedef {object} Numbers
 * @property {string} bonus_id
 * @property {number} claimed
 * @property {number|null} left
 * @property {string} state
 * @property {Parameters<typeof view.broadcastText>[0]|null} [broadcast]  how far it has been sent
 */

/** @param {{user: string, resource: string}} viewer */
function readBonus(viewer) {
  const text = at("reward").value.trim();
  if (isBlank(text)) throw new Error("A reward needs a visible text.");
  return {
    reward: { text },
    audience: audience(at("audience").value, viewer),
    window_seconds: Number(at("window").value),
    stock: at("stock").value === "" ? null : Number(at("stock").value),
  };
}

/** @param {{user: string, resource: string}} viewer */
function readNews(viewer) {
  const text = at("news-text").value.trim();
  if (isBlank(text)) throw new Error("News needs a visible text.");
  const expires_in_seconds = Number(at("news-seconds").value);
  return { type: "note", body: { text }, audience: audience(at("news-audience").value, viewer), expires_in_seconds };
}

/**
 * @param {string} kind
 * @param {{user: string, resource: string}} viewer
 */
function audience(kind, { user, resource }) {
  /** @type {Record<string, object>} */
  const audiences = { everyone: {}, resource: { resource }, users: { user_ids: [user] } };
  return { kind, ...audiences[kind] };
}

/** @param {Numbers} numbers */
function showNumbers({ claimed, left, state, broadcast }) {
  at("numbers").hidden = false;
  at("no-numbers").hidden = true;
  setText(at("claimed"), String(claimed));
  setText(at("left"), left === null ? "∞" : String(left));
  setText(at("state"), view.stateText({ state, left }));
  setText(at("sent"), broadcast ? view.broadcastText(broadcast) : "");
  at("cancel-bonus").hidden = state !== "open" && state !== "upcoming";
}
