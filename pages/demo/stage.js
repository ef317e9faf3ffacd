/** The stage: whether it is live, and reactions that rise over it. */

import { at, setText } from "./dom.js";
import { wallHeights } from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */

const SVG = "http://www.w3.org/2000/svg";
const MAX_FLOATS = 12;

/** @param {Headcount} headcount */
export function showStage(headcount) {
  at("wall").replaceChildren(...wallHeights().map(makeBar));
  headcount.on("status", showLive);
  showLive(headcount.status);
}

/** @param {{status: string}} status */
function showLive({ status }) {
  at("live").dataset.on = String(status === "online");
  setText(at("live"), status === "online" ? "Live" : "Paused");
}

/**
 * @param {number} height  in percent
 * @param {number} n
 */
function makeBar(height, n) {
  const bar = document.createElement("i");
  bar.style.setProperty("--height", `${height}%`);
  bar.style.setProperty("--delay", `${-0.37 * n}s`);
  return bar;
}

/**
 * Let a reaction rise, for those who like motion.
 *
 * @param {string} path  of its icon in a view box of 24 by 24
 */
export function float(path) {
  const floats = at("floats");
  if (floats.childElementCount >= MAX_FLOATS || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("class", "float");
  icon.style.setProperty("--from", `${1 + 12 * Math.random()}rem`);
  icon.style.setProperty("--drift", `${4 * Math.random() - 2}rem`);
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  icon.append(shape);
  icon.addEventListener("animationend", () => icon.remove());
  floats.append(icon);
}
