"""A ticket opens one connection: a JWT (HS256, RFC 7519) that names the user and what they watch.

Any backend that knows the secret can mint one; `POST /tickets` does it for the others. It works
once: $connect spends its `jti`, in the statement that opens the session.

It is also the permission to watch: its `resource`, and by a `watch` message what `may_watch` names
("*": anything). Without that claim a connection stays on its ticket's resource. What a user watches
decides which minutes are paid and which bonuses they get, so the backend says it, not the browser.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt

from handlers.core.connection import ANYTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.connection import MayWatch

LIFE = timedelta(seconds=30)
# A ticket travels in a URL, and URLs end up in logs: no longer life is accepted.
MAX_LIFE = timedelta(minutes=5)
AUDIENCE = "headcount"
MAX_NAME = 128
# Of `may_watch` as JSON. A third more of it goes into the URL, which has at most 4,096 characters,
# and it is in the authorizer's answer, which has at most 8 KB.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# (2026-11-24)
MAX_MAY_WATCH = 1_024


class BadTicket(Exception):
    """Why a ticket is refused. The message never holds the ticket."""


@dataclass(frozen=True)
class Ticket:
    ticket_id: str
    user_id: str
    resource: str
    expires_at: datetime
    device: str | None = None
    """A label for this device in the user's list of connections, such as "phone"."""
    may_watch: MayWatch = ()


def mint(ticket: Ticket, secret: str) -> str:
    """The ticket as it goes into the URL."""
    claims: dict[str, object] = {
        "aud": AUDIENCE,
        "jti": ticket.ticket_id,
        "sub": ticket.user_id,
        "resource": ticket.resource,
        "exp": int(ticket.expires_at.timestamp()),
    }
    if ticket.device is not None:
        claims["device"] = ticket.device
    if ticket.may_watch:
        claims["may_watch"] = ticket.may_watch
    return jwt.encode(claims, secret, algorithm="HS256")


def read(text: str, secret: str, now: datetime) -> Ticket:
    """Verify a ticket. Raises BadTicket for one that is forged, expired, or lives too long."""
    try:
        claims = jwt.decode(
            text,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            # The clock is an argument, so `exp` is judged below.
            options={"require": ["exp", "jti", "sub"], "verify_exp": False, "verify_iat": False},
        )
        expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, OSError) as error:
        raise BadTicket(f"not a ticket: {type(error).__name__}") from error
    if expires_at <= now:
        raise BadTicket("expired")
    if expires_at > now + MAX_LIFE:
        raise BadTicket("lives longer than five minutes")
    ticket = Ticket(
        claims["jti"],
        claims["sub"],
        claims.get("resource", "site"),
        expires_at,
        claims.get("device"),
        _may_watch(claims.get("may_watch", [])),
    )
    names = [ticket.ticket_id, ticket.user_id, ticket.resource]
    if not all(map(_is_name, names if ticket.device is None else [*names, ticket.device])):
        raise BadTicket("jti, sub, resource and device must be strings of 1 to 128 characters")
    return ticket


def is_short(may_watch: Sequence[str]) -> bool:
    """Whether a ticket has room for these names: see MAX_MAY_WATCH."""
    return len(json.dumps(may_watch)) <= MAX_MAY_WATCH


def _may_watch(claim: object) -> MayWatch:
    if claim == ANYTHING:
        return ANYTHING
    if not isinstance(claim, list) or not all(map(_is_name, claim)):
        raise BadTicket('may_watch must be "*" or a list of strings of 1 to 128 characters')
    if not is_short(claim):
        raise BadTicket(f"may_watch is larger than {MAX_MAY_WATCH} bytes of JSON")
    return tuple(claim)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 1 <= len(name) <= MAX_NAME and "\0" not in name
