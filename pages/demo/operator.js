/** What the operator of the show does, in short: drop a bonus, watch its numbers, cancel it. */

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
  /** @type {{id: string, text: string}|null} */
  let open = null;
  onSubmit("drop", async () => {
    const order = readBonus(viewer);
    const text = JSON.stringify(order);
    // An order whose answer got lost keeps its id: sent again, it is done once.
    if (open?.text !== text) open = { id: crypto.randomUUID(), text };
    watch(await api.createBonus({ ...order, bonus_id: open.id }));
    open = null;
    at("sent").focus();
  });
}

/**
 * Show the numbers of the bonus dropped last. The tab remembers it after a reload.
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
  setText(at("claimed"), String(claimed));
  setText(at("left"), left === null ? "∞" : String(left));
  setText(at("state"), view.stateText({ state, left }));
  setText(at("sent"), broadcast ? view.broadcastText(broadcast) : "Dropped.");
  at("cancel-bonus").hidden = state !== "open" && state !== "upcoming";
}
