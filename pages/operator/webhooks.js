/** Webhooks: how each does, what it has not taken, and how to test it, send again and switch it on. */

import { at, button, carryOut, confirm, element, look, name, onSubmit, setText, showRows, showTerms, time } from "./dom.js";
import { local, momentOf } from "./fields.js";
import { poll } from "./poll.js";
import * as text from "./text.js";

/** @import {Page} from "./main.js" */

// In milliseconds.
const POLL_EVERY = 5_000;
const HOUR = 3_600_000;
const PAGE_ROWS = 100;
const AGAIN = "Look at its deliveries before you press again: it would be sent once more.";

/**
 * @typedef {object} Webhook
 * @property {string} webhook_id
 * @property {string} url
 * @property {string[]} types
 * @property {string|null} resource
 * @property {number} created_at
 * @property {number|null} off_at
 * @property {string|null} off_by
 * @property {number} delivered
 * @property {number|null} delivered_at
 * @property {number|null} failing_since
 * @property {number} waiting
 * @property {number} dead
 * @property {number|null} behind_ms
 */

/**
 * @param {Page} page
 * @returns {() => Promise<void>}
 */
export function showWebhooks(page) {
  const deliveries = showDeliveries(page);
  const cells = (/** @type {Webhook} */ one) => [
    ...[name(one.url), text.webhookState(one, page.now()), text.number(one.delivered), text.number(one.waiting), text.number(one.dead)],
    ...[one.behind_ms === null ? "–" : text.lengthText(one.behind_ms), orders(one)],
  ];
  const orders = (/** @type {Webhook} */ one) => {
    const all = document.createElement("span");
    const [url, isAllowed] = [text.shown(one.url), page.may("webhooks")];
    const turn = one.off_at === null ? "Switch off" : "Switch on";
    all.append(
      button("Deliveries", () => deliveries.open(one), { label: `Deliveries to ${url}`, testid: "deliveries-open" }),
      button("Test", () => test(one), { label: `Send a test to ${url}`, testid: "webhook-test", isAllowed }),
      button(turn, () => change(one), { label: `${turn} ${url}`, testid: "webhook-switch", isAllowed }),
    );
    return all;
  };
  const test = (/** @type {Webhook} */ one) =>
    carryOut(
      "webhook-outcome",
      async () => {
        await page.api().order("POST", `/webhooks/${one.webhook_id}/test`);
        await deliveries.turnTo(one);
        return `A test is on its way to ${text.shown(one.url)}: see its deliveries below.`;
      },
      AGAIN,
    );
  const change = (/** @type {Webhook} */ one) =>
    carryOut("webhook-outcome", async () => {
      const isOn = one.off_at !== null;
      if (!isOn && !(await confirm(`Switch off ${text.shown(one.url)}? What happens is kept for it for seven days.`, "Switch it off"))) return "";
      // As it is now: another operator may have changed it.
      const { url, types, resource } = await page.api().get(`/webhooks/${one.webhook_id}`);
      await page.api().order("PUT", `/webhooks/${one.webhook_id}`, { url, types, resource, is_on: isOn });
      refresh();
      return isOn ? `${text.shown(url)} is on, and goes on where it was.` : `${text.shown(url)} is off.`;
    });
  const refresh = poll({
    every: POLL_EVERY,
    isShown: () => page.isSignedIn() && page.tab() === "webhooks",
    report: page.reporter(),
    ask: async () => {
      const { items } = await page.api().get("/webhooks");
      showRows(at("webhook-rows"), items, (/** @type {Webhook} */ one) => one.webhook_id, cells, [2, 3, 4]);
      at("no-webhooks").hidden = items.length > 0;
      await deliveries.refresh(items);
    },
  });
  return refresh;
}

/** @param {Page} page */
function showDeliveries(page) {
  let webhookId = "";
  // What the form for sending again began with: no earlier than the webhook was made.
  let offered = 0;
  /** @type {string|undefined} */
  let after;
  const read = async () => {
    const state = at("deliveries-state").value;
    const { items, next } = await page.api().get(`/webhooks/${webhookId}/deliveries`, { state, limit: PAGE_ROWS, after });
    showRows(at("deliveries"), items, (/** @type {{event_id: string}} */ { event_id }) => event_id, deliveryCells, [4]);
    at("no-deliveries").hidden = items.length > 0;
    at("deliveries-first").hidden = after === undefined;
    at("deliveries-next").hidden = next === null;
    at("deliveries-next").onclick = () => find(next);
  };
  const find = (/** @type {string|undefined} */ from) => {
    after = from;
    return page.attempt("deliveries-problem", read);
  };
  const turnTo = async (/** @type {Webhook} */ { webhook_id }) => {
    const one = /** @type {Webhook} */ (await page.api().get(`/webhooks/${webhook_id}`));
    if (webhookId !== webhook_id) {
      offered = Math.max(one.created_at, Math.floor(page.now() - HOUR));
      at("replay-from").value = local(offered);
    }
    webhookId = webhook_id;
    after = undefined;
    showWebhook(one);
    await read();
    at("deliveries-card").hidden = false;
  };
  at("deliveries-first").onclick = () => find(undefined);
  at("deliveries-state").onchange = () => find(undefined);
  onSubmit("replay", () =>
    carryOut(
      "replay-outcome",
      async () => {
        const [begins_at, url] = [momentOf(at("replay-from").value, offered) ?? offered, text.shown(at("deliveries-url").textContent ?? "")];
        if (!(await confirm(`Send to ${url} again all that was recorded since ${text.moment(begins_at, page.now())}?`, "Send it again"))) return "Not sent.";
        await page.api().order("POST", `/webhooks/${webhookId}/replay`, { begins_at });
        return `${url} goes on from ${text.moment(begins_at, page.now())}. Events have the ids that they had.`;
      },
      "Press again: a receiver knows events by their ids.",
    ),
  );
  return {
    turnTo,
    /** @param {Webhook} one */
    open: (one) =>
      look("webhook-outcome", async () => {
        await turnTo(one);
        setText(at("replay-outcome"), "");
        at("deliveries-card").scrollIntoView({ block: "nearest" });
        at("deliveries-title").focus();
        return "";
      }),
    /** @param {Webhook[]} webhooks  as they are now */
    refresh: async (webhooks) => {
      const one = webhooks.find(({ webhook_id }) => webhook_id === webhookId);
      at("deliveries-card").hidden = one === undefined;
      if (one === undefined) return;
      showWebhook(one);
      if (after === undefined) await read();
    },
  };
}

/** @param {Webhook} one */
function showWebhook({ url, types, resource, off_at, failing_since, delivered_at }) {
  setText(at("deliveries-url"), text.shown(url));
  showTerms(at("webhook-details"), [
    ["Events", types.join(", ")],
    ["About", resource === null ? "any resource, and none" : name(resource)],
    ["Took one last", time(delivered_at)],
    off_at === null ? ["Has taken nothing since", time(failing_since)] : ["Off since", time(off_at)],
  ]);
}

/** @param {any} one */
const deliveryCells = (one) => [
  ...[time(one.at), one.type, name(one.user_id ?? "–"), one.state, text.number(one.attempts)],
  ...[element("span", text.deliveryText(one)), time(one.last_at), one.state === "waiting" ? time(one.due_at) : "–"],
];
