/** Bonuses as cards that count down. */

import { announceProblem, at, copy, say, setText } from "./demo-page.js";
import * as view from "./demo-state.js";

/** @import {Headcount} from "./headcount.js" */
/** @import {Bonus, Outcome} from "./types.js" */

const FRAME = 250;
const GONE_AFTER = 60_000;

/**
 * @param {Headcount} headcount
 * @param {string} user
 */
export function showBonuses(headcount, user) {
  /** @type {Map<string, {bonus: Bonus, show: () => void, item: HTMLElement}>} */
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
  const settle = (/** @type {string} */ id, /** @type {Outcome} */ outcome) => {
    const bonus = cards.get(id)?.bonus;
    const now = bonus && view.settled(bonus.outcome, outcome);
    if (!now || now === bonus.outcome) return;
    bonus.outcome = now;
    say(`${view.rewardText(bonus.reward)}: ${view.PHASES[now]}`);
    show();
  };
  const tell = tellOtherTabs(user, settle);
  headcount.on("bonus", (bonus) => {
    const known = cards.get(bonus.bonus_id)?.bonus;
    if (known) known.outcome = view.settled(known.outcome, bonus.outcome);
    else if (!isGone(bonus)) {
      cards.set(bonus.bonus_id, makeCard(headcount, { ...bonus }));
      if (["upcoming", "open"].includes(view.phase(bonus, headcount.serverNow()))) say(`A bonus: ${view.rewardText(bonus.reward)}`);
    }
    show();
  });
  headcount.on("claim", ({ bonus_id, outcome }) => {
    settle(bonus_id, outcome);
    tell(bonus_id, outcome);
  });
  headcount.on("event", ({ type, body }) => type === "bonus.claimed" && settle(body.bonus_id, "claimed"));
  setInterval(show, FRAME);
}

/**
 * The server tells every device what was claimed, and only the asking tab that it came too late: that one tells the
 * others in this browser.
 *
 * @param {string} user
 * @param {(id: string, outcome: Outcome) => void} heard
 * @returns {(id: string, outcome: Outcome) => void}
 */
function tellOtherTabs(user, heard) {
  const channel = new BroadcastChannel(`headcount.claims.${user}`);
  channel.onmessage = ({ data }) => data.outcome in view.PHASES && heard(data.id, data.outcome);
  return (id, outcome) => channel.postMessage({ id, outcome });
}

/**
 * @param {Headcount} headcount
 * @param {Bonus} bonus
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
