/** Small things that every part of the page needs. */

import * as names from "./names.js";
import { timeText } from "./view.js";

/** @import {Headcount} from "../../client/src/headcount.js" */

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
 * A line of a list of what happened.
 *
 * @param {{ours: string, theirs: string}} sentence
 * @param {number} moment
 */
export function entry({ ours, theirs }, moment) {
  const item = document.createElement("li");
  const told = element("span", ours);
  told.append(element("bdi", theirs));
  item.append(told, element("time", timeText(moment, Date.now())));
  return item;
}

/**
 * Leaves the page alone when nothing changed: selections stay, and screen readers are not woken.
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
 * One submission at a time; what goes wrong is said in the form's own place for problems.
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

/** @param {string} text  read out */
export const say = (text) => setText(at("announce"), text);

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {Headcount} headcount  nobody looks at a hidden tab, and nobody answers an offline one */
export const isWorthAsking = (headcount) =>
  document.visibilityState !== "hidden" && headcount.status.status === "online";

/** @type {number|undefined} */
let toastTimer;

/** @param {unknown} error  shown for a while, and read out */
export function announceProblem(error) {
  at("toast").textContent = messageOf(error);
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => at("toast").replaceChildren(), TOAST_FOR);
}
