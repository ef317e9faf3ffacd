"""A ticket opens one connection: a JWT (HS256, RFC 7519) that says who comes and what they watch.

Any backend that knows the secret can mint one; `POST /tickets` does it for those that would rather
not. It is one-time: its `jti` is spent by $connect, in the statement that opens the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

LIFE = timedelta(seconds=30)
# A ticket travels in a URL, and URLs end in logs: a longer life is refused, whoever gave it.
LONGEST_LIFE = timedelta(minutes=5)
AUDIENCE = "headcount"
LONGEST_NAME = 128


class BadTicket(Exception):
    """Why a ticket opens nothing. The message never holds the ticket."""


@dataclass(frozen=True)
class Ticket:
    ticket_id: str
    user_id: str
    resource: str
    expires_at: datetime
    device: str | None = None
    """How the user's list of devices calls this one, such as "phone"."""


def mint(ticket: Ticket, secret: str) -> str:
    """The ticket as it goes into the URL."""
    claims = {
        "aud": AUDIENCE,
        "jti": ticket.ticket_id,
        "sub": ticket.user_id,
        "resource": ticket.resource,
        "exp": int(ticket.expires_at.timestamp()),
    }
    if ticket.device is not None:
        claims["device"] = ticket.device
    return jwt.encode(claims, secret, algorithm="HS256")


def read(text: str, secret: str, now: datetime) -> Ticket:
    """Whose ticket this is. Raises BadTicket for one that is forged, expired, or lives too long."""
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
    if expires_at > now + LONGEST_LIFE:
        raise BadTicket("lives longer than five minutes")
    ticket = Ticket(
        claims["jti"],
        claims["sub"],
        claims.get("resource", "site"),
        expires_at,
        claims.get("device"),
    )
    names = [ticket.ticket_id, ticket.user_id, ticket.resource]
    for name in names if ticket.device is None else [*names, ticket.device]:
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or "\0" in name:
            raise BadTicket("jti, sub, resource and device are texts of 1 to 128 characters")
    return ticket
