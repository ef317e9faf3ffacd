// A sandboxed frame: it has no origin, no cookies and no storage.
import { Headcount } from "./headcount.min.js";

const ticket = ({ resource }) =>
  new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) =>
      data.ticket ? resolve(data.ticket) : reject(Object.assign(new Error("no ticket"), { status: data.status }));
    parent.postMessage({ want: "ticket", resource }, "*", [port2]);
  });

let storage;
try {
  storage = sessionStorage;
} catch {
  document.getElementById("storage").textContent = "denied";
}
const headcount = new Headcount({ ticket, storage });
headcount.on("status", ({ status }) => (document.getElementById("status").textContent = status));
headcount.on("bonus", async ({ bonus_id, outcome }) => {
  if (outcome === null) await headcount.claim(bonus_id);
  else document.getElementById("outcome").textContent = outcome;
});
