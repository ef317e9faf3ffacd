import { messageOf, setProblem } from "../demo/dom.js";
import { tokenProblem } from "../demo/sign-in.js";
import { makeApi } from "./api.js";
import { showAudit } from "./audit.js";
import { showBonuses } from "./bonuses.js";
import { showCampaigns } from "./campaigns.js";
import { at, onSubmit, setText } from "./dom.js";
import { showDraws } from "./draws.js";
import { showDrop, showSend } from "./drop.js";
import { showLive, watchCounts } from "./live.js";
import { showNews } from "./news.js";
import { showQuestions } from "./questions.js";
import { showReports } from "./reports.js";
import { showReveals } from "./reveals.js";
import { showTabs } from "./tabs.js";
import { showUsers } from "./users.js";
import { showWebhooks } from "./webhooks.js";

/** @import {Api} from "./api.js" */

const KEPT = "headcount.token";

/**
 * What each part of the page has of the whole.
 *
 * @typedef {object} Page
 * @property {() => Api} api
 * @property {() => boolean} isSignedIn
 * @property {() => string} tab  the one that is shown
 * @property {(scope: string) => boolean} may  whether the key has the scope
 * @property {() => number} now  by the server's clock, as far as it is known
 * @property {(answer: {server_now?: number}|undefined) => void} setNow
 * @property {() => (error: unknown) => void} reporter  where one poll says what is wrong; null: it works
 * @property {(place: string, ask: () => Promise<void>) => Promise<void>} attempt  show a problem there
 * @property {() => void} changed  the counts were read
 * @property {() => [string, number][]} broadcasts  those under way, and to how many connections each was sent
 */

/** @type {Api|null} */
let api = null;
/** @type {Set<string>} */
let scopes = new Set();
let ahead = 0;
let isKeyOpen = false;
/**
 * Of each poll that fails, what is wrong.
 *
 * @type {Map<object, string>}
 */
const troubles = new Map();

function start() {
  const tabs = showTabs(() => {
    troubles.clear();
    showTroubles();
    shown[tabs.current()]?.();
  });
  /** @type {Page} */
  const page = {
    api: () => /** @type {Api} */ (api),
    isSignedIn: () => isKeyOpen,
    tab: tabs.current,
    may: (scope) => scopes.has(scope),
    now: () => Date.now() + ahead,
    setNow: (answer) => {
      if (answer?.server_now) ahead = answer.server_now - Date.now();
    },
    reporter: () => {
      const own = {};
      return (error) => {
        if (error) troubles.set(own, messageOf(error));
        else troubles.delete(own);
        showTroubles();
      };
    },
    attempt: async (place, ask) => setProblem(at(place), await ask().then(() => "", messageOf)),
    changed: () => {
      estimateDrop();
      estimateSend();
    },
    broadcasts: () => bonuses.broadcasts(),
  };
  const counts = watchCounts(page);
  const bonuses = showBonuses(page);
  const news = showNews(page);
  const estimateDrop = showDrop(page, counts.read, bonuses.refresh);
  const estimateSend = showSend(page, counts.read, news);
  const live = showLive(page, counts.read);
  const reveal = showReveals(page);
  const questions = showQuestions(page);
  showDraws(page, bonuses.refresh);
  showUsers(page);
  showReports(page);
  /** @type {Record<string, () => unknown>} */
  const shown = {
    live: async () => {
      await Promise.all([counts.refresh(), bonuses.current()]);
      await live();
    },
    bonuses: () => Promise.all([counts.refresh(), bonuses.refresh()]),
    news: () => Promise.all([counts.refresh(), news(), reveal()]),
    questions: () => Promise.all([counts.refresh(), questions()]),
    campaigns: showCampaigns(page),
    webhooks: showWebhooks(page),
    audit: showAudit(page),
  };
  onSubmit("gate-form", async () => {
    await signIn(at("gate-key").value.trim(), tabs.show);
    if (isKeyOpen) at(`tab-${tabs.current()}`).focus();
  });
  at("sign-out").onclick = () => signOut("");
  addEventListener("hashchange", () => takeKey() && signIn(keptKey(), tabs.show));
  takeKey();
  signIn(keptKey(), tabs.show);
}

function showTroubles() {
  const [trouble] = troubles.values();
  setProblem(at("trouble"), trouble && isKeyOpen ? `Not up to date. ${trouble} The page asks again by itself.` : "");
}

/** Take a key from the address, where no server sees it, and remove it from there. */
function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return false;
  sessionStorage.setItem(KEPT, given);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

const keptKey = () => sessionStorage.getItem(KEPT) ?? "";

/**
 * @param {string} key
 * @param {() => void} showTab
 */
async function signIn(key, showTab) {
  if (key === "") return signOut("");
  const wrong = tokenProblem(key);
  if (wrong) return signOut(wrong);
  const made = makeApi(key, signOut);
  try {
    const own = await made.get("/keys/own");
    [api, scopes, isKeyOpen] = [made, new Set(own.scopes), true];
    sessionStorage.setItem(KEPT, key);
    setText(at("key-name"), own.name);
  } catch (error) {
    at("gate-key").value = key;
    return askForKey(messageOf(error));
  }
  at("gate-key").value = "";
  for (const [id, isHidden] of Object.entries({ gate: true, board: false, key: false, "sign-out": false })) at(id).hidden = isHidden;
  showRights();
  showTab();
}

/**
 * What is typed on the board stays, for when the operator signs in again.
 *
 * @param {string} problem
 */
function signOut(problem) {
  sessionStorage.removeItem(KEPT);
  askForKey(problem);
}

/** @param {string} problem */
function askForKey(problem) {
  isKeyOpen = false;
  for (const [id, isHidden] of Object.entries({ gate: false, board: true, key: true, "sign-out": true })) at(id).hidden = isHidden;
  showTroubles();
  setProblem(at("gate-problem"), problem);
  at("gate-key").focus();
}

/** A key that may only read sees all and orders nothing: each form says so. */
function showRights() {
  for (const part of document.querySelectorAll("[data-scope]")) {
    /** @type {HTMLFieldSetElement} */ (part).disabled = !scopes.has(/** @type {HTMLElement} */ (part).dataset.scope ?? "");
  }
  for (const part of document.querySelectorAll("[data-reason]")) {
    const scope = /** @type {HTMLElement} */ (part).dataset.reason ?? "";
    const why = scope === "pay" ? "it does not open the grants" : "you can see, and not act";
    setProblem(/** @type {HTMLElement} */ (part), scopes.has(scope) ? "" : `Your key does not have the scope “${scope}”: ${why}.`);
  }
  at("user-grants-box").hidden = !scopes.has("pay");
  at("campaign-new").disabled = !scopes.has("order");
}

start();
