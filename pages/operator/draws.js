/** Draws: winners by chance, among those who are there or who have claimed a bonus. */

import { at, carryOut, confirm, element, look, name, onSubmit, showTerms, store, time } from "./dom.js";
import { checked, numberOf, readReward } from "./fields.js";
import { isThere, once } from "./orders.js";
import * as text from "./text.js";

/** @import {Page} from "./main.js" */

const MAX_BONUSES = 50;

/**
 * @param {Page} page
 * @param {() => unknown} refresh  the list of bonuses: each draw makes one
 */
export function showDraws(page, refresh) {
  let drawn = "";
  const draw = once({
    send: (order, bonus_id) => page.api().order("POST", "/draws", { ...order, bonus_id }),
    exists: (id) => isThere(page.api(), `/draws/${id}`),
  });
  at("draw-among").onchange = () => {
    const among = at("draw-among").value;
    at("draw-resource-row").hidden = among !== "resource";
    for (const row of ["draw-bonus-row", "draw-within-row"]) at(row).hidden = among !== "claims";
    if (among === "claims") look("draw-outcome", () => listBonuses(page));
  };
  onSubmit("draw", () =>
    carryOut("draw-outcome", async () => {
      const order = readDraw();
      const winners = order.winners === 1 ? "one winner" : `${text.number(order.winners)} winners`;
      if (!(await confirm(`Draw ${winners} for “${order.reward.text}”? They are told at once.`, "Draw"))) return "Not drawn.";
      const made = await draw(order);
      drawn = made.bonus_id;
      at("drawn").hidden = false;
      showTerms(at("draw-details"), terms(made));
      refresh();
      return `Drawn: ${text.number(Math.min(made.winners, made.candidates))} of ${text.counted(made.candidates, "candidate")} win “${order.reward.text}”.`;
    }),
  );
  at("draw-csv").onclick = () => store(page.api(), "draw-outcome", `/draws/${drawn}/candidates.csv`, {});
}

/** @param {Page} page */
async function listBonuses(page) {
  const { items } = await page.api().get("/bonuses", { limit: MAX_BONUSES });
  at("draw-bonus").replaceChildren(
    ...items.map((/** @type {any} */ one) => {
      const option = element("option", `${text.shown(text.rewardText(one.reward))}, ${text.moment(one.created_at, page.now())}`);
      return Object.assign(option, { value: one.bonus_id });
    }),
  );
  return items.length === 0 ? "No bonus was dropped yet." : "";
}

function readDraw() {
  const among = at("draw-among").value;
  const resource = among === "resource" ? checked({ kind: "resource", resource: at("draw-resource").value.trim() }).resource : null;
  if (among === "claims" && at("draw-bonus").value === "") throw new Error("Choose the bonus.");
  return {
    among:
      among === "claims" ? { kind: "claims", bonus_id: at("draw-bonus").value, within_seconds: numberOf(at("draw-within").value) }
      : { kind: "present", resource },
    winners: Number(at("draw-winners").value),
    reward: readReward("draw-reward"),
    claim_within_seconds: Number(at("draw-seconds").value),
  };
}

/**
 * What is needed to check a draw.
 *
 * @param {{bonus_id: string, candidates: number, seed: string, digest: string, drawn_at: number}} draw
 * @returns {[string, import("./dom.js").Cell][]}
 */
const terms = ({ bonus_id, candidates, seed, digest, drawn_at }) => [
  ["Drawn", time(drawn_at)],
  ["Candidates", text.number(candidates)],
  ["Seed", element("code", seed)],
  ["Digest", element("code", digest)],
  ["Bonus", name(bonus_id)],
];
