import { makeApi } from "./demo-api.js";
import * as view from "./demo-state.js";
import { Headcount } from "./headcount.js";

/** @import {Bonus, Outcome, Status, StreamEvent, Welcome} from "./types.js" */

const POLL_EVERY = 5_000;
const NUMBERS_EVERY = 1_000;
const FRAME = 250;
const NOTE_AFTER = 350;
const GONE_AFTER = 60_000;
const TOAST_FOR = 6_000;

/** Reactions and the shapes of their icons, on a field of 24 by 24. */
const REACTIONS = {
  heart: "M12 21 3.6 12.5a5.3 5.3 0 0 1 7.5-7.5l.9.9.9-.9a5.3 5.3 0 0 1 7.5 7.5z",
  star: "m12 2.5 2.9 6.2 6.8.9-5 4.7 1.3 6.7-6-3.3-6 3.3 1.3-6.7-5-4.7 6.8-.9z",
  bolt: "M13.5 2 4 14h6.5L9.5 22 20 9.5h-7z",
};

/**
 * @param {string} id
 * @returns {any}
 */
const at = (id) => document.getElementById(id);

/**
 * @param {string} template
 * @returns {HTMLElement}
 */
const copy = (template) => at(template).content.firstElementChild.cloneNode(true);

function start() {
  const token = takeToken();
  const { user, resource } = whoIsWatching();
  if (!token) return askForToken("");
  if (!user) return askForName(resource);
  watch(token, user, resource);
}

// Who this is.

/** From the fragment, which no server ever sees, or from an earlier visit. It does not stay in the address. */
function takeToken() {
  const fresh = new URLSearchParams(location.hash.slice(1)).get("token");
  if (fresh) {
    localStorage.setItem("headcount.token", fresh);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return localStorage.getItem("headcount.token");
}

function whoIsWatching() {
  const query = new URLSearchParams(location.search);
  return {
    user: query.get("user") ?? localStorage.getItem("headcount.user"),
    resource: query.get("resource") ?? localStorage.getItem("headcount.resource") ?? "site",
  };
}

/** @param {string} problem */
function askForToken(problem) {
  at("board").hidden = true;
  at("token-gate").hidden = false;
  at("token-problem").hidden = !problem;
  at("token-problem").textContent = problem;
  at("token-form").onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    localStorage.setItem("headcount.token", at("token").value.trim());
    location.reload();
  };
}

/** @param {string} resource */
function askForName(resource) {
  at("name-gate").hidden = false;
  at("resource").value = resource;
  at("name").focus();
  at("name-form").onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    localStorage.setItem("headcount.user", at("name").value.trim());
    localStorage.setItem("headcount.resource", at("resource").value.trim());
    at("name-gate").hidden = true;
    start();
  };
}

function leave() {
  localStorage.removeItem("headcount.user");
  location.assign(location.pathname);
}

// Watching.

/**
 * @param {string} token
 * @param {string} user
 * @param {string} resource
 */
function watch(token, user, resource) {
  const api = makeApi(token);
  const headcount = new Headcount({ ticket: () => api.ticket(user, resource), storage: sessionStorage });
  showWho(user, resource);
  showStatus(headcount);
  showWatchTime(headcount);
  showStream(headcount);
  showBonuses(headcount);
  showOnline(api, headcount, user, resource);
  operate(api, headcount, user, resource);
}

/**
 * @param {string} user
 * @param {string} resource
 */
function showWho(user, resource) {
  at("board").hidden = false;
  at("user").textContent = user;
  at("watching").textContent = resource;
  paintAvatar(at("avatar"), user);
  at("leave").onclick = leave;
}

/** @param {Headcount} headcount */
function showStatus(headcount) {
  const words = { connecting: "Connecting…", online: "Online", offline: "Offline", stopped: "Stopped" };
  const show = () => {
    const { status, reason, retryAt } = headcount.status;
    const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1_000);
    at("status").hidden = false;
    at("status").dataset.status = status;
    at("status").title = reason;
    setText(at("status-text"), words[status]);
    setText(at("status-next"), seconds > 2 ? `next try in ${seconds} s` : "");
    at("wake").hidden = seconds <= 2;
  };
  at("wake").onclick = () => headcount.wake();
  setInterval(show, 1_000);
  headcount.on("status", (now) => {
    show();
    if (now.status === "stopped") askForToken(now.reason);
  });
}

/** @param {Headcount} headcount */
function showWatchTime(headcount) {
  /** @type {Welcome|null} */
  let welcome = null;
  let shown = 0;
  const show = () => {
    const isOnline = headcount.status.status === "online";
    if (welcome && isOnline) shown = welcome.watched_ms + headcount.serverNow() - welcome.server_now;
    at("watch").classList.toggle("paused", !isOnline);
    setText(at("watch"), view.clockText(shown));
  };
  headcount.on("welcome", (now) => {
    welcome = now;
    const since = new Date(now.session.joined_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    at("facts").textContent = `Here since ${since}, counted once however many tabs are open`;
    show();
  });
  setInterval(show, FRAME);
}

/** @param {Headcount} headcount */
function showStream(headcount) {
  /** @type {StreamEvent[]} */
  let events = [];
  const reactions = makeReactions((kind) =>
    headcount.act("react", { kind, count: (view.summary(events).reactions[kind] ?? 0) + 1 }).catch(announceProblem),
  );
  const note = makeNote((text) => headcount.act("note", { text }).catch(announceProblem));
  const show = () => {
    const now = view.summary(events);
    reactions(now.reactions);
    note(now.note);
    showActivity(events);
  };
  headcount.on("snapshot", (snapshot) => {
    events = snapshot.events;
    show();
  });
  headcount.on("event", (event) => {
    events = view.append(events, event);
    show();
  });
}

/**
 * @param {(kind: string) => void} react
 * @returns {(counts: Record<string, number>) => void}
 */
function makeReactions(react) {
  const buttons = Object.entries(REACTIONS).map(([kind, path]) => {
    const button = copy("reaction-template");
    button.dataset.testid = `react-${kind}`;
    button.querySelector("path")?.setAttribute("d", path);
    button.addEventListener("click", () => react(kind));
    button.addEventListener("animationend", () => button.classList.remove("fresh"));
    at("reactions").append(button);
    return { kind, button, count: /** @type {HTMLElement} */ (button.querySelector(".count")) };
  });
  return (counts) => {
    for (const { kind, button, count } of buttons) {
      const text = String(counts[kind] ?? 0);
      if (count.textContent !== text) button.classList.add("fresh");
      setText(count, text);
      button.setAttribute("aria-label", `${kind}, sent ${view.counted(counts[kind] ?? 0, "time")}`);
    }
  };
}

/**
 * A note that is being written here is not overwritten from elsewhere; it is sent when the writer pauses.
 *
 * @param {(text: string) => void} write
 * @returns {(text: string) => void}
 */
function makeNote(write) {
  const field = at("note");
  /** @type {number|undefined} */
  let pending;
  field.addEventListener("input", () => {
    clearTimeout(pending);
    pending = window.setTimeout(() => {
      pending = undefined;
      write(field.value);
    }, NOTE_AFTER);
  });
  return (text) => {
    if (pending === undefined && field.value !== text) field.value = text;
  };
}

/** @param {StreamEvent[]} events */
function showActivity(events) {
  at("no-activity").hidden = events.length > 0;
  at("activity").replaceChildren(
    ...events.slice(-30).reverse().map((event) => {
      const item = document.createElement("li");
      item.append(element("span", view.sentence(event)), element("time", timeText(event.at)));
      return item;
    }),
  );
}

// Bonuses.

/** @param {Headcount} headcount */
function showBonuses(headcount) {
  /** @type {Map<string, {bonus: Bonus, show: () => void, item: HTMLElement}>} */
  const cards = new Map();
  const show = () => {
    for (const [id, { bonus, show: showOne, item }] of cards) {
      showOne();
      if (headcount.serverNow() < bonus.expires_at + GONE_AFTER) continue;
      item.remove();
      cards.delete(id);
    }
    at("no-bonus").hidden = cards.size > 0;
  };
  /** @param {string} id @param {Outcome} outcome */
  const settle = (id, outcome) => {
    const card = cards.get(id);
    if (!card || card.bonus.outcome === "claimed") return;
    card.bonus.outcome = outcome;
    say(`${view.rewardText(card.bonus.reward)}: ${view.PHASES[outcome]}`);
    show();
  };
  headcount.on("bonus", (bonus) => {
    const known = cards.get(bonus.bonus_id);
    if (known) known.bonus.outcome ??= bonus.outcome;
    else {
      cards.set(bonus.bonus_id, makeCard(headcount, { ...bonus }));
      if (!bonus.outcome) say(`A bonus: ${view.rewardText(bonus.reward)}`);
    }
    show();
  });
  headcount.on("claim", ({ bonus_id, outcome }) => settle(bonus_id, outcome));
  headcount.on("event", ({ type, body }) => type === "bonus.claimed" && settle(body.bonus_id, "claimed"));
  setInterval(show, FRAME);
}

/**
 * @param {Headcount} headcount
 * @param {Bonus} bonus
 */
function makeCard(headcount, bonus) {
  const item = copy("bonus-template");
  const part = (/** @type {string} */ selector) => /** @type {any} */ (item.querySelector(selector));
  const claim = part(".claim");
  let isAsking = false;
  item.dataset.bonusId = bonus.bonus_id;
  part(".reward").textContent = view.rewardText(bonus.reward);
  claim.setAttribute("aria-label", `Claim ${view.rewardText(bonus.reward)}`);
  const show = () => {
    const now = headcount.serverNow();
    const phase = view.phase(bonus, now);
    item.dataset.phase = phase;
    setText(part(".outcome"), view.PHASES[phase]);
    setText(part(".countdown"), countdown(bonus, phase, now));
    part(".ring").style.setProperty("--gone", String(gone(bonus, phase, now)));
    claim.hidden = phase !== "open" && phase !== "upcoming";
    claim.disabled = phase !== "open" || isAsking;
  };
  claim.addEventListener("click", async () => {
    isAsking = true;
    show();
    await headcount.claim(bonus.bonus_id).catch(announceProblem);
    isAsking = false;
    show();
  });
  at("bonuses").prepend(item);
  return { bonus, show, item };
}

/**
 * @param {Bonus} bonus
 * @param {view.Phase} phase
 * @param {number} now
 */
function countdown({ opens_at, expires_at }, phase, now) {
  if (phase === "claimed" || phase === "already_claimed") return "✓";
  if (phase !== "open" && phase !== "upcoming") return "–";
  return String(Math.ceil(((phase === "open" ? expires_at : opens_at) - now) / 1_000));
}

/**
 * How much of the ring is gone, of 100.
 *
 * @param {Bonus} bonus
 * @param {view.Phase} phase
 * @param {number} now
 */
const gone = ({ opens_at, expires_at }, phase, now) =>
  phase === "open" ? (100 * (now - opens_at)) / (expires_at - opens_at) : phase === "upcoming" ? 0 : 100;

// Who else is here.

/**
 * @param {ReturnType<typeof makeApi>} api
 * @param {Headcount} headcount
 * @param {string} user
 * @param {string} resource
 */
function showOnline(api, headcount, user, resource) {
  const poll = async () => {
    if (!isWorthAsking(headcount)) return;
    try {
      const [online, ledger] = await Promise.all([api.online(resource), api.sessions(user)]);
      showPeople(online, user);
      showSessions(ledger.items);
    } catch (error) {
      announceProblem(error);
    }
  };
  headcount.on("welcome", poll);
  document.addEventListener("visibilitychange", poll);
  setInterval(poll, POLL_EVERY);
}

/**
 * @param {{users: number, items: {user_id: string, joined_at: number, connections: number}[]}} online
 * @param {string} user
 */
function showPeople({ users, items }, user) {
  const mine = items.filter(({ user_id }) => user_id === user);
  const others = items.filter(({ user_id }) => user_id !== user);
  setText(at("online-count"), String(users));
  at("people").replaceChildren(...[...mine, ...others].map((person) => makePerson(person, user)));
  at("people-more").hidden = users <= items.length;
  at("people-more").textContent = `and ${users - items.length} more`;
}

/**
 * @param {{user_id: string, joined_at: number, connections: number}} person
 * @param {string} user
 */
function makePerson({ user_id, joined_at, connections }, user) {
  const item = copy("person-template");
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (item.querySelector(selector));
  item.dataset.user = user_id;
  item.dataset.connections = String(connections);
  paintAvatar(part(".avatar"), user_id);
  part("b").textContent = user_id;
  part("small").textContent = `since ${timeText(joined_at)}, ${view.counted(connections, "connection")}`;
  part(".badge").textContent = user_id === user ? "You" : "";
  return item;
}

/**
 * @param {{session_id: any, joined_at: number, ended_at: number|null, ended_by: string|null, watched_ms: number}[]} items
 */
function showSessions(items) {
  at("sessions").replaceChildren(
    ...items.map(({ joined_at, ended_at, ended_by, watched_ms }) => {
      const row = document.createElement("tr");
      const watched = element("td", view.clockText(watched_ms));
      watched.className = "number";
      const to = ended_at === null ? "now" : timeText(ended_at);
      row.append(element("td", timeText(joined_at)), element("td", to), element("td", ended_by ?? "–"), watched);
      return row;
    }),
  );
}

// The operator.

/**
 * @param {ReturnType<typeof makeApi>} api
 * @param {Headcount} headcount
 * @param {string} user
 * @param {string} resource
 */
function operate(api, headcount, user, resource) {
  /** @type {string|null} */
  let dropped = null;
  at("drop").onsubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (event.submitter);
    button.disabled = true;
    at("drop-problem").hidden = true;
    try {
      const numbers = await api.drop(readBonus(user, resource));
      dropped = numbers.bonus_id;
      showNumbers(numbers);
    } catch (error) {
      at("drop-problem").textContent = messageOf(error);
      at("drop-problem").hidden = false;
    } finally {
      button.disabled = false;
    }
  };
  setInterval(async () => {
    if (dropped === null || !isWorthAsking(headcount)) return;
    const numbers = await api.numbers(dropped).catch(announceProblem);
    if (!numbers) return;
    showNumbers(numbers);
    if (numbers.state === "expired" || numbers.state === "cancelled") dropped = null;
  }, NUMBERS_EVERY);
}

/**
 * @param {string} user
 * @param {string} resource
 */
function readBonus(user, resource) {
  /** @type {Record<string, object>} */
  const audiences = { everyone: {}, resource: { resource }, users: { user_ids: [user] } };
  const kind = at("audience").value;
  return {
    reward: { text: at("reward").value.trim() },
    audience: { kind, ...audiences[kind] },
    window_seconds: Number(at("window").value),
    stock: at("stock").value === "" ? null : Number(at("stock").value),
  };
}

/** @param {{claimed: number, left: number|null, state: string}} numbers */
function showNumbers({ claimed, left, state }) {
  at("numbers").hidden = false;
  at("no-numbers").hidden = true;
  setText(at("claimed"), String(claimed));
  setText(at("left"), left === null ? "∞" : String(left));
  setText(at("state"), state);
}

// Small things.

/** @param {Headcount} headcount  nobody looks at a hidden tab, and nobody answers an offline one */
const isWorthAsking = (headcount) => document.visibilityState !== "hidden" && headcount.status.status === "online";

/**
 * @param {string} name
 * @param {string} text
 */
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/**
 * Leaves the page alone when nothing changed: selections stay, and screen readers are not woken.
 *
 * @param {HTMLElement} place
 * @param {string} text
 */
function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/**
 * @param {HTMLElement} avatar
 * @param {string} name
 */
function paintAvatar(avatar, name) {
  avatar.textContent = view.initials(name);
  avatar.style.setProperty("--hue", String(view.hue(name)));
}

/** @param {number} milliseconds */
const timeText = (milliseconds) => new Date(milliseconds).toLocaleTimeString([], { timeStyle: "medium" });

/** @param {string} text */
const say = (text) => setText(at("announce"), text);

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @type {number|undefined} */
let toastTimer;

/** @param {unknown} error  shown for a while, and read out */
function announceProblem(error) {
  at("toast").textContent = messageOf(error);
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => at("toast").replaceChildren(), TOAST_FOR);
}

start();
