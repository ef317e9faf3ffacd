/** News, while it is good. */

import { at, entry, say } from "./dom.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {News} from "../../client/src/types.js" */

const FRAME = 1_000;

/** @param {Headcount} headcount */
export function showNews(headcount) {
  /** @type {News[]} */
  let shown = [];
  const show = (/** @type {News[]} */ news) => {
    const good = view.goodNews(news, headcount.serverNow());
    if (good.length === shown.length && good.every(({ seq }, index) => seq === shown[index].seq)) return;
    shown = good;
    at("news-card").hidden = good.length === 0;
    at("news").replaceChildren(...good.map((one) => entry({ ours: "", theirs: view.rewardText(one.body) }, one.at)));
  };
  headcount.on("news", (one) => {
    show([...shown, one]);
    say(`News: ${view.rewardText(one.body)}`);
  });
  setInterval(() => show(shown), FRAME);
}
