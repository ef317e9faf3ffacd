// The page around a sandboxed frame: it is signed in, so it fetches the frame's tickets.
import { post, signIn } from "./backend.js";

const frame = document.querySelector("iframe");
const signedIn = signIn();
window.addEventListener("message", async ({ source, data, ports: [port] }) => {
  if (source !== frame.contentWindow || data.want !== "ticket") return;
  await signedIn;
  const response = await post("/ticket", { resource: data.resource });
  port.postMessage(response.ok ? { ticket: await response.json() } : { status: response.status });
});
