/** Reports: each with what it means, as a table, as CSV, and the one over time as a chart. */

import { draw, erase, stepSeconds } from "./chart.js";
import { at, element, look, name, onSubmit, setText, showRows, store, time } from "./dom.js";
import { local } from "./fields.js";
import * as text from "./text.js";
import { clockText } from "../demo/view.js";

/** @import {Page} from "./main.js" */
/** @import {Cell} from "./dom.js" */

const MAX_ROWS = 200;
const HOUR = 3_600_000;

/**
 * @typedef {object} Report
 * @property {string} title
 * @property {string} definition
 * @property {string} path
 * @property {(from: number, to: number) => import("./api.js").Query} query
 * @property {boolean} [hasClock]
 * @property {[string, (row: any) => Cell, boolean?][]} columns  a heading, its cell, and whether that is a number
 */

/** @type {Record<string, Report>} */
export const REPORTS = {
  concurrency: {
    title: "Viewers over time",
    definition: "Viewers: how many users watch at once when a step begins; a user on two resources counts as two. Peak: the most within the step.",
    path: "/concurrency",
    query: (from, to) => ({ step_seconds: stepSeconds(to - from) }),
    columns: [["From", (row) => time(row.at)], ["Viewers", (row) => text.number(row.viewers), true], ["Peak", (row) => text.number(row.peak_viewers), true], ["Peak at", (row) => time(row.peak_at)]],
  },
  audience: {
    title: "Audience",
    definition:
      "Unique viewers: users who watched in this time. New: of them, those who were never here before. Views: sessions that began. Average viewers: users at once, on average. Of a long time viewers are estimated from a sample.",
    path: "/audience",
    query: (from, to) => ({ by: to - from > 48 * HOUR ? "day" : to - from > 3 * HOUR ? "hour" : undefined, timezone: to - from > 3 * HOUR ? zone() : undefined }),
    hasClock: true,
    columns: [
      ["From", (row) => time(row.starts_at)],
      ["Unique viewers", (row) => text.number(row.unique_viewers) + (row.error_percent ? ` ± ${row.error_percent} %` : ""), true],
      ["New", (row) => text.number(row.new_viewers), true],
      ["Views", (row) => text.number(row.views), true],
      ["Average viewers", (row) => row.average_viewers.toFixed(1), true],
      ["Peak", (row) => text.number(row.peak_viewers), true],
      ["Watched", (row) => clockText(row.watched_ms), true],
    ],
  },
  resources: {
    title: "Watch time by resource",
    definition: "Watched: the sum over sessions, clipped to this time; open sessions count up to now. Connected: while a connection was open. Visible: while the user could see the page.",
    path: "/watch-time",
    query: () => ({ by: "resource" }),
    hasClock: true,
    columns: [["Resource", (row) => name(row.resource)], ["Sessions", (row) => text.number(row.sessions), true], ["Watched", (row) => clockText(row.watched_ms), true], ["At most more", (row) => clockText(row.uncertain_ms), true]],
  },
  users: {
    title: "Watch time by user",
    definition: "Watched: how long each user watched in this time; a moment on several resources counts once. In the order of ids; the CSV has all.",
    path: "/watch-time",
    query: () => ({ by: "user" }),
    hasClock: true,
    columns: [["User", (row) => name(row.user_id)], ["Sessions", (row) => text.number(row.sessions), true], ["Watched", (row) => clockText(row.watched_ms), true]],
  },
  sessions: {
    title: "Sessions",
    definition: "Session: a stay of one user on one resource, over all tabs and devices. All that overlap this time, open ones first. The CSV has all.",
    path: "/sessions",
    query: () => ({}),
    columns: [["User", (row) => name(row.user_id)], ["Resource", (row) => name(row.resource)], ["From", (row) => time(row.joined_at)], ["To", (row) => (row.ended_at === null ? element("span", "now") : time(row.ended_at))], ["Ended", (row) => row.ended_by ?? "–"], ["Watched", (row) => clockText(row.watched_ms), true]],
  },
};

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {Page} page */
export function showReports(page) {
  at("report-kind").replaceChildren(...Object.entries(REPORTS).map(([value, { title }]) => Object.assign(element("option", title), { value })));
  for (const place of document.querySelectorAll(".zone")) place.textContent = zone();
  const now = Date.now();
  at("report-from").value = local(now - HOUR);
  at("report-to").value = local(now);
  const explain = () => {
    const { definition, hasClock } = REPORTS[at("report-kind").value];
    setText(at("definition"), definition);
    at("report-clock-row").hidden = !hasClock;
  };
  at("report-kind").onchange = explain;
  explain();
  onSubmit("report", () => look("report-outcome", () => show(page)));
  at("report-csv").onclick = () => {
    const { report, query } = wanted();
    store(page.api(), "report-outcome", `${report.path}.csv`, { ...query, times: "iso" });
  };
}

function wanted() {
  const report = REPORTS[at("report-kind").value];
  const [from, to] = [at("report-from"), at("report-to")].map(({ value }) => new Date(value).getTime());
  const clock = report.hasClock ? at("report-clock").value : undefined;
  return { report, from, to, query: { from, to, ...report.query(from, to), resource: at("report-resource").value.trim(), clock } };
}

/** @param {Page} page */
async function show(page) {
  const { report, from, to, query } = wanted();
  if (!(from < to)) throw new Error("“From” must be before “To”.");
  const isPaged = report.path === "/watch-time" || report.path === "/sessions";
  const { items, next } = await page.api().get(report.path, isPaged ? { ...query, limit: MAX_ROWS } : query);
  at("report-card").hidden = false;
  setText(at("report-shown"), report.title);
  at("report-head").replaceChildren(...report.columns.map(([heading, , isNumber]) => Object.assign(element("th", heading), { scope: "col", className: isNumber ? "number" : "" })));
  at("report-rows").replaceChildren();
  const numbers = report.columns.flatMap(([, , isNumber], n) => (isNumber ? [n] : []));
  const rows = items.slice(0, MAX_ROWS).map((/** @type {any} */ row, /** @type {number} */ n) => ({ row, n }));
  showRows(at("report-rows"), rows, (/** @type {any} */ { n }) => String(n), ({ row }) => report.columns.map(([, cell]) => cell(row)), numbers);
  if (report.path === "/concurrency") draw(at("report-chart"), [{ name: "", steps: items }], [], { from, to });
  else erase(at("report-chart"));
  return `${text.counted(rows.length, "row")}${next ?? items.length > MAX_ROWS ? " shown; the CSV has all" : ""}.`;
}
