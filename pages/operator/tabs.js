/** Tabs, as a keyboard moves through them: https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ (2026-11-30) */

import { at } from "../demo/dom.js";

const KEPT = "headcount.operator-tab";

/**
 * @param {() => unknown} opened  called when a tab is opened
 * @returns {{current: () => string, show: () => void}}
 */
export function showTabs(opened) {
  const tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll("[role=tab]")]);
  const names = tabs.map((tab) => tab.id.slice("tab-".length));
  const kept = sessionStorage.getItem(KEPT) ?? "";
  let current = names.includes(kept) ? kept : names[0];
  const show = () => {
    tabs.forEach((tab, n) => {
      const isCurrent = names[n] === current;
      tab.setAttribute("aria-selected", String(isCurrent));
      tab.tabIndex = isCurrent ? 0 : -1;
      at(names[n]).hidden = !isCurrent;
    });
    // On a phone they are wider than the screen.
    tabs[names.indexOf(current)].scrollIntoView({ block: "nearest", inline: "center" });
    opened();
  };
  const choose = (/** @type {number} */ n) => {
    current = names[n];
    sessionStorage.setItem(KEPT, current);
    show();
  };
  tabs.forEach((tab, n) => {
    tab.onclick = () => choose(n);
    tab.onkeydown = (event) => {
      const to = { ArrowRight: n + 1, ArrowLeft: n - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = (to + tabs.length) % tabs.length;
      choose(next);
      tabs[next].focus();
    };
  });
  return { current: () => current, show };
}
