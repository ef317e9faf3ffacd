// The page of a running wsgate: it asks once a second how things stand, and what has happened since.

import { put, show, the, toast } from "./dom.js";
import { count, matches, pollOf } from "./format.js";
import { drawAbout, drawBill, drawConnections, drawFaults, drawFunctions, drawRate, drawRoutes, eventRow, gapRow } from "./panels.js";

const EVERY_MS = 1000;
const MAX_ROWS = 500;
const MAX_RATES = 60;
const MASKED = "***";

let cursor = "";
let run = null;
let timer = 0;
let held = [];
let isPaused = false;
let rates = [];
let before = null;
let asking = Promise.resolve();

const list = the("event-list");
const filter = the("filter");
const kind = the("kind");

const actions = {
  async send(connection, text) {
    if (await act({ do: "send", connection, text })) toast("Sent");
  },
  async say(connection, text) {
    if (text.includes(MASKED)) toast("A secret in it is masked here: send it from the client");
    else if (await act({ do: "say", connection, text })) toast("Said");
  },
  async close(connection) {
    if (await act({ do: "close", connection })) toast("Closing");
  },
  fault: (name, value) => act({ do: "fault", name, value }),
  filter(text) {
    filter.value = text;
    kind.value = "";
    applyFilter();
    the("events").scrollIntoView({ block: "nearest" });
  },
};

async function act(command) {
  try {
    const response = await fetch("/_wsgate/act", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(command) });
    const answer = await response.json();
    if (!answer.ok) toast(answer.error ?? answer.message);
    await soon();
    return answer.ok === true;
  } catch {
    toast("wsgate does not answer");
    return false;
  }
}

/** Look once more, after whatever is being looked at now. */
function soon() {
  clearTimeout(timer);
  asking = asking.then(look);
  return asking;
}

async function look() {
  try {
    const response = await fetch(`/_wsgate/look?since=${encodeURIComponent(cursor)}`);
    if (!response.ok) throw new Error(response.statusText);
    draw(await response.json());
    say("live", isPaused ? "paused" : "live");
  } catch (error) {
    if (!(error instanceof TypeError)) console.error(error);
    say("lost", "wsgate does not answer");
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(soon, EVERY_MS);
}

function say(state, words) {
  the("link").dataset.state = isPaused && state === "live" ? "paused" : state;
  put(the("link"), words);
}

function draw(view) {
  if (run !== view.about.started) begin(view.about.started);
  cursor = view.cursor;
  drawAbout(view.about, view.bill);
  drawConnections(view.connections, actions);
  drawFunctions(view.functions);
  drawRoutes(view, actions);
  drawBill(view.bill);
  drawFaults(view.faults, actions);
  measure(view.about);
  if (view.missed) held.push({ missed: view.missed });
  held.push(...view.events);
  if (held.length > MAX_ROWS) held = held.slice(-MAX_ROWS);
  if (!isPaused) release();
  updateCount();
}

/** Another run of wsgate knows nothing of what an earlier one had. */
function begin(started) {
  run = started;
  held = [];
  rates = [];
  before = null;
  list.replaceChildren();
}

function measure({ now, received, sent }) {
  const messages = received.messages + sent.messages;
  if (before !== null && now > before.now) {
    rates = [...rates, ((messages - before.messages) * 1000) / (now - before.now)].slice(-MAX_RATES);
    drawRate(rates);
  }
  before = { now, messages };
}

/** Put new entries on top of the list, and drop the oldest ones. A poll takes the place of the one before. */
function release() {
  for (const entry of held) {
    const row = Object.assign(entry.missed ? gapRow(entry.missed) : eventRow(entry, actions), { entry, times: 1 });
    row.hidden = isHidden(row);
    fold(row);
  }
  held = [];
  while (list.childElementCount > MAX_ROWS) list.lastElementChild.remove();
}

function fold(row) {
  const poll = row.entry.missed ? null : pollOf(row.entry);
  const earlier = poll === null ? undefined : [...list.children].find(({ entry }) => !entry.missed && pollOf(entry) === poll);
  if (earlier === undefined) {
    list.prepend(row);
    return;
  }
  row.times = earlier.times + 1;
  put(row.querySelector(".times"), `×${count(row.times)}`);
  earlier.replaceWith(row);
}

function applyFilter() {
  for (const row of list.children) row.hidden = isHidden(row);
  updateCount();
}

const isHidden = ({ entry }) => (entry.missed ? filter.value !== "" || kind.value !== "" : !matches(entry, filter.value, kind.value));

function updateCount() {
  const rows = [...list.children].filter(({ entry }) => !entry.missed);
  const shown = rows.filter((row) => !row.hidden).length;
  const all = rows.length;
  put(the("events-count"), all === 0 ? "" : shown === all ? count(all) : `${count(shown)} of ${count(all)}`);
  put(the("pause"), isPaused ? (held.length ? `Resume, ${count(held.length)} new` : "Resume") : "Pause");
  show(the("events-none"), all === 0);
}

function pause() {
  isPaused = !isPaused;
  the("pause").setAttribute("aria-pressed", String(isPaused));
  if (!isPaused) release();
  say("live", isPaused ? "paused" : "live");
  updateCount();
}

filter.addEventListener("input", applyFilter);
kind.addEventListener("change", applyFilter);
the("pause").addEventListener("click", pause);
the("clear").addEventListener("click", () => { list.replaceChildren(); held = []; updateCount(); });

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && filter.value) actions.filter("");
  if (event.target.closest("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); filter.focus(); }
  if (event.key === "p") pause();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });

soon();
