/** The audit: who ordered what, when and from where. */

import { at, look, name, onSubmit, showRows, time } from "./dom.js";
import * as text from "./text.js";

/** @import {Page} from "./main.js" */

const PAGE_ROWS = 100;

/**
 * @param {Page} page
 * @returns {() => Promise<void>} read the newest, unless the operator is further back
 */
export function showAudit(page) {
  /** @type {string|undefined} */
  let after;
  const read = async () => {
    const filters = { author: at("audit-author").value.trim(), operation: at("audit-operation").value.trim(), subject: at("audit-subject").value.trim() };
    const { items, next } = await page.api().get("/audit", { ...filters, limit: PAGE_ROWS, after });
    showRows(at("audit-rows"), items, (/** @type {any} */ { id }) => String(id), (one) => [
      ...[time(one.at), name(one.author), one.operation, name(one.subject ?? "–"), one.outcome ?? "–", name(one.reason ?? "–"), one.source ?? "–"],
    ]);
    at("audit-first").hidden = after === undefined;
    at("audit-next").hidden = next === null;
    at("audit-next").onclick = () => show(next);
    return items.length === 0 ? "No order." : `${text.counted(items.length, "order")} shown.`;
  };
  const show = (/** @type {string|undefined} */ from) => {
    after = from;
    return look("audit-outcome", read);
  };
  onSubmit("audit-form", () => show(undefined));
  at("audit-first").onclick = () => show(undefined);
  return async () => {
    if (after === undefined) await page.attempt("audit-outcome", async () => void (await read()));
  };
}
