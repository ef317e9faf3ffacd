/** Live: who is there, how many there were, and whether all goes well behind the scenes. */

import { draw, stepSeconds } from "./chart.js";
import { setProblem } from "../demo/dom.js";
import { at, element, name, setText, showRows, time } from "./dom.js";
import { poll } from "./poll.js";
import * as text from "./text.js";

/** @import {Line, Mark} from "./chart.js" */
/** @import {Page} from "./main.js" */

// In milliseconds.
const POLL_EVERY = 2_000;
const HEALTH_EVERY = 10_000;
const MINUTE = 60_000;
const MAX_LINES = 5;
const MAX_ROWS = 200;
/** @type {Record<string, {length: number, every: number}>} */
const RANGES = {
  "15min": { length: 15 * MINUTE, every: 15_000 },
  "1h": { length: 60 * MINUTE, every: 30_000 },
  "24h": { length: 24 * 60 * MINUTE, every: 120_000 },
  "7d": { length: 7 * 24 * 60 * MINUTE, every: 600_000 },
};

/** @typedef {{users: number, connections: number, resources: {resource: string, users: number, connections: number}[], nodes: {node: string, connections: number}[], counted_at: number, pushes_per_second: number}} Counts */

/**
 * Poll the counts: the other parts of the page need them, too.
 *
 * @param {Page} page
 * @returns {{read: () => Counts|null, refresh: () => Promise<void>}} the counts as last read, and how to read them again
 */
export function watchCounts(page) {
  /** @type {Counts|null} */
  let counts = null;
  const refresh = poll({
    every: POLL_EVERY,
    isShown: () => page.isSignedIn() && ["live", "bonuses", "news", "questions"].includes(page.tab()),
    report: page.reporter(),
    ask: async () => {
      const read = /** @type {Counts} */ (await page.api().get("/online/counts"));
      counts = read;
      showCounts(read, page);
    },
  });
  return { read: () => counts, refresh };
}

/** @type {Set<string>} */
let unreachable = new Set();

/**
 * @param {Counts} counts
 * @param {Page} page
 */
function showCounts({ users, connections, resources, nodes }, page) {
  setText(at("people"), text.number(users));
  setText(at("connections"), text.number(connections));
  const names = resources.slice(0, 50).map(({ resource }) => resource);
  const list = at("known-resources");
  if ([...list.children].map((one) => /** @type {HTMLOptionElement} */ (one).value).join("\n") !== names.join("\n")) {
    list.replaceChildren(...names.map((value) => Object.assign(document.createElement("option"), { value })));
  }
  page.changed();
  if (page.tab() !== "live") return;
  const shown = resources.slice(0, MAX_ROWS);
  showRows(at("resources"), shown, (one) => one.resource, (one) => [name(one.resource), text.number(one.users), text.number(one.connections)], [1, 2]);
  setText(at("resources-more"), more(resources.length, "resource"));
  const suspects = [...unreachable].filter((node) => !nodes.some((one) => one.node === node)).map((node) => ({ node, connections: 0 }));
  const all = [...nodes, ...suspects].slice(0, MAX_ROWS);
  showRows(at("nodes"), all, (one) => one.node, (one) => [name(one.node), text.number(one.connections), unreachable.has(one.node) ? "unreachable: suspect" : "reachable"], [1]);
  setText(at("nodes-more"), more(nodes.length, "node"));
}

/**
 * @param {number} count
 * @param {string} what
 */
const more = (count, what) =>
  count === 0 ? `No ${what} has a connection.` : count > MAX_ROWS ? `The ${MAX_ROWS} with the most connections, of ${text.counted(count, what)}.` : "";

/**
 * @param {Page} page
 * @param {() => Counts|null} counts
 */
export function showLive(page, counts) {
  const isShown = () => page.isSignedIn() && page.tab() === "live";
  const range = () => /** @type {HTMLInputElement} */ (document.querySelector("input[name=range]:checked")).value;
  let readAt = 0;
  /** @type {string} */
  let read = "";
  const redraw = poll({
    every: 5_000,
    isShown,
    report: (error) => setProblem(at("chart-problem"), error ? "The chart is not up to date." : ""),
    ask: async () => {
      const wanted = range();
      if (wanted === read && Date.now() - readAt < RANGES[wanted].every) return;
      await readChart(page, counts(), wanted);
      [read, readAt] = [wanted, Date.now()];
    },
  });
  at("ranges").onchange = redraw;
  const health = poll({ every: HEALTH_EVERY, isShown, report: () => {}, ask: () => showHealth(page) });
  const told = poll({ every: POLL_EVERY, isShown, report: () => {}, ask: () => showTold(page) });
  return () => Promise.all([redraw(), health(), told()]);
}

/**
 * @param {Page} page
 * @param {Counts|null} counts
 * @param {string} wanted
 */
async function readChart(page, counts, wanted) {
  const { length } = RANGES[wanted];
  const step_seconds = stepSeconds(length);
  const to = Math.ceil(page.now() / (1_000 * step_seconds)) * 1_000 * step_seconds;
  const interval = { from: to - length, to };
  const busiest = (counts?.resources ?? []).slice(0, MAX_LINES - 1).map(({ resource }) => resource);
  const names = busiest.length > 1 ? ["", ...busiest] : [""];
  const [marks, ...pages] = await Promise.all([
    readMarks(page, interval),
    ...names.map((resource) => page.api().get("/concurrency", { ...interval, step_seconds, resource })),
  ]);
  const lines = names.map((one, n) => ({ name: one, steps: pages[n].items }));
  draw(at("chart"), lines, marks, interval);
  showLegend(lines);
  setText(at("peak"), text.number(pages[0].peak?.viewers ?? 0));
  setText(at("peak-of"), `in ${text.lengthText(length)}`);
  const steps = /** @type {import("./chart.js").Step[]} */ (pages[0].items);
  showRows(at("chart-rows"), [...steps].reverse().slice(0, MAX_ROWS), (one) => String(one.at), (one) => [time(one.at), text.number(one.viewers), text.number(one.peak_viewers)], [1, 2]);
  setText(at("mark-count"), String(marks.length));
  at("marks").replaceChildren(...marks.map(markEntry));
}

/** @param {Mark} mark */
function markEntry({ at: when, kind, text: words }) {
  const item = document.createElement("li");
  const told = element("span", `${kind === "bonus" ? "Bonus" : "News"}: `);
  told.append(name(words));
  item.append(told, time(when));
  return item;
}

/** @param {Line[]} lines */
function showLegend(lines) {
  at("legend").replaceChildren(
    ...lines.map(({ name: resource }, n) => {
      const item = document.createElement("li");
      item.className = `line-${n}`;
      item.append(resource === "" ? "All" : name(resource));
      return item;
    }),
  );
}

/**
 * What was ordered in this time, the newest first; of very many the newest two hundred.
 *
 * @param {Page} page
 * @param {{from: number, to: number}} interval
 * @returns {Promise<Mark[]>}
 */
async function readMarks(page, { from, to }) {
  const [bonuses, news] = await Promise.all([page.api().get("/bonuses", { limit: 100 }), page.api().get("/news", { limit: 100 })]);
  /** @type {Mark[]} */
  const marks = [
    ...bonuses.items.map((/** @type {any} */ one) => ({ at: one.opens_at, kind: "bonus", text: text.rewardText(one.reward) })),
    ...news.items.map((/** @type {any} */ one) => ({ at: one.at, kind: "news", text: text.newsText(one.body) })),
  ];
  return marks.filter((mark) => mark.at >= from && mark.at < to).sort((a, b) => b.at - a.at);
}

/** @param {Page} page */
async function showHealth(page) {
  const work = await page.api().get("/health/work").catch((/** @type {unknown} */ error) => {
    setText(at("health-database"), "does not answer");
    throw error;
  });
  page.setNow(work);
  unreachable = new Set(work.unreachable_nodes.map((/** @type {{node: string}} */ { node }) => node));
  setText(at("health-database"), "answers");
  setText(at("health-sweep"), text.sweepText(work));
  setText(at("health-queue"), text.waitingText(work.broadcasts_since, work.server_now));
  setText(at("health-events"), text.waitingText(work.presence_events_since, work.server_now));
  showErrors(text.errorTexts(work.errors, work.server_now));
  at("health-rollups").replaceChildren(time(work.rolled_up_to));
}

/** @param {string[]} errors */
function showErrors(errors) {
  const place = at("health-errors");
  const lines = errors.length === 0 ? ["nothing"] : errors;
  lines.forEach((line, n) => setText(/** @type {HTMLElement} */ (place.children[n] ?? place.appendChild(element("span", ""))), line));
  while (place.children.length > lines.length) place.lastElementChild?.remove();
}

/** @type {Map<string, {sent: number, at: number}>} */
let lastSent = new Map();

/**
 * How many connections are told a second, as the broadcasts that are under way say.
 *
 * @param {Page} page
 */
async function showTold(page) {
  const now = Date.now();
  const sent = new Map(page.broadcasts().map(([id, count]) => [id, { sent: count, at: now }]));
  let rate = 0;
  for (const [id, one] of sent) {
    const before = lastSent.get(id);
    if (before && one.at > before.at) rate += ((one.sent - before.sent) * 1_000) / (one.at - before.at);
  }
  lastSent = sent;
  setText(at("pushes"), text.number(Math.max(0, Math.round(rate))));
}
