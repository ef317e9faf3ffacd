/** What this tab watches: shown, kept in the address, and switched over the connection that it has. */

import * as names from "./names.js";
import { at, onSubmit, setText } from "./dom.js";

/** @import {Headcount} from "../../client/src/headcount.js" */

/**
 * @param {Headcount} headcount
 * @param {{user: string, resource: string}} who  its resource is what this tab watches now
 */
export function showResource(headcount, who) {
  const show = (/** @type {{resource: string}} */ { resource }) => {
    setText(at("watching"), names.shown(resource));
    if (who.resource === resource) return;
    who.resource = resource;
    localStorage.setItem("headcount.resource", resource);
    // In the address too: so a reload stays here.
    history.replaceState(null, "", `${location.pathname}?${new URLSearchParams(who)}`);
  };
  headcount.on("watching", show);
  headcount.on("welcome", show);
  show(who);
  onSubmit("switch", async () => {
    const resource = at("switch-to").value.trim();
    const problem = names.problem(resource, "name of what you watch");
    if (problem) throw new Error(problem);
    await headcount.watch(resource);
    at("switch-to").value = "";
  });
}
