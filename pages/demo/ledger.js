/** The history of this user's bonuses, loaded when the user opens it. */

import { at, entry, showProblem } from "./dom.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {Ledger} from "../../client/src/types.js" */

/** @param {Headcount} headcount */
export function showLedger(headcount) {
  /** @type {Ledger["next"]} */
  let next = null;
  const load = async (/** @type {Ledger["next"]} */ before) => {
    at("ledger-more").disabled = true;
    try {
      const page = await headcount.ledger({ before });
      next = page.next;
      show(page, before === null);
    } catch (error) {
      showProblem(error);
    } finally {
      at("ledger-more").disabled = false;
    }
  };
  at("ledger").ontoggle = () => at("ledger").open && load(null);
  at("ledger-more").onclick = () => load(next);
  headcount.on("event", ({ type }) => at("ledger").open && type.startsWith("bonus.") && load(null));
}

/**
 * @param {Ledger} page
 * @param {boolean} isFirst
 */
function show({ entries, next }, isFirst) {
  if (isFirst) at("ledger-entries").replaceChildren();
  at("ledger-entries").append(...entries.map((one) => entry(view.entryText(one), one.at)));
  at("no-ledger").hidden = at("ledger-entries").childElementCount > 0;
  at("ledger-more").hidden = next === null;
}
