/** The forms before the page connects: the token, and the name. */

import { makeApi } from "./api.js";
import { at, messageOf, setProblem } from "./dom.js";
import * as names from "./names.js";

/** @param {string} [problem] */
export function askForToken(problem = "") {
  open("token-gate");
  setProblem(at("token-problem"), problem);
  at("token-form").onsubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const token = at("token").value.trim();
    const button = /** @type {HTMLButtonElement} */ (event.submitter);
    button.disabled = true;
    try {
      await checkToken(token);
      sessionStorage.setItem("headcount.token", token);
      location.reload();
    } catch (error) {
      setProblem(at("token-problem"), messageOf(error));
    } finally {
      button.disabled = false;
    }
  };
}

/** @param {string} token */
async function checkToken(token) {
  const problem = tokenProblem(token);
  if (problem) throw new Error(problem);
  await makeApi(token).check();
}

/**
 * The service token may do everything: a browser must not keep it, and this page does not even send it.
 *
 * @param {string} token
 * @returns {string} empty when it has the form of a service key's token
 */
export const tokenProblem = (token) =>
  /^hk_[0-9a-f]{32}_[\w-]{43}$/u.test(token) ? ""
  : "This is not the token of a service key, which begins with hk_. Never give a page the service token.";

/**
 * @param {{user: string, resource: string, problem?: string}} known
 */
export function askForName({ user, resource, problem = "" }) {
  open("name-gate");
  setProblem(at("name-problem"), problem);
  at("name").value = user;
  at("resource").value = resource;
  at("name").focus();
  at("name-form").onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const chosen = { user: at("name").value.trim(), resource: at("resource").value.trim() };
    const wrong = nameProblem(chosen);
    setProblem(at("name-problem"), wrong);
    if (wrong) return;
    localStorage.setItem("headcount.user", chosen.user);
    localStorage.setItem("headcount.resource", chosen.resource);
    // The address has them too, so two tabs can have two names and keep them after a reload.
    location.assign(`${location.pathname}?${new URLSearchParams(chosen)}`);
  };
}

/**
 * @param {{user: string, resource: string}} chosen
 * @returns {string} empty when both are valid
 */
export const nameProblem = ({ user, resource }) =>
  names.problem(user, "name") || names.problem(resource, "resource name");

/** @param {string} section  the one to show */
function open(section) {
  for (const id of ["board", "skip-to-bonuses", "token-gate", "name-gate"]) at(id).hidden = id !== section;
}
