/** Drop a bonus, and send news: how many it reaches stands there before it is ordered. */

import { at, carryOut, confirm, onSubmit, setText } from "./dom.js";
import { audience, checked, readReward } from "./fields.js";
import { isThere, once } from "./orders.js";
import * as text from "./text.js";
import { isBlank } from "../demo/names.js";

/** @import {Counts} from "./live.js" */
/** @import {Page} from "./main.js" */
/** @import {Audience} from "./fields.js" */

// Above so many people, a second question.
const MANY = 1_000;
const TEST_SECONDS = 60;

/**
 * @param {Page} page
 * @param {() => Counts|null} counts
 * @param {() => unknown} refresh  the list of bonuses
 * @returns {() => void} show the estimate again
 */
export function showDrop(page, counts, refresh) {
  const exists = (/** @type {string} */ id) => isThere(page.api(), `/bonuses/${id}`);
  const send = (/** @type {object} */ order, /** @type {string} */ bonus_id) => page.api().order("POST", "/bonuses", { ...order, bonus_id });
  const drop = once({ send, exists });
  const test = once({ send, exists });
  const estimate = () => showEstimate("estimate", audience("drop"), Number(at("drop-window").value), counts());
  onSubmit("drop", () =>
    carryOut("drop-outcome", async () => {
      const order = readBonus();
      const { users } = size(order.audience, counts());
      if (users > MANY && !(await confirm(`Drop “${order.reward.text}” for ${text.number(users)} people?`, "Drop it"))) return "Not dropped.";
      const made = await drop(order);
      refresh();
      return `Dropped: “${order.reward.text}”. ${made.warnings.map((/** @type {{detail: string}} */ { detail }) => detail).join(" ")}`.trim();
    }),
  );
  at("test-user").value = sessionStorage.getItem("headcount.test-user") ?? "";
  at("test-drop").onclick = () =>
    carryOut("drop-outcome", async () => {
      const user = at("test-user").value.trim();
      if (user === "") throw new Error("Type your own user id first: the one that you watch with.");
      sessionStorage.setItem("headcount.test-user", user);
      await test({ reward: readReward("drop-reward"), audience: { kind: "users", user_ids: [user] }, window_seconds: TEST_SECONDS });
      refresh();
      return `A test for ${text.shown(user)} alone is on its way.`;
    });
  for (const id of ["drop-audience", "drop-resource", "drop-users", "drop-window"]) at(id).oninput = estimate;
  return estimate;
}

/**
 * @param {Page} page
 * @param {() => Counts|null} counts
 * @param {() => unknown} refresh  the list of news
 * @returns {() => void} show the estimate again
 */
export function showSend(page, counts, refresh) {
  const send = once({
    send: (order, news_id) => page.api().order("POST", "/news", { ...order, news_id }),
    exists: (id) => isThere(page.api(), `/news/${id}`),
  });
  const estimate = () => showEstimate("send-estimate", audience("send"), Number(at("send-seconds").value), counts());
  onSubmit("send", () =>
    carryOut("send-outcome", async () => {
      const words = at("send-text").value.trim();
      if (isBlank(words)) throw new Error("News needs a visible text.");
      const order = { type: "note", body: { text: words }, audience: checked(audience("send")), expires_in_seconds: Number(at("send-seconds").value) };
      const { users } = size(order.audience, counts());
      if (users > MANY && !(await confirm(`Send “${words}” to ${text.number(users)} people?`, "Send it"))) return "Not sent.";
      await send(order);
      at("send-text").value = "";
      refresh();
      return `Sent: “${words}”.`;
    }),
  );
  for (const id of ["send-audience", "send-resource", "send-seconds"]) at(id).oninput = estimate;
  return estimate;
}

function readBonus() {
  return {
    reward: readReward("drop-reward"),
    audience: checked(audience("drop")),
    window_seconds: Number(at("drop-window").value),
    stock: at("drop-stock").value === "" ? null : Number(at("drop-stock").value),
  };
}

/**
 * How many an audience is now, by the counts.
 *
 * @param {Audience} audience
 * @param {Counts|null} counts
 */
export function size({ kind, resource, user_ids = [] }, counts) {
  if (kind === "users") return { users: user_ids.length, connections: user_ids.length };
  if (kind === "everyone") return { users: counts?.users ?? 0, connections: counts?.connections ?? 0 };
  const found = counts?.resources.find((one) => one.resource === resource);
  return { users: found?.users ?? 0, connections: found?.connections ?? 0 };
}

/**
 * @param {string} place
 * @param {Audience} given
 * @param {number} seconds
 * @param {Counts|null} counts
 */
function showEstimate(place, given, seconds, counts) {
  const known = counts && { ...size(given, counts), perSecond: counts.pushes_per_second, seconds };
  const many = given.kind === "users" ? `${text.counted(given.user_ids?.length ?? 0, "user")} listed.` : null;
  setText(at(place), many ?? (known ? text.estimateText(known) : ""));
}
