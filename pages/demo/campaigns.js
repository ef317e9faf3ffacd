/** Campaigns: how far this user is towards each milestone. */

import { at, copy, setText } from "./dom.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {Campaign, Milestone} from "../../client/src/types.js" */

// In milliseconds.
const REDRAW_EVERY = 1_000;
// Campaigns are judged, and new ones begin, once a minute.
const READ_EVERY = 60_000;
const MAX_SHOWN = 6;

/** @param {Headcount} headcount */
export function showCampaigns(headcount) {
  /** @type {Campaign[]} */
  let campaigns = [];
  let readAt = 0;
  let isReading = false;
  const read = async () => {
    if (isReading || headcount.status.status !== "online") return;
    isReading = true;
    at("campaigns-card").ariaBusy = "true";
    try {
      campaigns = (await headcount.listCampaigns()).campaigns.filter(({ state }) => state !== "over");
      readAt = headcount.serverNow();
      show();
    } catch {
      // Those that were read stay, and are read again in a minute.
    } finally {
      isReading = false;
      at("campaigns-card").ariaBusy = "false";
    }
  };
  const show = () => {
    const shown = campaigns.flatMap((campaign) => campaign.milestones.map((milestone) => ({ campaign, milestone }))).slice(0, MAX_SHOWN);
    at("campaigns-card").hidden = shown.length === 0;
    const list = at("milestones");
    while (list.childElementCount > shown.length) list.lastElementChild.remove();
    while (list.childElementCount < shown.length) list.append(copy("milestone-template"));
    shown.forEach(({ campaign, milestone }, n) => showMilestone(list.children[n], campaign, milestone, watched(headcount, campaign, readAt)));
  };
  for (const name of /** @type {const} */ (["welcome", "watching", "progress"])) headcount.on(name, read);
  headcount.on("event", ({ type }) => type.startsWith("bonus.") && read());
  setInterval(() => document.visibilityState !== "hidden" && read(), READ_EVERY);
  setInterval(() => headcount.status.status === "online" && show(), REDRAW_EVERY);
}

/**
 * What was watched up to when it was read, and since then as far as this tab can tell.
 *
 * @param {Headcount} headcount
 * @param {Campaign} campaign
 * @param {number} readAt
 */
function watched(headcount, { state, resources, clock, watched_ms }, readAt) {
  const isHere = resources === null || resources.includes(headcount.watched?.resource ?? "");
  const isSeen = clock === "connected" || document.visibilityState !== "hidden";
  return state === "running" && isHere && isSeen ? watched_ms + headcount.serverNow() - readAt : watched_ms;
}

/**
 * @param {HTMLElement} item
 * @param {Campaign} campaign
 * @param {Milestone} milestone
 * @param {number} watched_ms
 */
function showMilestone(item, campaign, milestone, watched_ms) {
  const { percent, text } = view.milestoneProgress(campaign, milestone, watched_ms);
  const reward = view.rewardText(milestone.reward);
  const bar = /** @type {HTMLProgressElement} */ (item.querySelector("progress"));
  setText(/** @type {HTMLElement} */ (item.querySelector(".reward")), reward);
  setText(/** @type {HTMLElement} */ (item.querySelector(".milestone-text")), text);
  bar.setAttribute("aria-label", `Watch time towards ${reward}`);
  bar.value = percent;
}
