/** Bonuses as cards that count down. */

import { announceProblem, at, copy, say, setText } from "./dom.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {Bonus} from "../../client/src/types.js" */

const FRAME = 250;
const GONE_AFTER = 60_000;

/** @param {Headcount} headcount */
export function showBonuses(headcount) {
  /** @type {Map<string, Card>} */
  const cards = new Map();
  const isGone = (/** @type {Bonus} */ bonus) => headcount.serverNow() >= bonus.expires_at + GONE_AFTER;
  const show = () => {
    for (const [id, { bonus, show: showOne, item }] of cards) {
      showOne();
      if (!isGone(bonus)) continue;
      item.remove();
      cards.delete(id);
    }
    at("no-bonus").hidden = cards.size > 0;
  };
  headcount.on("bonus", (bonus) => {
    const known = cards.get(bonus.bonus_id);
    if (known) changed(known.bonus, bonus);
    // What was withdrawn before it was seen is not worth a card.
    else if (!isGone(bonus) && bonus.outcome !== "cancelled") {
      cards.set(bonus.bonus_id, makeCard(headcount, { ...bonus }));
      if (["upcoming", "open"].includes(view.phase(bonus, headcount.serverNow()))) say(`A bonus: ${view.rewardText(bonus.reward)}`);
    }
    show();
  });
  setInterval(show, FRAME);
}

/**
 * @param {Bonus} known  on a card
 * @param {Bonus} bonus
 */
function changed(known, bonus) {
  if (bonus.outcome && bonus.outcome !== known.outcome) say(`${view.rewardText(bonus.reward)}: ${view.PHASES[bonus.outcome]}`);
  Object.assign(known, bonus);
}

/** @typedef {{bonus: Bonus, show: () => void, item: HTMLElement}} Card  `show` draws the bonus as it is now */

/**
 * @param {Headcount} headcount
 * @param {Bonus} bonus
 * @returns {Card}
 */
function makeCard(headcount, bonus) {
  const item = copy("bonus-template");
  const part = (/** @type {string} */ selector) => /** @type {any} */ (item.querySelector(selector));
  const claim = part(".claim");
  let isAsking = false;
  item.dataset.bonusId = bonus.bonus_id;
  part(".reward").textContent = view.rewardText(bonus.reward);
  claim.setAttribute("aria-label", `Claim ${view.rewardText(bonus.reward)}`);
  const show = () => {
    const now = headcount.serverNow();
    const phase = view.phase(bonus, now);
    item.dataset.phase = phase;
    setText(part(".outcome"), view.PHASES[phase]);
    setText(part(".countdown"), countdown(bonus, phase, now));
    part(".ring").style.setProperty("--gone", String(gone(bonus, phase, now)));
    claim.hidden = phase !== "open" && phase !== "upcoming";
    claim.disabled = phase !== "open" || isAsking;
  };
  claim.addEventListener("click", async () => {
    isAsking = true;
    show();
    await headcount.claim(bonus.bonus_id).catch(announceProblem);
    isAsking = false;
    show();
  });
  at("bonuses").prepend(item);
  return { bonus, show, item };
}

/**
 * @param {Bonus} bonus
 * @param {view.Phase} phase
 * @param {number} now
 */
function countdown({ opens_at, expires_at }, phase, now) {
  if (view.isClaimed(phase)) return "✓";
  if (phase !== "open" && phase !== "upcoming") return "–";
  return String(Math.ceil(((phase === "open" ? expires_at : opens_at) - now) / 1_000));
}

/**
 * How much of the ring is gone, of 100.
 *
 * @param {Bonus} bonus
 * @param {view.Phase} phase
 * @param {number} now
 */
const gone = ({ opens_at, expires_at }, phase, now) =>
  phase === "open" ? (100 * (now - opens_at)) / (expires_at - opens_at) : phase === "upcoming" ? 0 : 100;
