// A page without a bundler: the packed file, a backend on another origin, a Content-Security-Policy.
import { Headcount } from "./headcount.min.js";
import { post, signIn } from "./backend.js";

await signIn();
const headcount = new Headcount({
  ticket: async ({ resource }) => {
    const response = await post("/ticket", { resource });
    if (!response.ok) throw Object.assign(new Error("no ticket"), { status: response.status });
    return response.json();
  },
  storage: sessionStorage,
});
headcount.on("status", ({ status }) => (document.getElementById("status").textContent = status));
headcount.on("bonus", async ({ bonus_id, outcome }) => {
  if (outcome === null) await headcount.claim(bonus_id);
  else document.getElementById("outcome").textContent = outcome;
});
