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
    const now = headcount.serverNow();
    for (const [id, { bonus, show: showOne, item }] of cards) {
      showOne();
      if (!isOver(bonus)) continue;
      item.remove();
      cards.delete(id);
    }
    sort([...cards.values()], now);
    at("no-bonus").hidden = cards.size > 0;
    at("tray").dataset.empty = String(cards.size === 0);
    const title = view.titleText([...cards.values()].map(({ bonus }) => bonus), now);
    if (document.title !== title) document.title = title;
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
  headcount.on("status", show);
  setInterval(show, REDRAW_EVERY);
  show();
}

/**
 * Move only what is out of place, and nothing that has the focus: a button that moves loses it.
 *
 * @param {Card[]} cards
 * @param {number} now
 */
function sort(cards, now) {
  const list = at("bonuses");
  if (list.contains(document.activeElement)) return;
  cards.sort((one, other) => view.inOrder(one.bonus, other.bonus, now));
  cards.forEach(({ item }, n) => list.children[n] !== item && list.insertBefore(item, list.children[n] ?? null));
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
  const reward = view.rewardText(bonus.reward);
  let isClaiming = false;
  item.dataset.bonusId = bonus.bonus_id;
  part(".reward").textContent = reward;
  const show = () => {
    const now = headcount.serverNow();
    const phase = view.phase(bonus, now);
    const claiming = isClaiming && phase === "open" ? view.claimingText(headcount.status.status === "online") : null;
    item.dataset.phase = phase;
    setText(part(".outcome"), claiming?.outcome ?? view.phaseText(bonus, phase, now));
    setText(part(".countdown"), countdown(bonus, phase, now));
    part(".ring").style.setProperty("--used", String(usedUp(bonus, phase, now)));
    showProgress(part(".bar"), bonus, phase, now);
    showClaim(part(".claim"), phase, claiming?.button ?? "Claim", reward);
  };
  part(".claim").addEventListener("click", async () => {
    isClaiming = true;
    // The button goes; what comes of it stands here.
    part(".outcome").focus();
    show();
    await headcount.claim(bonus.bonus_id).catch(showProblem);
    isClaiming = false;
    show();
  });
  at("bonuses").append(item);
  return { bonus, show, item };
}

/**
 * @param {HTMLButtonElement} button
 * @param {view.Phase} phase
 * @param {string} text
 * @param {string} reward
 */
function showClaim(button, phase, text, reward) {
  setText(button, text);
  const label = `${text} ${reward}`;
  if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
  button.hidden = phase !== "open" && phase !== "upcoming";
  button.disabled = phase !== "open" || text !== "Claim";
}

/**
 * @param {HTMLProgressElement} bar
 * @param {Bonus} bonus
 * @param {view.Phase} phase
 * @param {number} now
 */
function showProgress(bar, { progress }, phase, now) {
  bar.hidden = phase !== "not_yet" || !progress;
  if (progress) bar.value = view.watchedPercent(progress, now);
}

/**
 * @param {Bonus} bonus
 * @param {view.Phase} phase
 * @param {number} now
 */
function countdown({ opens_at, expires_at, progress }, phase, now) {
  if (view.isClaimed(phase)) return "✓";
  if (phase === "not_yet" && progress) return view.leftText(view.toWatch(progress, now));
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
