/** Bonuses as cards that count down. */

import { announce, at, copy, setText, showProblem } from "./dom.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {Bonus} from "../../client/src/types.js" */

// In milliseconds.
const REDRAW_EVERY = 250;
const REMOVE_AFTER = 60_000;
/** @type {view.Phase[]} */
const NOT_OVER = ["upcoming", "not_yet", "open"];

/** @param {Headcount} headcount */
export function showBonuses(headcount) {
  /** @type {Map<string, Card>} */
  const cards = new Map();
  const isOver = (/** @type {Bonus} */ bonus) => headcount.serverNow() >= bonus.expires_at + REMOVE_AFTER;
  const show = () => {
    for (const [id, { bonus, show: showOne, item }] of cards) {
      showOne();
      if (!isOver(bonus)) continue;
      item.remove();
      cards.delete(id);
    }
    at("no-bonus").hidden = cards.size > 0;
  };
  headcount.on("bonus", (bonus) => {
    const known = cards.get(bonus.bonus_id);
    if (known) update(known.bonus, bonus);
    // A bonus cancelled before it was shown gets no card.
    else if (!isOver(bonus) && bonus.outcome !== "cancelled") {
      cards.set(bonus.bonus_id, makeCard(headcount, { ...bonus }));
      if (NOT_OVER.includes(view.phase(bonus, headcount.serverNow()))) announce(`A bonus: ${view.rewardText(bonus.reward)}`);
    }
    show();
  });
  setInterval(show, REDRAW_EVERY);
}

/**
 * @param {Bonus} known  the one on the card
 * @param {Bonus} bonus
 */
function update(known, bonus) {
  if (bonus.outcome && bonus.outcome !== known.outcome) announce(`${view.rewardText(bonus.reward)}: ${view.PHASES[bonus.outcome]}`);
  Object.assign(known, bonus);
}

/** @typedef {{bonus: Bonus, show: () => void, item: HTMLElement}} Card  `show` draws the current state of the bonus */

/**
 * @param {Headcount} headcount
 * @param {Bonus} bonus
 * @returns {Card}
 */
function makeCard(headcount, bonus) {
  const item = copy("bonus-template");
  const part = (/** @type {string} */ selector) => /** @type {any} */ (item.querySelector(selector));
  const claim = part(".claim");
  let isClaiming = false;
  item.dataset.bonusId = bonus.bonus_id;
  part(".reward").textContent = view.rewardText(bonus.reward);
  claim.setAttribute("aria-label", `Claim ${view.rewardText(bonus.reward)}`);
  const show = () => {
    const now = headcount.serverNow();
    const phase = view.phase(bonus, now);
    item.dataset.phase = phase;
    setText(part(".outcome"), view.phaseText(bonus, phase, now));
    setText(part(".countdown"), countdown(bonus, phase, now));
    part(".ring").style.setProperty("--used", String(usedUp(bonus, phase, now)));
    claim.hidden = !NOT_OVER.includes(phase);
    claim.disabled = phase !== "open" || isClaiming;
  };
  claim.addEventListener("click", async () => {
    isClaiming = true;
    show();
    await headcount.claim(bonus.bonus_id).catch(showProblem);
    isClaiming = false;
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
function countdown({ opens_at, expires_at, progress }, phase, now) {
  if (view.isClaimed(phase)) return "✓";
  if (phase === "not_yet" && progress) return view.clockText(view.toWatch(progress, now)).replace(/^0:/, "");
  if (phase !== "open" && phase !== "upcoming") return "–";
  return String(Math.ceil(((phase === "open" ? expires_at : opens_at) - now) / 1_000));
}

/**
 * How much of the ring is used up, from 0 to 100.
 *
 * @param {Bonus} bonus
 * @param {view.Phase} phase
 * @param {number} now
 */
const usedUp = ({ opens_at, expires_at }, phase, now) =>
  phase === "open" ? (100 * (now - opens_at)) / (expires_at - opens_at) : phase === "upcoming" || phase === "not_yet" ? 0 : 100;
