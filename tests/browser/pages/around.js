// The page around a sandboxed frame: it is signed in, so it fetches the frame's tickets.
const backend = new URLSearchParams(location.search).get("backend");
const post = (path, body) =>
  fetch(backend + path, {
    method: "POST",
    credentials: "include",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

const frame = document.querySelector("iframe");
const signedIn = post("/sign-in", { user_id: new URLSearchParams(location.search).get("user") });
window.addEventListener("message", async ({ source, data, ports: [port] }) => {
  if (source !== frame.contentWindow || data.want !== "ticket") return;
  await signedIn;
  const response = await post("/ticket", { resource: data.resource });
  port.postMessage(response.ok ? { ticket: await response.json() } : { status: response.status });
});
