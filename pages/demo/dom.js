/** Small helpers that every part of the page needs. */

import * as names from "./names.js";
import { momentText, timeText } from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */

// In milliseconds.
const TOAST_FOR = 6_000;

/**
 * @param {string} id
 * @returns {any}
 */
export const at = (id) => document.getElementById(id);

/**
 * @param {string} template
 * @returns {HTMLElement}
 */
export const copy = (template) => at(template).content.firstElementChild.cloneNode(true);

/**
 * @param {string} name
 * @param {string} text
 */
export function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/**
 * An entry of a list of events.
 *
 * @param {{ours: string, theirs: string}} sentence  theirs: a text by a user, kept apart from ours
 * @param {number} moment
 */
export function entry({ ours, theirs }, moment) {
  const item = document.createElement("li");
  const text = element("span", ours);
  text.append(element("bdi", theirs));
  const time = /** @type {HTMLTimeElement} */ (element("time", timeText(moment, Date.now())));
  time.dateTime = new Date(moment).toISOString();
  time.title = momentText(moment, Date.now());
  item.append(text, time);
  return item;
}

/**
 * Change nothing when the text is the same: selections stay, and screen readers stay silent.
 *
 * @param {HTMLElement} place
 * @param {string} text
 */
export function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/**
 * @param {HTMLElement} place
 * @param {string} text  empty hides it
 */
export function setProblem(place, text) {
  setText(place, text);
  place.hidden = !text;
}

/**
 * Submit once at a time, and show a problem in the form's own place for it.
 *
 * @param {string} form
 * @param {() => Promise<unknown>} submit
 */
export function onSubmit(form, submit) {
  at(form).onsubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (event.submitter);
    button.disabled = true;
    setProblem(at(`${form}-problem`), "");
    try {
      await submit();
    } catch (error) {
      setProblem(at(`${form}-problem`), messageOf(error));
    } finally {
      button.disabled = false;
      // A button that is disabled loses the focus.
      if (document.activeElement === document.body) button.focus();
    }
  };
}

/**
 * @param {HTMLElement} avatar
 * @param {string} name
 */
export function paintAvatar(avatar, name) {
  avatar.textContent = names.initials(name);
  avatar.style.setProperty("--hue", String(names.hue(name)));
}

/** @param {string} text  for screen readers */
export const announce = (text) => setText(at("announce"), text);

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {Headcount} headcount  a hidden tab is not seen, and an offline one gets no answer */
export const isWorthPolling = (headcount) =>
  document.visibilityState !== "hidden" && headcount.status.status === "online";

/** @type {number|undefined} */
let toastTimer;

/** @param {unknown} error  shown for a while, and read by screen readers */
export function showProblem(error) {
  at("toast").textContent = messageOf(error);
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => at("toast").replaceChildren(), TOAST_FOR);
}
