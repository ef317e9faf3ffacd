/** An Express backend that signs users in and signs tickets for Headcount. Node.js 20 or newer. */

import crypto from "node:crypto";
import express from "express";
import jwt from "jsonwebtoken";

const { HEADCOUNT_SOCKET_URL, HEADCOUNT_TICKET_SECRET, PORT = "8000" } = process.env;

// Who is signed in. Use your own sign-in here; this one forgets everybody when it restarts.
const signedIn = new Map();

const app = express();
app.use(express.json());

/** Believe any name. Check a password in its place. */
app.post("/sign-in", (request, response) => {
  const { user_id } = request.body ?? {};
  if (typeof user_id !== "string" || user_id === "") return response.sendStatus(400);
  const session = crypto.randomBytes(32).toString("base64url");
  signedIn.set(session, user_id);
  response.cookie("session", session, { httpOnly: true, sameSite: "strict" }).sendStatus(204);
});

/** A ticket for the user who is signed in. */
app.post("/ticket", (request, response) => {
  const user_id = signedIn.get(/(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1]);
  if (user_id === undefined) return response.sendStatus(401);
  const ticket = jwt.sign({ resource: "final" }, HEADCOUNT_TICKET_SECRET, {
    algorithm: "HS256",
    audience: "headcount",
    subject: user_id,
    jwtid: crypto.randomUUID(),
    expiresIn: 30,
  });
  response.json({ url: HEADCOUNT_SOCKET_URL, ticket });
});

app.listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${PORT} answers POST /sign-in and POST /ticket`));
