/** Campaigns: what each brings, how often it was awarded, and edit, pause, resume, end. */

import { at, button, carryOut, confirm, element, name, showRows, time } from "./dom.js";
import { resourcesText, showCampaignForm } from "./campaign-form.js";
import { poll } from "./poll.js";
import * as text from "./text.js";

/** @import {Page} from "./main.js" */

// In milliseconds.
const POLL_EVERY = 10_000;
const MAX_ROWS = 100;

/** @typedef {{milestone: number, watched_seconds: number, days: number|null, repeats: boolean, reward: any, claim_within_seconds: number, awarded: number}} Milestone */
/** @typedef {{per_user: number|null, per_day: number|null, in_all: number|null, cool_down_seconds: number|null}} Limits */
/**
 * @typedef {object} Campaign
 * @property {string} campaign_id
 * @property {string[]|null} resources
 * @property {string} clock
 * @property {string} overlap
 * @property {string|null} timezone
 * @property {number|null} announced_at
 * @property {number} starts_at
 * @property {number|null} ends_at
 * @property {string|null} ordered_by
 * @property {string} state
 * @property {Milestone[]} milestones
 * @property {Limits} limits
 * @property {string[]|null} test_user_ids
 */

/**
 * @param {Page} page
 * @returns {() => Promise<void>}
 */
export function showCampaigns(page) {
  const cells = (/** @type {Campaign} */ one) => [
    name(`${one.resources?.join(", ") ?? "all resources"} (${one.clock})`),
    ...[name(text.milestonesText(one.milestones)), one.test_user_ids ? `${one.state}, a test` : one.state, time(one.starts_at), one.ends_at === null ? element("span", "when ended") : time(one.ends_at), one.ordered_by ?? "–"],
    orders(one),
  ];
  const orders = (/** @type {Campaign} */ one) => {
    const all = document.createElement("span");
    const isAllowed = page.may("order");
    const of = resourcesText(one);
    if (one.state !== "over") all.append(button("Edit", () => edit(one), { label: `Edit the campaign of ${of}`, testid: "campaign-edit", isAllowed }));
    const path = `/campaigns/${one.campaign_id}`;
    if (one.state === "running" || one.state === "upcoming") all.append(button("Pause", () => change("Pause", "POST", `${path}/pause`, of), { label: `Pause the campaign of ${of}`, isAllowed }));
    if (one.state === "paused") all.append(button("Resume", () => change("Resume", "POST", `${path}/resume`, of), { label: `Resume the campaign of ${of}`, isAllowed }));
    if (one.state !== "over") all.append(button("End", () => change("End", "DELETE", path, of), { label: `End the campaign of ${of}`, isAllowed }));
    return all;
  };
  const change = (/** @type {string} */ what, /** @type {string} */ method, /** @type {string} */ path, /** @type {string} */ of) =>
    carryOut("campaign-outcome", async () => {
      const later = what === "End" ? " That is for good." : "";
      if (what !== "Resume" && !(await confirm(`${what} the campaign of ${of}? Minutes do not count from then on.${later}`, what))) return "";
      const { state } = await page.api().order(method, path);
      refresh();
      return `The campaign of ${of} is ${state}.`;
    });
  const edit = (/** @type {Campaign} */ { campaign_id }) =>
    carryOut("campaign-outcome", async () => {
      open(await page.api().get(`/campaigns/${campaign_id}`));
      return "";
    });
  const refresh = poll({
    every: POLL_EVERY,
    isShown: () => page.isSignedIn() && page.tab() === "campaigns",
    report: page.reporter(),
    ask: async () => {
      const { items } = await page.api().get("/campaigns", { limit: MAX_ROWS });
      showRows(at("campaign-rows"), items, (/** @type {Campaign} */ one) => one.campaign_id, cells);
      at("no-campaigns").hidden = items.length > 0;
    },
  });
  const open = showCampaignForm(page, refresh);
  return refresh;
}
