/** Make a campaign, or edit one: what the form does not show stays as it is. */

import { at, carryOut, onSubmit, setText } from "./dom.js";
import { listed, local, momentOf, numberOf, rewardOf } from "./fields.js";
import { isThere, once } from "./orders.js";
import * as text from "./text.js";
import { rewardText } from "../demo/view.js";

/** @import {Page} from "./main.js" */
/** @import {Campaign, Milestone} from "./campaigns.js" */

const MAX_MILESTONES = 12;
const MINUTE = 60;

/**
 * @param {Page} page
 * @param {() => unknown} refresh  the list of campaigns
 * @returns {(campaign: Campaign|null) => void} open the form: on a campaign, or on a new one
 */
export function showCampaignForm(page, refresh) {
  /** @type {Campaign|null} */
  let edited = null;
  const create = once({
    send: (order, campaign_id) => page.api().order("POST", "/campaigns", { ...order, campaign_id }),
    exists: (id) => isThere(page.api(), `/campaigns/${id}`),
  });
  const open = (/** @type {Campaign|null} */ campaign) => {
    edited = campaign;
    at("campaign").hidden = false;
    setText(at("campaign-title"), campaign ? `Edit the campaign of ${resourcesText(campaign)}` : "New campaign");
    fill(campaign);
    setText(at("save-outcome"), "");
    at("campaign-title").focus();
  };
  onSubmit("campaign", () =>
    carryOut("save-outcome", async () => {
      const order = readCampaign(edited);
      const saved = edited ? await page.api().order("PUT", `/campaigns/${edited.campaign_id}`, order) : await create(order);
      const done = edited ? "Saved" : "Created";
      edited = saved;
      fill(saved);
      setText(at("campaign-title"), `Edit the campaign of ${resourcesText(saved)}`);
      refresh();
      return `${done}: the campaign of ${resourcesText(saved)} is ${saved.state}.`;
    }),
  );
  at("milestone-add").onclick = () => addMilestone(null).querySelector("input")?.focus();
  at("campaign-close").onclick = () => {
    at("campaign").hidden = true;
    at("campaign-new").focus();
  };
  at("campaign-new").onclick = () => open(null);
  return open;
}

/** @param {Campaign} campaign */
export const resourcesText = ({ resources }) => resources?.map(text.shown).join(", ") ?? "all resources";

/** @param {Campaign|null} campaign */
function fill(campaign) {
  const limits = campaign?.limits;
  /** @type {Record<string, string>} */
  const values = {
    resources: campaign?.resources?.join("\n") ?? "",
    clock: campaign?.clock ?? "connected",
    starts: local(campaign?.starts_at ?? null),
    ends: local(campaign?.ends_at ?? null),
    timezone: campaign?.timezone ?? "",
    "per-user": String(limits?.per_user ?? ""),
    "per-day": String(limits?.per_day ?? ""),
    "in-all": String(limits?.in_all ?? ""),
    test: campaign?.test_user_ids?.join("\n") ?? "",
  };
  for (const [name, value] of Object.entries(values)) at(`campaign-${name}`).value = value;
  at("milestones").replaceChildren();
  for (const milestone of campaign?.milestones ?? [null]) addMilestone(milestone);
}

/** @type {WeakMap<Element, Milestone>} which milestone a row shows; none: a new one */
const shownMilestones = new WeakMap();

/**
 * @param {Milestone|null} milestone
 * @returns {HTMLElement}
 */
function addMilestone(milestone) {
  const row = at("milestone-template").content.firstElementChild.cloneNode(true);
  if (milestone) {
    shownMilestones.set(row, milestone);
    part(row, "minutes").value = String(milestone.watched_seconds / MINUTE);
    part(row, "days").value = String(milestone.days ?? "");
    part(row, "reward").value = rewardText(milestone.reward);
    part(row, "claim").value = String(milestone.claim_within_seconds / MINUTE);
    part(row, "repeats").checked = milestone.repeats;
  }
  part(row, "remove").onclick = () => {
    row.remove();
    at("milestone-add").disabled = false;
    at("milestone-add").focus();
  };
  at("milestones").append(row);
  at("milestone-add").disabled = at("milestones").childElementCount >= MAX_MILESTONES;
  return row;
}

/**
 * @param {Element} row
 * @param {string} name
 * @returns {any}
 */
const part = (row, name) => row.querySelector(`[data-part=${name}]`);

/** @param {Campaign|null} before */
function readCampaign(before) {
  const field = (/** @type {string} */ name) => at(`campaign-${name}`).value.trim();
  const list = (/** @type {string} */ name) => (field(name) === "" ? null : listed(field(name)));
  return {
    resources: list("resources"),
    clock: field("clock"),
    overlap: before?.overlap ?? "once",
    timezone: field("timezone") || null,
    announced_at: before?.announced_at ?? null,
    starts_at: momentOf(field("starts"), before?.starts_at ?? null),
    ends_at: momentOf(field("ends"), before?.ends_at ?? null),
    milestones: [...at("milestones").children].map(readMilestone),
    limits: {
      ...before?.limits,
      per_user: numberOf(field("per-user")),
      per_day: numberOf(field("per-day")),
      in_all: numberOf(field("in-all")),
    },
    test_user_ids: list("test"),
  };
}

/** @param {Element} row */
function readMilestone(row) {
  const before = shownMilestones.get(row);
  return {
    milestone: before?.milestone ?? null,
    watched_seconds: seconds(part(row, "minutes").value),
    days: numberOf(part(row, "days").value),
    repeats: part(row, "repeats").checked,
    reward: rewardOf(part(row, "reward").value.trim(), before?.reward),
    claim_within_seconds: seconds(part(row, "claim").value),
  };
}

/** @param {string} minutes */
const seconds = (minutes) => Math.round(Number(minutes) * MINUTE * 1_000) / 1_000;
