/** What a company's control room would have: drop a bonus and watch its numbers, kick a user. */

import { ApiError } from "./demo-api.js";
import { isBlank } from "./demo-names.js";
import { at, isWorthAsking, onSubmit, setText } from "./demo-page.js";
import * as view from "./demo-state.js";

/** @import {makeApi} from "./demo-api.js" */
/** @import {Headcount} from "./headcount.js" */

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
  headcount.on("welcome", ask);
  setInterval(ask, NUMBERS_EVERY);
  return watch;
}

/** @typedef {{bonus_id: string, claimed: number, left: number|null, state: string}} Numbers */

/** @param {{user: string, resource: string}} who */
function readBonus({ user, resource }) {
  /** @type {Record<string, object>} */
  const audiences = { everyone: {}, resource: { resource }, users: { user_ids: [user] } };
  const kind = at("audience").value;
  const text = at("reward").value.trim();
  if (isBlank(text)) throw new Error("A reward needs a text that can be seen.");
  return {
    reward: { text },
    audience: { kind, ...audiences[kind] },
    window_seconds: Number(at("window").value),
    stock: at("stock").value === "" ? null : Number(at("stock").value),
  };
}

/** @param {Numbers} numbers */
function showNumbers({ claimed, left, state }) {
  at("numbers").hidden = false;
  at("no-numbers").hidden = true;
  setText(at("claimed"), String(claimed));
  setText(at("left"), left === null ? "∞" : String(left));
  setText(at("state"), view.stateText({ state, left }));
}
