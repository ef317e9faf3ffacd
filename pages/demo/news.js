/** News, until it expires. */

import { announce, at, entry } from "./dom.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {News} from "../../client/src/types.js" */

// In milliseconds.
const REDRAW_EVERY = 1_000;

/** @param {Headcount} headcount */
export function showNews(headcount) {
  /** @type {News[]} */
  let shown = [];
  const show = (/** @type {News[]} */ news) => {
    const current = view.currentNews(news, headcount.serverNow());
    if (current.length === shown.length && current.every(({ seq }, index) => seq === shown[index].seq)) return;
    shown = current;
    at("news-card").hidden = current.length === 0;
    at("news").replaceChildren(...current.map((one) => entry({ ours: "", theirs: view.rewardText(one.body) }, one.at)));
  };
  headcount.on("news", (one) => {
    // The server's own, of a question.
    if (String(one.type).includes(".")) return;
    show([...shown, one]);
    announce(`News: ${view.rewardText(one.body)}`);
  });
  headcount.on("news_cancelled", ({ seq }) => show(shown.filter((one) => one.seq !== seq)));
  setInterval(() => show(shown), REDRAW_EVERY);
}
