/** Reveals: something is shown on all screens at one instant. */

import { at, carryOut, confirm, onSubmit, showTerms, time } from "./dom.js";
import { audience, checked } from "./fields.js";
import { isThere, once } from "./orders.js";
import { poll } from "./poll.js";
import * as text from "./text.js";
import { isBlank } from "../demo/names.js";

/** @import {Page} from "./main.js" */

// In milliseconds.
const POLL_EVERY = 2_000;

/**
 * @param {Page} page
 * @returns {() => Promise<void>} look again at the one that was ordered last
 */
export function showReveals(page) {
  let last = "";
  const reveal = once({
    send: (order, reveal_id) => page.api().order("POST", "/reveals", { ...order, reveal_id }),
    exists: (id) => isThere(page.api(), `/reveals/${id}`),
  });
  const show = (/** @type {any} */ one) => {
    last = one.reveal_id;
    at("revealing").hidden = false;
    showTerms(at("reveal-details"), [
      ["State", one.state],
      ["Instant", time(one.reveals_at)],
      ["Sealed, told to", text.toldText(one.broadcast)],
      ["Key, told to", text.toldText(one.key_broadcast)],
    ]);
    at("reveal-cancel").hidden = one.state !== "sealed";
  };
  const refresh = poll({
    every: POLL_EVERY,
    isShown: () => page.isSignedIn() && page.tab() === "news" && last !== "",
    report: page.reporter(),
    ask: async () => {
      const asked = last;
      const one = await page.api().get(`/reveals/${asked}`);
      if (asked === last) show(one);
    },
  });
  onSubmit("reveal", () =>
    carryOut("reveal-outcome", async () => {
      const words = at("reveal-text").value.trim();
      if (isBlank(words)) throw new Error("A reveal needs a visible text.");
      const order = { content: { text: words }, audience: checked(audience("reveal")), reveals_in_seconds: Number(at("reveal-seconds").value) };
      show(await reveal(order));
      at("reveal-text").value = "";
      refresh();
      return `On its way, sealed: “${words}”.`;
    }),
  );
  at("reveal-cancel").onclick = () =>
    carryOut("reveal-outcome", async () => {
      if (!(await confirm("Cancel the reveal? It is not shown.", "Cancel it"))) return "";
      const one = await page.api().order("DELETE", `/reveals/${last}`);
      show(one);
      return `The reveal is ${one.state}.`;
    });
  at("reveal-audience").onchange = () => audience("reveal");
  return refresh;
}
