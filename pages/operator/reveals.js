/** Reveals: something is shown on all screens at one instant. */

import { at, button, carryOut, confirm, name, onSubmit, showRows, time } from "./dom.js";
import { audience, checked } from "./fields.js";
import { isThere, once } from "./orders.js";
import { poll } from "./poll.js";
import * as text from "./text.js";
import { isBlank } from "../demo/names.js";

/** @import {Page} from "./main.js" */

// In milliseconds: while one is sealed, and otherwise.
const POLL_EVERY = 2_000;
const IDLE_POLL_EVERY = 60_000;
const MAX_ROWS = 100;
// Of so many of the newest it is said how far they are told.
const MAX_COUNTED = 10;

/** @typedef {{reveal_id: string, content: any, audience: string, resource: string|null, reveals_at: number, ordered_by: string|null, state: string, broadcast?: any, key_broadcast?: any}} Reveal */

/**
 * @param {Page} page
 * @returns {() => Promise<void>}
 */
export function showReveals(page) {
  /** @type {Reveal[]} */
  let reveals = [];
  const cells = (/** @type {Reveal} */ one) => [
    ...[time(one.reveals_at), name(text.newsText(one.content)), name(text.audienceText(one)), one.state],
    ...[text.toldText(one.broadcast ?? null), text.toldText(one.key_broadcast ?? null), name(one.ordered_by ?? "–")],
    button("Cancel", () => cancel(one), { label: `Cancel ${text.shown(text.newsText(one.content))}`, testid: "reveal-cancel", isAllowed: page.may("order") && one.state === "sealed" }),
  ];
  const cancel = (/** @type {Reveal} */ one) =>
    carryOut("reveal-outcome", async () => {
      const words = text.shown(text.newsText(one.content));
      if (!(await confirm(`Cancel “${words}”? It is not shown.`, "Cancel the reveal"))) return "";
      const { state } = await page.api().order("DELETE", `/reveals/${one.reveal_id}`);
      refresh();
      return `“${words}” is ${state}.`;
    });
  const refresh = poll({
    every: () => (reveals.some(({ state }) => state === "sealed") ? POLL_EVERY : IDLE_POLL_EVERY),
    isShown: () => page.isSignedIn() && page.tab() === "news",
    report: page.reporter(),
    ask: async () => {
      const { items } = await page.api().get("/reveals", { limit: MAX_ROWS });
      const counted = items.slice(0, MAX_COUNTED).map((/** @type {Reveal} */ { reveal_id }) => page.api().get(`/reveals/${reveal_id}`));
      reveals = [...(await Promise.all(counted)), ...items.slice(MAX_COUNTED)];
      showRows(at("reveals"), reveals, (one) => one.reveal_id, cells, [4, 5]);
      at("no-reveals").hidden = reveals.length > 0;
    },
  });
  showReveal(page, refresh);
  return refresh;
}

/**
 * @param {Page} page
 * @param {() => unknown} refresh
 */
function showReveal(page, refresh) {
  const reveal = once({
    send: (order, reveal_id) => page.api().order("POST", "/reveals", { ...order, reveal_id }),
    exists: (id) => isThere(page.api(), `/reveals/${id}`),
  });
  onSubmit("reveal", () =>
    carryOut("reveal-outcome", async () => {
      const words = at("reveal-text").value.trim();
      if (isBlank(words)) throw new Error("A reveal needs a visible text.");
      await reveal({ content: { text: words }, audience: checked(audience("reveal")), reveals_in_seconds: Number(at("reveal-seconds").value) });
      at("reveal-text").value = "";
      refresh();
      return `On its way, sealed: “${words}”.`;
    }),
  );
  at("reveal-audience").onchange = () => audience("reveal");
}
