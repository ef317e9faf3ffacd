/** Bonuses: those that run, how far each is told and claimed, those before, and who claimed one. */

import { at, button, carryOut, confirm, element, look, name, onSubmit, setText, showRows, showTerms, store, time } from "./dom.js";
import { showClaimCurve } from "./claims.js";
import { poll } from "./poll.js";
import * as text from "./text.js";

/** @import {Page} from "./main.js" */

// In milliseconds.
const POLL_EVERY = 2_000;
// While there is none, and the list is not in sight.
const IDLE_POLL_EVERY = 10_000;
// So many of the newest current bonuses are counted each time.
const MAX_COUNTED = 20;
const PAGE_ROWS = 100;

/**
 * @typedef {object} Bonus
 * @property {string} bonus_id
 * @property {any} reward
 * @property {string} audience
 * @property {string|null} resource
 * @property {number} opens_at
 * @property {number} expires_at
 * @property {number|null} stock
 * @property {number|null} left
 * @property {number|null} min_watched_ms
 * @property {string} clock
 * @property {string|null} campaign_id
 * @property {number|null} milestone
 * @property {number} created_at
 * @property {string|null} ordered_by
 * @property {string} state
 * @property {number} [claimed]
 * @property {number} [acknowledged]
 * @property {any} [broadcast]
 * @property {number} [server_now]
 */

/**
 * @param {Page} page
 * @returns {{refresh: () => Promise<void>, current: () => Promise<void>, broadcasts: () => [string, number][]}}
 */
export function showBonuses(page) {
  /** @type {Bonus[]} */
  let current = [];
  const details = showDetails(page);
  const cells = (/** @type {Bonus} */ one) => [
    ...[name(text.rewardText(one.reward)), name(text.audienceText(one)), text.bonusState(one, page.now()), text.toldText(one.broadcast ?? null)],
    ...[claimedText(one), one.claimed === undefined ? "–" : text.claimRate({ ...one, claimed: one.claimed }, page.now()), name(one.ordered_by ?? "a campaign")],
    orders(one),
  ];
  const orders = (/** @type {Bonus} */ one) => {
    const both = document.createElement("span");
    const reward = text.shown(text.rewardText(one.reward));
    both.append(
      button("Details", () => details.open(one.bonus_id), { label: `Details of ${reward}`, testid: "details-open" }),
      button("Cancel", () => cancel(one), { label: `Cancel ${reward}`, testid: "cancel", isAllowed: page.may("order") }),
    );
    return both;
  };
  const cancel = (/** @type {Bonus} */ one) =>
    carryOut("bonus-outcome", async () => {
      const reward = text.shown(text.rewardText(one.reward));
      if (!(await confirm(`Cancel “${reward}”? No one can claim it from then on. Claims that were granted stay.`, "Cancel the bonus"))) return "";
      const { state, claimed } = await page.api().order("DELETE", `/bonuses/${one.bonus_id}`);
      all();
      return `“${reward}” is ${state}: ${text.counted(claimed, "claim")}.`;
    });
  const refresh = poll({
    every: () => (current.length === 0 && page.tab() === "live" ? IDLE_POLL_EVERY : POLL_EVERY),
    isShown: () => page.isSignedIn() && ["live", "bonuses"].includes(page.tab()),
    report: page.reporter(),
    ask: async () => {
      const { items } = await page.api().get("/bonuses", { current: "true", limit: PAGE_ROWS });
      const counted = items.slice(0, MAX_COUNTED).map((/** @type {Bonus} */ { bonus_id }) => page.api().get(`/bonuses/${bonus_id}`));
      current = [...(await Promise.all(counted)), ...items.slice(MAX_COUNTED)];
      page.setNow(current[0]);
      showRows(at("current"), current, (one) => one.bonus_id, cells, [3, 4, 5]);
      at("no-current").hidden = current.length > 0;
    },
  });
  const past = showPast(page, details.open);
  const all = async () => void (await Promise.all([refresh(), past()]));
  return {
    refresh: all,
    current: refresh,
    broadcasts: () => current.filter(({ broadcast }) => broadcast).map(({ bonus_id, broadcast }) => [bonus_id, broadcast.sent]),
  };
}

/** @param {Bonus} bonus */
function claimedText({ claimed, stock, left }) {
  const had = claimed ?? (stock === null || left === null ? undefined : stock - left);
  return `${text.number(had)}${stock === null ? "" : ` of ${text.number(stock)}`}`;
}

/**
 * All bonuses, page by page; a page has only those of the chosen state.
 *
 * @param {Page} page
 * @param {(bonusId: string) => void} open
 */
function showPast(page, open) {
  /** @type {string|undefined} */
  let after;
  const read = async () => {
    const { items, next } = await page.api().get("/bonuses", { limit: PAGE_ROWS, after });
    const state = at("past-state").value;
    const shown = items.filter((/** @type {Bonus} */ one) => state === "" || one.state === state);
    showRows(at("past"), shown, (/** @type {Bonus} */ one) => one.bonus_id, (one) => [
      ...[time(one.created_at), name(text.rewardText(one.reward)), name(text.audienceText(one)), one.state, text.number(one.left), name(one.ordered_by ?? "a campaign")],
      button("Details", () => open(one.bonus_id), { label: `Details of ${text.shown(text.rewardText(one.reward))}` }),
    ], [4]);
    at("no-past").hidden = shown.length > 0;
    at("past-first").hidden = after === undefined;
    at("past-next").hidden = next === null;
    at("past-next").onclick = () => show(next);
  };
  const show = (/** @type {string|undefined} */ from) => {
    after = from;
    return page.attempt("past-problem", read);
  };
  at("past-first").onclick = () => show(undefined);
  at("past-state").onchange = () => show(after);
  return () => show(after);
}

/** @param {Page} page */
function showDetails(page) {
  let bonusId = "";
  /** @type {string|undefined} */
  let after;
  const readClaims = async () => {
    const prefix = at("claimants-prefix").value;
    const { items, next } = await page.api().get(`/bonuses/${bonusId}/claims`, { prefix, limit: PAGE_ROWS, after });
    showRows(at("claims"), items, (/** @type {{user_id: string}} */ { user_id }) => user_id, (/** @type {any} */ one) => [name(one.user_id), time(one.claimed_at), one.state]);
    at("no-claims").hidden = items.length > 0;
    at("claims-next").hidden = next === null;
    at("claims-next").onclick = () => find(next);
    return text.counted(items.length, "claim") + (next ? " shown; there are more." : " shown.");
  };
  const find = (/** @type {string|undefined} */ from) => {
    after = from;
    return look("claims-outcome", readClaims);
  };
  const curve = showClaimCurve(page);
  onSubmit("claimants", () => find(undefined));
  at("claimants-csv").onclick = () => store(page.api(), "claims-outcome", `/bonuses/${bonusId}/claims.csv`, { prefix: at("claimants-prefix").value, times: "iso" });
  return {
    /** @param {string} id */
    open: (id) =>
      look("bonus-outcome", async () => {
        const one = /** @type {Bonus} */ (await page.api().get(`/bonuses/${id}`));
        bonusId = id;
        after = undefined;
        at("claimants-prefix").value = "";
        at("bonus-details").hidden = false;
        setText(at("details-reward"), text.shown(text.rewardText(one.reward)));
        showTerms(at("details"), terms(one, page.now()));
        await Promise.all([readClaims(), curve(one)]);
        at("bonus-details").scrollIntoView({ block: "nearest" });
        at("details-title").focus();
        return "";
      }),
  };
}

/**
 * @param {Bonus} one
 * @param {number} now
 * @returns {[string, import("./dom.js").Cell][]}
 */
function terms(one, now) {
  const { broadcast, min_watched_ms, campaign_id } = one;
  return [
    ["State", text.bonusState(one, now)],
    ["For", name(text.audienceText(one))],
    ["Reward", name(JSON.stringify(one.reward))],
    ["Opens", time(one.opens_at)],
    ["Expires", time(one.expires_at)],
    ["Claimed", claimedText(one)],
    ["Shown and acknowledged", text.number(one.acknowledged)],
    ["Told", broadcast ? `${text.number(broadcast.sent)} connections; ${text.number(broadcast.gone)} gone, ${text.number(broadcast.undelivered)} not reached, ${text.number(broadcast.dropped)} not tried` : "no longer kept"],
    ["Must have watched", min_watched_ms === null ? "–" : `${text.lengthText(min_watched_ms)} ${one.clock}`],
    ["Ordered", time(one.created_at)],
    ["By", one.ordered_by ?? (campaign_id ? "a campaign" : "not known any more")],
    ["Id", element("code", one.bonus_id)],
  ];
}
