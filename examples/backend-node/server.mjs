/** A backend that signs users in and asks Headcount for their tickets. Node.js 20 or newer, without dependencies. */

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";

const { HEADCOUNT_URL, HEADCOUNT_TOKEN, PAGE_ORIGIN, PORT = "8000" } = process.env;
// What users may watch. The first one is where they start.
const RESOURCES = ["final", "lobby"];
const MAX_BODY_CHARACTERS = 10_000;

// Who is signed in. Use your own sign-in here; this one forgets everybody when it restarts.
const signedIn = new Map();

const ROUTES = { "POST /sign-in": signIn, "POST /ticket": ticket };

/** Believe any name. Check a password in its place. */
async function signIn({ user_id }) {
  if (typeof user_id !== "string" || user_id === "") return { status: 400, body: { error: "user_id is missing" } };
  const session = randomBytes(32).toString("base64url");
  signedIn.set(session, user_id);
  return { status: 200, body: { user_id }, cookie: `session=${session}; HttpOnly; SameSite=Strict; Path=/` };
}

/** A ticket for the user who is signed in. The browser may wish for a resource, no more. */
async function ticket({ resource }, cookie = "") {
  const user_id = signedIn.get(/(?:^|; )session=([^;]+)/.exec(cookie)?.[1]);
  if (user_id === undefined) return { status: 401, body: { error: "sign in first" } };
  const r = await fetch(`${HEADCOUNT_URL}/tickets`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${HEADCOUNT_TOKEN}` },
    body: JSON.stringify({
      user_id,
      resource: RESOURCES.includes(resource) ? resource : RESOURCES[0],
      may_watch: RESOURCES,
    }),
    signal: AbortSignal.timeout(30_000), // API Gateway answers by then
  });
  // Not Headcount's own status: a 4xx would tell the client to stop for good.
  if (!r.ok) throw new Error(`POST /tickets answered ${r.status}: ${await r.text()}`);
  return { status: 200, body: await r.json() };
}

async function answer(request) {
  if (request.method === "OPTIONS") return { status: 204 };
  const route = ROUTES[`${request.method} ${request.url}`];
  if (!route) return { status: 404, body: { error: "there is no such route" } };
  const body = await read(request);
  if (body === null) return { status: 400, body: { error: "the body is not a JSON object" } };
  return route(body, request.headers.cookie);
}

/** The JSON object in the body, or null. */
async function read(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > MAX_BODY_CHARACTERS) return null;
  }
  try {
    return Object(JSON.parse(text || "{}"));
  } catch {
    return null;
  }
}

createServer(async (request, response) => {
  const { status, body, cookie } = await answer(request).catch((error) => {
    console.error(error);
    return { status: 503, body: { error: "no answer at the moment" } };
  });
  // The page is on another origin, so its browser asks whether that may read the answer, and send the cookie.
  if (PAGE_ORIGIN) {
    response.setHeader("Access-Control-Allow-Origin", PAGE_ORIGIN);
    response.setHeader("Access-Control-Allow-Credentials", "true");
    response.setHeader("Access-Control-Allow-Headers", "Content-Type");
    response.setHeader("Vary", "Origin");
  }
  if (cookie) response.setHeader("Set-Cookie", cookie);
  response.writeHead(status, { "Content-Type": "application/json" }).end(body && JSON.stringify(body));
}).listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${PORT} answers POST /sign-in and POST /ticket`));
