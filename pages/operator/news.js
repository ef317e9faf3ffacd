/** News: what was sent, how far it is told, and how to take it back. */

import { at, button, carryOut, confirm, name, showRows, time } from "./dom.js";
import { poll } from "./poll.js";
import * as text from "./text.js";

/** @import {Page} from "./main.js" */

// In milliseconds.
const POLL_EVERY = 2_000;
const MAX_ROWS = 100;

/** @typedef {{news_id: string, body: any, audience: string, resource: string|null, at: number, expires_at: number, state: string, ordered_by: string|null, broadcast: any}} News */

/**
 * @param {Page} page
 * @returns {() => Promise<void>}
 */
export function showNews(page) {
  const cells = (/** @type {News} */ one) => [
    ...[time(one.at), name(text.newsText(one.body)), name(text.audienceText(one)), stateText(one, page.now())],
    ...[text.toldText(one.broadcast), one.ordered_by ?? "–"],
    button("Cancel", () => cancel(one), { label: `Cancel ${text.shown(text.newsText(one.body))}`, testid: "cancel-news", isAllowed: page.may("order") && one.state === "current" }),
  ];
  const cancel = (/** @type {News} */ one) =>
    carryOut("news-outcome", async () => {
      const words = text.shown(text.newsText(one.body));
      if (!(await confirm(`Cancel “${words}”? It goes from the pages that show it.`, "Cancel the news"))) return "";
      const { state } = await page.api().order("DELETE", `/news/${one.news_id}`);
      refresh();
      return `“${words}” is ${state}.`;
    });
  const refresh = poll({
    every: POLL_EVERY,
    isShown: () => page.isSignedIn() && page.tab() === "news",
    report: page.reporter(),
    ask: async () => {
      const { items } = await page.api().get("/news", { limit: MAX_ROWS });
      showRows(at("sent"), items, (/** @type {News} */ one) => one.news_id, cells, [4]);
      at("no-sent").hidden = items.length > 0;
    },
  });
  return refresh;
}

/**
 * @param {News} news
 * @param {number} now
 */
const stateText = ({ state, expires_at }, now) => (state === "current" ? `current, ${text.lengthText(expires_at - now)} left` : state);
