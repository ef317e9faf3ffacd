// What is drawn: one function for each part of what /_wsgate/look answers.

import { copy, h, icon, jsonBlock, keep, put, show, spark, the } from "./dom.js";
import { bytes, clock, count, dollars, pretty, saidOf, span, userOf, wayIn } from "./format.js";
import { saved, toggle } from "./saved.js";

const COPY = "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z";
const OPEN = "M6 4l4 4-4 4";
const MAX_SAVED_SHOWN = 60;

export function drawAbout(about, bill) {
  put(the("version"), about.version);
  keep(the("addresses"), about.stages, ({ address }) => address, ({ address }) => h("li", {},
    h("button", { type: "button", class: "address", title: "Copy the address", onclick: () => copy(address, "the address") }, address)), () => {});
  const [first] = about.stages;
  put(the("wscat"), first ? wayIn(first.address, first.identity) : "");
  put(the("selection"), [...new Set(about.stages.map(({ selection }) => selection))].join("  "));
  put(the("figure-nodes"), about.nodes === 1 ? "" : `on ${count(about.nodes)} nodes`);
  put(the("figure-received"), count(about.received.messages));
  put(the("figure-received-bytes"), bytes(about.received.bytes));
  put(the("figure-sent"), count(about.sent.messages));
  put(the("figure-sent-bytes"), bytes(about.sent.bytes));
  put(the("figure-usd"), dollars(bill.usd));
  put(the("figure-uptime"), `in ${span(about.now - about.started)}`);
}

export function drawRate(rates) {
  const latest = rates.at(-1) ?? 0;
  put(the("figure-rate"), latest > 0 && latest < 10 ? latest.toFixed(1) : count(Math.round(latest)));
  spark(the("spark"), rates);
}

export function drawConnections({ total, shown }, actions) {
  put(the("figure-connections"), count(total));
  put(the("connections-count"), total ? count(total) : "");
  show(the("connections-none"), total === 0);
  show(the("connections-more"), total > shown.length);
  put(the("connections-more"), `The ${count(shown.length)} latest of ${count(total)}.`);
  keep(the("connections"), shown, ({ id }) => id, (item) => connection(item, actions), updateConnection);
}

function connection({ id, stage, source, agent, authorizer }, actions) {
  const text = h("textarea", { rows: "2", placeholder: "Text to send", "aria-label": `Text to send to ${id}`, spellcheck: "false" });
  const send = async () => { await actions.send(id, text.value); text.focus(); };
  const kept = h("select", { "aria-label": "Saved messages" });
  const offer = (texts) => kept.replaceChildren(h("option", { value: "" }, texts.length ? "Saved messages" : "No saved messages"), ...texts.map((each) => h("option", { value: each }, each.slice(0, MAX_SAVED_SHOWN))));
  kept.addEventListener("change", () => { if (kept.value !== "") text.value = kept.value; kept.value = ""; });
  kept.addEventListener("focus", () => offer(saved()));
  offer(saved());
  const form = h("form", { class: "send", onsubmit: (event) => { event.preventDefault(); send(); } }, text,
    h("div", { class: "buttons" },
      h("button", { type: "submit", class: "primary", title: "To the client, as @connections does" }, "Send"),
      h("button", { type: "button", title: "To the route, as if the client had sent it", onclick: () => actions.say(id, text.value) }, "Say as client"),
      kept,
      h("button", { type: "button", title: "Save this message, or forget it if it is saved", onclick: () => offer(toggle(text.value)) }, "Save"),
      h("button", { type: "button", onclick: () => actions.filter(id) }, "Its events"),
      authorizer?.principalId ? h("button", { type: "button", onclick: () => actions.filter(authorizer.principalId) }, "The user's events") : null,
      h("button", { type: "button", onclick: () => copy(id, "the connection's id") }, "Copy id"),
      h("button", { type: "button", class: "danger", onclick: () => actions.close(id) }, "Close")));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
  });
  const facts = [["Stage", stage], ["From", source], ["User agent", agent ?? "none sent"], ...Object.entries(authorizer ?? {})];
  const details = h("div", { class: "details", hidden: true },
    h("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]), h("dt", {}, "Traffic"), h("dd", { class: "traffic-long" })),
    form);
  const head = h("button", { type: "button", class: "row connection" },
    h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "id" }, id),
    h("span", { class: "who" }, authorizer?.principalId ?? ""),
    h("span", { class: "age", title: "Connected for" }), h("span", { class: "idle", title: "Idle for" }), h("span", { class: "traffic", title: "Messages in and out" }));
  unfolds(head, details);
  return h("li", {}, head, details);
}

function updateConnection(item, { phase, age, idle, received, sent }) {
  const part = (name) => item.querySelector(`.${name}`);
  item.dataset.phase = phase;
  put(part("age"), span(age));
  put(part("idle"), phase === "open" ? `idle ${span(idle)}` : phase);
  put(part("traffic"), `↑${count(received.messages)} ↓${count(sent.messages)}`);
  put(part("traffic-long"), `${count(received.messages)} messages in (${bytes(received.bytes)}), ${count(sent.messages)} out (${bytes(sent.bytes)})`);
}

function unfolds(head, details) {
  head.setAttribute("aria-expanded", "false");
  head.prepend(h("span", { class: "fold" }, icon(OPEN)));
  head.addEventListener("click", () => {
    details.hidden = !details.hidden;
    head.setAttribute("aria-expanded", String(!details.hidden));
  });
}

/** One line of the list; what is behind it is made when it is opened. */
export function eventRow(entry, actions) {
  const inside = h("div", { class: "details", hidden: true });
  const head = h("button", { type: "button", class: "row event" },
    h("time", { datetime: new Date(entry.at).toISOString() }, clock(entry.at)),
    h("span", { class: "route" }, entry.route === "-" ? "no route" : entry.route, h("span", { class: "times" })),
    h("span", { class: "id" }, entry.connection ?? entry.function ?? ""),
    h("span", { class: "outcome" }, entry.outcome),
    h("span", { class: "took" }, entry.cold ? h("span", { class: "cold" }, "cold") : "", ` ${count(entry.ms)} ms`));
  head.addEventListener("click", () => { if (inside.childElementCount === 0) inside.append(...behind(entry, actions)); });
  unfolds(head, inside);
  const quick = entry.event === null ? null
    : h("button", { type: "button", class: "quick", title: "Copy the event as a test fixture", "aria-label": `Copy the event of ${entry.route} as a test fixture`, onclick: () => copyFixture(entry) }, icon(COPY));
  return h("li", { "data-tone": entry.tone, "data-id": entry.id }, h("div", { class: "line" }, head, quick), inside);
}

function behind(entry, actions) {
  const sizes = [entry.received === null ? "" : `${bytes(entry.received)} in`, entry.sent === null ? "" : `${bytes(entry.sent)} out`].filter(Boolean).join(", ");
  const words = [entry.function ? `by ${entry.function}` : entry.event === null && entry.said !== null ? "no function ran" : "", sizes].filter(Boolean).join(" · ");
  const tools = h("div", { class: "buttons" },
    entry.event === null ? null : h("button", { type: "button", class: "primary", onclick: () => copyFixture(entry) }, "Copy as fixture"),
    entry.connection === null ? null : h("button", { type: "button", onclick: () => actions.filter(entry.connection) }, "This connection"),
    h("button", { type: "button", onclick: () => actions.filter(entry.route) }, "This route"),
    userOf(entry) === "" ? null : h("button", { type: "button", onclick: () => actions.filter(userOf(entry)) }, "This user"),
    saidOf(entry) === null ? null : h("button", { type: "button", title: "To the route, as the client sent it", onclick: () => actions.say(entry.connection, saidOf(entry)) }, "Say again"),
    h("span", { class: "note" }, words));
  return [tools, block("Event", entry.event), block("Message", entry.said), block("Answer", entry.answer), block("To the client", entry.frame)].filter(Boolean);
}

function block(title, text) {
  if (text === null) return null;
  const inside = text === "" ? h("p", { class: "empty" }, "empty") : jsonBlock(pretty(text));
  return h("section", { class: "block" }, h("h3", {}, title), inside);
}

const copyFixture = (entry) => copy(`${pretty(entry.event)}\n`, `the event of ${entry.route}`);

/** In place of what came faster than a look a second shows. */
export function gapRow(missed) {
  return h("li", { class: "gap" }, `${count(missed)} more, not shown`);
}

export function drawFunctions(functions) {
  show(the("functions-none"), functions.length === 0);
  keep(the("functions"), functions, ({ name }) => name, makeFunction, updateFunction);
}

function makeFunction({ name, handler, timeout, memory }) {
  return h("li", { class: "plain" },
    h("div", { class: "pair" }, h("strong", {}, name), h("span", { class: "environments" })),
    h("div", { class: "pair note" }, h("span", {}, `${handler} · ${timeout} s · ${memory} MB`), h("span", { class: "status" })));
}

const MAX_DOTS = 12;

function updateFunction(item, { status }) {
  const place = item.querySelector(".environments");
  if (status === null) {
    put(item.querySelector(".status"), "runs elsewhere");
    return;
  }
  const { environments, starting, running, waiting } = status;
  const states = [...Array(starting).fill("starting"), ...Array(running).fill("running"), ...Array(environments - starting - running).fill("idle")];
  keep(place, states.slice(0, MAX_DOTS).map((state, at) => ({ state, at })), ({ at }) => String(at), () => h("i", {}), (dot, { state }) => {
    dot.className = `environment ${state}`;
    dot.title = state === "idle" ? "warm, idle" : state;
  });
  const words = environments === 0 ? "cold" : [[starting, "starting"], [running, "running"], [environments - starting - running, "warm"], [waiting, "waiting"]].filter(([number]) => number).map(([number, word]) => `${number} ${word}`).join(" · ");
  put(item.querySelector(".status"), words);
}

export function drawRoutes(view, actions) {
  const { stages } = view.about;
  const several = new Set(stages.map(({ api, stage }) => `${api} ${stage}`)).size > 1;
  const where = (stage, words) => [several ? stage : "", words].filter(Boolean).join(" · ");
  const sockets = view.routes.map((route) => ({ ...route, filter: route.key, tag: where(route.stage, route.two_way ? "two-way" : "") }));
  const authorizers = new Map(stages.filter(({ authorizer }) => authorizer).map(({ api, stage, authorizer }) => [`${api} ${stage}`, { stage, authorizer }]));
  const guard = [...authorizers.values()].map(({ stage, authorizer }) => ({ key: "authorizer", filter: "authorizer", function: authorizer, tag: where(stage, "$connect") }));
  const http = view.http_routes.map((route) => ({ ...route, filter: route.function ?? route.key, tag: "HTTP" }));
  keep(the("routes"), [...guard, ...sockets, ...http].map((route, at) => ({ ...route, at })), ({ key, tag, at }) => `${at} ${tag} ${key}`, (route) => h("li", { class: "plain" },
    h("button", { type: "button", class: "pair bare", title: "Show its events", onclick: () => actions.filter(route.filter) },
      h("span", { class: "route" }, route.key), h("span", { class: "note" }, route.tag ? h("span", { class: "tag" }, route.tag) : "", route.function ?? (route.kind ?? "").toUpperCase()))), () => {});
}

export function drawBill(bill) {
  put(the("bill-messages"), count(bill.messages));
  put(the("bill-minutes"), count(bill.minutes));
  put(the("bill-usd"), dollars(bill.usd));
  put(the("bill-month-messages"), count(bill.month_messages));
  put(the("bill-month-minutes"), count(bill.month_minutes));
  put(the("bill-month-usd"), dollars(bill.month_usd));
  put(the("bill-message-price"), dollars(bill.usd_per_million_messages));
  put(the("bill-minute-price"), dollars(bill.usd_per_million_minutes));
  the("bill-source").href = bill.source;
}

/** Whatever can be made to go wrong, as it describes itself: a slider, a number or a button. */
export function drawFaults(faults, actions) {
  show(the("faults-card"), faults !== undefined && Object.keys(faults).length > 0);
  const items = Object.entries(faults ?? {}).map(([name, fault]) => ({ name, ...fault }));
  const on = items.filter(({ value, default: usual }) => value !== usual).length;
  put(the("faults-count"), on ? `${on} on` : "what may go wrong on purpose");
  keep(the("faults"), items, ({ name }) => name, (fault) => makeFault(fault, actions), updateFault);
}

function makeFault({ name, unit, description, least, most }, actions) {
  const id = `fault-${name}`;
  const isAction = unit === "action";
  const words = h(isAction ? "div" : "label", { for: isAction ? null : id }, h("strong", {}, name), h("span", { class: "note" }, description));
  if (isAction) {
    return h("li", { class: "plain fault buttons" }, words, h("button", { id, type: "button", class: "danger", "aria-label": `Do it: ${name}`, onclick: () => actions.fault(name, 1) }, "Do it"));
  }
  const isShort = most <= 1;
  const input = h("input", { id, type: isShort ? "range" : "number", min: least, max: most, step: isShort ? 0.01 : "any" });
  const output = h("output", { for: id, "data-unit": unit });
  input.addEventListener("change", () => actions.fault(name, Number(input.value)));
  input.addEventListener("input", () => put(output, amount(Number(input.value), unit)));
  return h("li", { class: "plain fault" }, words, input, output);
}

function amount(value, unit) {
  if (unit === "rate") return `${Math.round(value * 100)} %`;
  return unit === "per minute" ? `${Math.round(value * 100)} % / min` : unit;
}

function updateFault(item, { value, unit }) {
  const input = item.querySelector("input");
  if (input === null || document.activeElement === input) return;
  input.value = value;
  put(item.querySelector("output"), amount(value, unit));
}
