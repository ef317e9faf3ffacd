/** Questions: ask the audience, and follow what it answers. */

import { at, button, carryOut, confirm, element, name, onSubmit, showRows } from "./dom.js";
import { audience, checked, listed, readReward } from "./fields.js";
import { isThere, once } from "./orders.js";
import { poll } from "./poll.js";
import * as text from "./text.js";
import { isBlank } from "../demo/names.js";

/** @import {Page} from "./main.js" */

// In milliseconds.
const POLL_EVERY = 2_000;
const MAX_ROWS = 100;
// So many of the newest questions are counted; one that is over is counted once.
const MAX_COUNTED = 20;

/** @typedef {{question_id: string, text: string, options: string[], correct: number|null, audience: string, resource: string|null, opens_at: number, expires_at: number, state: string, ordered_by: string|null, tally?: number[], broadcast?: any}} Question */

/**
 * @param {Page} page
 * @returns {() => Promise<void>}
 */
export function showQuestions(page) {
  /**
   * Those that are over, which do not change.
   *
   * @type {Map<string, Question>}
   */
  const over = new Map();
  const cells = (/** @type {Question} */ one) => [
    ...[name(one.text), name(text.tallyText(one)), text.questionState(one, page.now()), name(text.audienceText(one)), text.toldText(one.broadcast ?? null), name(one.ordered_by ?? "–")],
    button("Cancel", () => cancel(one), { label: `Cancel ${text.shown(one.text)}`, testid: "cancel-question", isAllowed: page.may("order") && (one.state === "open" || one.state === "upcoming") }),
  ];
  const cancel = (/** @type {Question} */ one) =>
    carryOut("asked-outcome", async () => {
      const words = text.shown(one.text);
      if (!(await confirm(`Cancel “${words}”? No answer counts from then on.`, "Cancel the question"))) return "";
      const { state } = await page.api().order("DELETE", `/questions/${one.question_id}`);
      refresh();
      return `“${words}” is ${state}.`;
    });
  const count = async (/** @type {Question} */ { question_id }) => {
    const known = over.get(question_id);
    if (known) return known;
    const one = await page.api().get(`/questions/${question_id}`);
    page.setNow(one);
    if (one.state === "closed" || one.state === "cancelled") over.set(question_id, one);
    return one;
  };
  const refresh = poll({
    every: POLL_EVERY,
    isShown: () => page.isSignedIn() && page.tab() === "questions",
    report: page.reporter(),
    ask: async () => {
      const { items } = await page.api().get("/questions", { limit: MAX_ROWS });
      const counted = await Promise.all(items.slice(0, MAX_COUNTED).map(count));
      showRows(at("asked"), [...counted, ...items.slice(MAX_COUNTED)], (one) => one.question_id, cells, [4]);
      at("no-asked").hidden = items.length > 0;
    },
  });
  showAsk(page, refresh);
  return refresh;
}

/**
 * @param {Page} page
 * @param {() => unknown} refresh
 */
function showAsk(page, refresh) {
  const ask = once({
    send: (order, question_id) => page.api().order("POST", "/questions", { ...order, question_id }),
    exists: (id) => isThere(page.api(), `/questions/${id}`),
  });
  at("ask-options").oninput = () => {
    const chosen = at("ask-correct").value;
    const options = listed(at("ask-options").value).map((option, n) => Object.assign(element("option", option), { value: String(n) }));
    at("ask-correct").replaceChildren(at("ask-correct").options[0], ...options);
    at("ask-correct").value = Number(chosen) < options.length ? chosen : "";
    at("ask-correct").onchange();
  };
  at("ask-correct").onchange = () => {
    at("ask-prize-row").hidden = at("ask-correct").value === "";
  };
  at("ask-audience").onchange = () => audience("ask");
  onSubmit("ask", () =>
    carryOut("ask-outcome", async () => {
      const order = readQuestion();
      await ask(order);
      refresh();
      return `Asked: “${order.text}”.`;
    }),
  );
}

function readQuestion() {
  const words = at("ask-text").value.trim();
  const options = listed(at("ask-options").value);
  const correct = at("ask-correct").value === "" ? null : Number(at("ask-correct").value);
  if (isBlank(words)) throw new Error("A question needs a visible text.");
  if (options.length < 2) throw new Error("List at least two options, one a line.");
  const hasPrize = correct !== null && at("ask-prize").value.trim() !== "";
  return {
    text: words,
    options,
    correct,
    prize: hasPrize ? { reward: readReward("ask-prize"), claim_within_seconds: Number(at("ask-claim").value) } : null,
    audience: checked(audience("ask")),
    window_seconds: Number(at("ask-seconds").value),
  };
}
