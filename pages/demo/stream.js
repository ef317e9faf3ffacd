/** What all tabs of a user keep in sync: reactions, the note, and the list of events. */

import { at, copy, entry, setText, showProblem } from "./dom.js";
import { float } from "./stage.js";
import * as view from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */
/** @import {StreamEvent} from "../../client/src/types.js" */

// In milliseconds, since the last key.
const SEND_NOTE_AFTER = 350;

/**
 * Reactions, each with the path of its icon in a view box of 24 by 24.
 *
 * @type {Record<string, string>}
 */
const REACTIONS = {
  heart: "M12 21 3.6 12.5a5.3 5.3 0 0 1 7.5-7.5l.9.9.9-.9a5.3 5.3 0 0 1 7.5 7.5z",
  star: "m12 2.5 2.9 6.2 6.8.9-5 4.7 1.3 6.7-6-3.3-6 3.3 1.3-6.7-5-4.7 6.8-.9z",
  bolt: "M13.5 2 4 14h6.5L9.5 22 20 9.5h-7z",
};

/** @param {Headcount} headcount */
export function showStream(headcount) {
  /** @type {StreamEvent[]} */
  let events = [];
  const counts = () => view.reactions(headcount.state, events);
  const showCounts = makeReactions((kind) => {
    const patch = view.reactionPatch(kind, (counts()[kind] ?? 0) + 1);
    headcount.act("react", { kind }, { patch }).catch(showProblem);
  });
  const showNote = makeNote((text) => headcount.act("note", { text }, { patch: { note: text || null } }).catch(showProblem));
  headcount.on("snapshot", (snapshot) => {
    events = snapshot.events;
    showActivity(events);
  });
  headcount.on("event", (event) => {
    events = view.append(events, event);
    showActivity(events);
    showCounts(counts());
    if (event.type === "react" && Object.hasOwn(REACTIONS, event.body.kind)) float(REACTIONS[event.body.kind]);
  });
  headcount.on("state", (state) => {
    showCounts(counts());
    showNote(view.noteText(state));
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
 * Send the note when the writer pauses, and do not overwrite it from elsewhere until then.
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
    }, SEND_NOTE_AFTER);
  });
  return (text) => {
    if (pending === undefined && field.value !== text) field.value = text;
  };
}

/** @param {StreamEvent[]} events */
function showActivity(events) {
  at("no-activity").hidden = events.length > 0;
  at("activity").replaceChildren(...events.slice(-30).reverse().map((event) => entry(view.sentence(event), event.at)));
}
