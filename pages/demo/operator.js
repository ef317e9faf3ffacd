/** What a company's control room would have: drop a bonus, watch its numbers, withdraw it; tell news; kick a user. */

import { ApiError } from "./api.js";
import { isBlank } from "./names.js";
import { announceProblem, at, isWorthAsking, onSubmit, setText } from "./dom.js";
import * as view from "./view.js";

/** @import {makeApi} from "./api.js" */
/** @import {Headcount} from "../../client/src/headcount.js" */

const NUMBERS_EVERY = 1_000;
const DROPPED = "headcount.dropped";

/**
 * @param {ReturnType<typeof makeApi>} api
 * @param {Headcount} headcount
 * @param {{user: string, resource: string}} who
 */
export function operate(api, headcount, who) {
  const watch = watchNumbers(api, headcount);
  onSubmit("drop", async () => watch(await api.drop(readBonus(who))));
  onSubmit("tell", async () => {
    setText(at("told"), "");
    await api.tell(readNews(who));
    at("news-text").value = "";
    setText(at("told"), "On its way.");
  });
  at("kick-user").value = who.user;
  onSubmit("kick", async () => {
    setText(at("kicked"), "");
    setText(at("kicked"), view.kickedText(await api.kick(at("kick-user").value)));
  });
}

/**
 * The numbers of the bonus dropped last; this tab knows which one it was, over a reload too.
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
  const ask = async () => {
    const asked = dropped;
    if (asked === null || !isWorthAsking(headcount)) return;
    try {
      const numbers = await api.numbers(asked);
      if (asked !== dropped) return;
      showNumbers(numbers);
      if (numbers.state === "expired" || numbers.state === "cancelled") dropped = null;
    } catch (error) {
      // Whatever else it is, the page asks for more than this and says so; here it is asked again.
      if (error instanceof ApiError && error.status === 404) dropped = null;
    }
  };
  at("withdraw").onclick = async () => {
    if (dropped === null) return;
    at("withdraw").disabled = true;
    await api.withdraw(dropped).then(watch, announceProblem);
    at("withdraw").disabled = false;
  };
  headcount.on("welcome", ask);
  setInterval(ask, NUMBERS_EVERY);
  return watch;
}

/**
 * @typedef {object} Numbers
 * @property {string} bonus_id
 * @property {number} claimed
 * @property {number|null} left
 * @property {string} state
 * @property {Parameters<typeof view.broadcastText>[0]|null} [broadcast]  how far it has been told
 */

/** @param {{user: string, resource: string}} who */
function readBonus(who) {
  const text = at("reward").value.trim();
  if (isBlank(text)) throw new Error("A reward needs a text that can be seen.");
  return {
    reward: { text },
    audience: audience(at("audience").value, who),
    window_seconds: Number(at("window").value),
    stock: at("stock").value === "" ? null : Number(at("stock").value),
  };
}

/** @param {{user: string, resource: string}} who */
function readNews(who) {
  const text = at("news-text").value.trim();
  if (isBlank(text)) throw new Error("News needs a text that can be seen.");
  const expires_in_seconds = Number(at("news-seconds").value);
  return { type: "note", body: { text }, audience: audience(at("news-audience").value, who), expires_in_seconds };
}

/**
 * @param {string} kind
 * @param {{user: string, resource: string}} who
 */
function audience(kind, { user, resource }) {
  /** @type {Record<string, object>} */
  const whom = { everyone: {}, resource: { resource }, users: { user_ids: [user] } };
  return { kind, ...whom[kind] };
}

/** @param {Numbers} numbers */
function showNumbers({ claimed, left, state, broadcast }) {
  at("numbers").hidden = false;
  at("no-numbers").hidden = true;
  setText(at("claimed"), String(claimed));
  setText(at("left"), left === null ? "∞" : String(left));
  setText(at("state"), view.stateText({ state, left }));
  setText(at("sent"), broadcast ? view.broadcastText(broadcast) : "");
  at("withdraw").hidden = state !== "open" && state !== "upcoming";
}
