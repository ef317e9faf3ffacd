/** The resource that this tab watches: shown, kept in the address, and switched over the same connection. */

import { at, onSubmit, setText } from "./dom.js";
import * as names from "./names.js";

/** @import {Headcount} from "../../client/src/headcount.js" */

/**
 * @param {Headcount} headcount
 * @param {{user: string, resource: string}} viewer  its resource is kept up to date
 */
export function showResource(headcount, viewer) {
  const show = (/** @type {{resource: string}} */ { resource }) => {
    setText(at("watching"), names.shown(resource));
    if (viewer.resource === resource) return;
    viewer.resource = resource;
    localStorage.setItem("headcount.resource", resource);
    // The address has it too, so a reload stays here.
    history.replaceState(null, "", `${location.pathname}?${new URLSearchParams(viewer)}`);
  };
  headcount.on("watching", show);
  headcount.on("welcome", show);
  show(viewer);
  onSubmit("switch", async () => {
    const resource = at("switch-to").value.trim();
    const problem = names.problem(resource, "resource name");
    if (problem) throw new Error(problem);
    await headcount.watch(resource);
    at("switch-to").value = "";
  });
}
