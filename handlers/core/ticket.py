"""A ticket opens one connection: a JWT (HS256, RFC 7519) that names the user and what they watch.

Any backend that knows a ticket key can mint one; `POST /tickets` does it for the others. It works
once: $connect spends its `jti`, in the statement that opens the session. While keys are rotated,
two of them are good; `kid` in the header says which one signed, and may be left out.

It is also the permission to watch: its `resource`, and by a `watch` message what `may_watch` names
("*": anything). Without that claim a connection stays on its ticket's resource. What a user watches
decides which minutes are paid and which bonuses they get, so the backend says it, not the browser.

It is of the app that its `app` names, else of `main`. Each other app has ticket keys of its own,
made of those of `main` (`app_key`): who signs for one app cannot sign for another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt

from handlers.core.apps import MAIN
from handlers.core.connection import ANYTHING
from handlers.core.names import MAX_NAME, is_name
from handlers.core.nesting import MAX_LEVELS, is_deeper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handlers.core.connection import MayWatch

LIFE = timedelta(seconds=30)
# A ticket travels in a URL, and URLs end up in logs: no longer life is accepted.
MAX_LIFE = timedelta(minutes=5)
AUDIENCE = "headcount"
MIN_KEY = 32
# One and its successor: more would hide that a rotation never ended.
MAX_KEYS = 2
# A URL has at most 4,096 characters: that leaves 256 for the address before the ticket. Names of
# 128 characters fit, and a full `may_watch`, unless many of them are control characters.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# (2026-11-24)
MAX_TICKET = 3_840
# Of `may_watch` as JSON in UTF-8. It is in the authorizer's answer as well, which has at most 8 KB.
MAX_MAY_WATCH = 1_024
A_NAME = f"strings of 1 to {MAX_NAME} characters without NUL or half a surrogate pair"
# What else PyJWT raises for a text, and Python for a moment that it does not know. A header may be
# nested too deeply, without a signature.
UNREADABLE = (ValueError, TypeError, OverflowError, OSError, RecursionError)


class BadTicket(Exception):
    """Why a ticket is refused. The message never holds the ticket."""

    kind = "bad_ticket"
    """In the metric `handshakes_refused`."""


class ExpiredTicket(BadTicket):
    """It was a ticket until a moment ago."""

    kind = "expired_ticket"


class BadKeys(Exception):
    """The ticket secret holds no keys that may sign. The message never holds a key."""


class TicketTooLong(Exception):
    """The names in a ticket make it longer than MAX_TICKET."""


@dataclass(frozen=True)
class Ticket:
    ticket_id: str
    user_id: str
    resource: str
    expires_at: datetime
    device: str | None = None
    """A label for this device in the user's list of connections, such as "phone"."""
    may_watch: MayWatch = ()
    may_list: bool = False
    """Whether the user may know by name who watches what they may watch."""
    app: str = MAIN


def keys_of(secret: str) -> tuple[str, ...]:
    """The keys in a ticket secret, newest first, with a comma between. Raises BadKeys."""
    keys = tuple(map(str.strip, secret.split(",")))
    if len(keys) > MAX_KEYS:
        raise BadKeys(f"the ticket secret holds {len(keys)} keys; it may hold {MAX_KEYS}")
    if min(map(len, keys)) < MIN_KEY:
        raise BadKeys(f"a key of the ticket secret is shorter than {MIN_KEY} characters")
    return keys


def app_key(key: str, app: str) -> str:
    """The ticket key of an app, in hexadecimal digits; `key` is that of `main`."""
    return key if app == MAIN else hmac.digest(key.encode(), f"app:{app}".encode(), "sha256").hex()


def key_id(key: str) -> str:
    """A name for a key that tells nothing of it: `kid` in the header of what it signs."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def mint(ticket: Ticket, key: str) -> str:
    """The ticket as it goes into the URL, signed with its app's key. Raises TicketTooLong."""
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
    if ticket.may_list:
        claims["may_list"] = True
    if ticket.app != MAIN:
        claims["app"] = ticket.app
    header = {"kid": key_id(key)}
    text = jwt.encode(claims, key, algorithm="HS256", headers=header, json_encoder=_Utf8)
    if len(text) > MAX_TICKET:
        raise TicketTooLong
    return text


class _Utf8(json.JSONEncoder):
    """Writes names as they are: escaped, 128 Cyrillic letters would take 768 bytes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "ensure_ascii": False})


def read(text: str, keys: Sequence[str], now: datetime, apps: Sequence[str] = (MAIN,)) -> Ticket:
    """Verify a ticket of one of the apps, which one of its keys signed; `keys` are those of `main`.

    Raises BadTicket for one that is forged, expired, or lives too long.
    """
    return read_with(text, lambda: _claims_of_app(text, keys, apps), now)


def read_with(
    text: str, verify: Callable[[], dict[str, Any]], now: datetime, user_claim: str = "sub"
) -> Ticket:
    """Judge a ticket whose claims `verify` returns, or raises jwt.InvalidTokenError for.

    Raises BadTicket.
    """
    if len(text) > MAX_TICKET:
        raise BadTicket(f"longer than {MAX_TICKET} characters")
    try:
        claims = verify()
        expires_at = datetime.fromtimestamp(_whole(claims["exp"]), UTC)
    except (jwt.InvalidTokenError, *UNREADABLE) as error:
        raise BadTicket(f"not a ticket: {type(error).__name__}") from error
    if is_deeper(claims, MAX_LEVELS):
        raise BadTicket(f"nested deeper than {MAX_LEVELS} levels")
    if expires_at <= now:
        raise ExpiredTicket("expired")
    if expires_at > now + MAX_LIFE:
        raise BadTicket("lives longer than five minutes")
    return _ticket(claims, expires_at, user_claim)


def _claims_of_app(text: str, keys: Sequence[str], apps: Sequence[str]) -> dict[str, Any]:
    """What a ticket says that a key of the app signed which it names."""
    app = jwt.decode(text, options={"verify_signature": False}).get("app", MAIN)
    if app not in apps:
        raise BadTicket("names an app that this deployment does not have")
    return _claims(text, [app_key(key, app) for key in keys])


def _claims(text: str, keys: Sequence[str]) -> dict[str, Any]:
    """What a ticket says that one of the keys signed: any of them, if its `kid` names none."""
    kid = jwt.get_unverified_header(text).get("kid")
    *others, last = [key for key in keys if key_id(key) == kid] or keys
    for key in others:
        with suppress(jwt.InvalidSignatureError):
            return _decode(text, key)
    return _decode(text, last)


def _decode(text: str, key: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        text,
        key,
        algorithms=["HS256"],
        audience=AUDIENCE,
        # The clock is an argument, so `exp` is judged in `read`.
        options={"require": ["exp", "jti", "sub"], "verify_exp": False, "verify_iat": False},
    )
    return claims


def _ticket(claims: dict[str, Any], expires_at: datetime, user_claim: str) -> Ticket:
    ticket = Ticket(
        claims["jti"],
        claims[user_claim],
        claims.get("resource", "site"),
        expires_at,
        claims.get("device"),
        _may_watch(claims.get("may_watch", [])),
        _may_list(claims.get("may_list", False)),
        claims.get("app", MAIN),
    )
    names = [ticket.ticket_id, ticket.user_id, ticket.resource]
    if not all(map(is_name, names if ticket.device is None else [*names, ticket.device])):
        raise BadTicket(f"jti, {user_claim}, resource and device must be {A_NAME}")
    return ticket


def is_short(may_watch: Sequence[str]) -> bool:
    """Whether a ticket has room for these names: see MAX_MAY_WATCH."""
    return len(json.dumps(may_watch, ensure_ascii=False).encode()) <= MAX_MAY_WATCH


def _may_watch(claim: object) -> MayWatch:
    if claim == ANYTHING:
        return ANYTHING
    if not isinstance(claim, list) or not all(map(is_name, claim)):
        raise BadTicket(f'may_watch must be "*" or a list of {A_NAME}')
    if not is_short(claim):
        raise BadTicket(f"may_watch is larger than {MAX_MAY_WATCH} bytes of JSON")
    return tuple(claim)


def _may_list(claim: object) -> bool:
    if not isinstance(claim, bool):
        raise BadTicket("may_list must be true or false")
    return claim


def _whole(number: object) -> int:
    """A NumericDate (RFC 7519): a number, not a text that reads as one."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError(type(number).__name__)
    return int(number)
