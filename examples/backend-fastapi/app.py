"""A backend that signs users in and hands out tickets for Headcount."""

import os
import secrets
import time
from pathlib import Path
from typing import Annotated

import jwt
from fastapi import Body, Cookie, FastAPI, HTTPException, Response
from fastapi.staticfiles import StaticFiles

TICKET_SECRET = os.environ["HEADCOUNT_TICKET_SECRET"]
SOCKET_URL = os.environ["HEADCOUNT_SOCKET_URL"]
TICKET_SECONDS = 30
# What users may watch. The first one is where they start.
RESOURCES = ("final", "lobby")
ROOT = Path(__file__).resolve().parents[2]

app = FastAPI()
# Who is signed in. Use your own sign-in here; this one forgets everybody when it restarts.
signed_in: dict[str, str] = {}


@app.post("/sign-in")
def sign_in(user_id: Annotated[str, Body(embed=True)], response: Response) -> dict[str, str]:
    """Believe any name. Check a password in its place."""
    session = secrets.token_urlsafe()
    signed_in[session] = user_id
    response.set_cookie("session", session, httponly=True, samesite="strict")
    return {"user_id": user_id}


@app.post("/ticket")
def ticket(
    resource: Annotated[str | None, Body(embed=True)] = None,
    session: Annotated[str | None, Cookie()] = None,
) -> dict[str, str]:
    """A ticket for the user who is signed in. The browser may wish for a resource, no more."""
    user_id = signed_in.get(session or "")
    if user_id is None:
        raise HTTPException(401, "sign in first")
    claims = {
        "aud": "headcount",
        "sub": user_id,
        "jti": secrets.token_urlsafe(16),
        "exp": int(time.time()) + TICKET_SECONDS,
        "resource": resource if resource in RESOURCES else RESOURCES[0],
        "may_watch": RESOURCES,
    }
    return {"url": SOCKET_URL, "ticket": jwt.encode(claims, TICKET_SECRET, algorithm="HS256")}


app.mount("/client", StaticFiles(directory=ROOT / "client"))
app.mount("/", StaticFiles(directory=ROOT / "examples" / "page", html=True))
