"""Webhooks: which URLs they may have, what is sent, and when it is sent again.

The envelope is that of CloudEvents 1.0 (https://github.com/cloudevents/spec, structured mode), the
headers are those of Standard Webhooks (https://www.standardwebhooks.com), both read 2026-11-30.
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Network, IPv6Network

MAX_WEBHOOKS = 20
"""Of a deployment."""
EventType = Literal[
    "user.online",
    "user.offline",
    "user.kicked",
    "connection.opened",
    "connection.closed",
    "bonus.opened",
    "bonus.claimed",
    "bonus.granted",
    "bonus.fulfilled",
    "bonus.rejected",
    "campaign.milestone",
]
"""What a webhook can be told."""
SECRET_PREFIX = "whsec_"  # noqa: S105  # no secret by itself
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
"""As Standard Webhooks asks."""
OLD_SECRET_FOR = timedelta(hours=24)
"""For how long a secret that was replaced still signs."""

SOURCE = "/headcount"
HOUR = timedelta(hours=1)
DELAYS: tuple[timedelta, ...] = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    HOUR / 2,
    2 * HOUR,
)
MAX_DELAY = 6 * HOUR
MAX_PAUSE = timedelta(minutes=5)
"""Between two attempts at a receiver that takes nothing: by then it is noticed to be back."""
MAX_RETRY_AFTER = 24 * HOUR
GIVE_UP_AFTER = 72 * HOUR

PORTS = {"https": 443, "http": 80}
# A blank or the end of a line would end what it stands in.
PRINTED = re.compile(r"[!-~]+")
OK, REDIRECTS, ERRORS = 200, 300, 400
GONE = 410

# Each has an IPv4 address in it, and leads to that: 4to6 translation (RFC 6052, RFC 8215) first.
TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
COMPATIBLE = ip_network("::/96")
# What `is_global` of some Python releases takes for public.
NOT_PUBLIC: tuple[IPv4Network | IPv6Network, ...] = (
    ip_network("192.88.99.0/24"),
    ip_network("2001::/23"),
    ip_network("2002::/16"),
    ip_network("3fff::/20"),
    ip_network("5f00::/16"),
    ip_network("fec0::/10"),
)


class BadUrl(ValueError):
    """A webhook cannot have this URL; the message says why, and what to send."""


class WeakSecret(ValueError):
    """A secret is malformed, too short or too long."""


class Target(NamedTuple):
    """Where a URL leads."""

    host: str
    port: int
    is_tls: bool
    path: str
    """With its query."""
    authority: str
    """The value of the header `host`."""


class Event(msgspec.Struct, frozen=True):
    """One event for one webhook."""

    seq: int
    event_id: UUID
    type: str
    user_id: str | None
    resource: str | None
    at: int
    data: dict[str, object]
    attempts: int
    """How often it was tried before."""
    failing_ms: int
    """How long ago the first of them was."""
    is_again: bool
    """It was not taken before, or had to wait."""
    is_behind: bool
    """It must wait, since another event of its user does."""

    @property
    def lane(self) -> str | int:
        """Events of one lane are sent one after the other."""
        return self.seq if self.user_id is None else self.user_id


class Answer(NamedTuple):
    """What became of an attempt."""

    status: int | None = None
    error: str | None = None
    """None: it was taken."""
    retry_after: timedelta = timedelta()


class Outcome(msgspec.Struct, frozen=True):
    """What is recorded of an event that was not taken at the first attempt."""

    seq: int
    state: str
    attempted: bool
    status: int | None = None
    error: str | None = None
    delay_ms: int | None = None
    """When to try again; None: after the event that it waits for."""


@lru_cache(maxsize=4 * MAX_WEBHOOKS)
def target(url: str, *, is_any: bool) -> Target:
    """Where a URL leads. `is_any`: `http` and addresses that are not public are allowed, too.

    Raises BadUrl.
    """
    if not PRINTED.fullmatch(url):
        raise BadUrl("the URL has a blank or a letter that no URL has; encode it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl("this is not a URL; send one such as https://example.com/hook") from error
    if parts.scheme != "https" and not (is_any and parts.scheme == "http"):
        raise BadUrl("the URL must begin with https://")
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise BadUrl("the URL needs a host, and has neither a user nor a fragment")
    if is_address(parts.hostname) and not is_any and not is_public(parts.hostname):
        raise BadUrl("the URL leads to an address that is not public; send a public one")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    at = port or PORTS[parts.scheme]
    return Target(parts.hostname, at, parts.scheme == "https", path, parts.netloc)


def is_address(host: str) -> bool:
    """Whether a host is an address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an address is one of the internet: not of this machine, a private network, a link or
    a cloud's metadata, in whatever form IPv6 has of it.
    """
    one = _unwrapped(ip_address(address.partition("%")[0]))
    if one.is_multicast or one.is_reserved or not one.is_global:
        return False
    return not any(one in network for network in NOT_PUBLIC if network.version == one.version)


def _unwrapped(one: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(one, IPv4Address):
        return one
    if one.ipv4_mapped is not None:
        return one.ipv4_mapped
    if one in TRANSLATED[0] or one in COMPATIBLE:
        return IPv4Address(int(one) & 0xFFFF_FFFF)
    # The others that carry one are refused as a whole.
    return IPv6Address(1) if one in TRANSLATED[1] else one


def key_of(secret: str) -> bytes:
    """The key in a secret. Raises WeakSecret."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise WeakSecret(f"a secret is {SECRET_PREFIX} and base64") from error
    is_long = MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES
    if not secret.startswith(SECRET_PREFIX) or not is_long:
        raise WeakSecret(f"a secret is {SECRET_PREFIX} and {MIN_SECRET_BYTES} bytes or more")
    return key


def secret_of(key: bytes) -> str:
    """A key as a secret."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def body_of(event: Event) -> bytes:
    """An event as a CloudEvent in JSON. It is the same text at each attempt."""
    about = {} if event.user_id is None else {"subject": event.user_id}
    time = datetime.fromtimestamp(event.at / 1000, UTC).isoformat(timespec="milliseconds")
    fields = {"user_id": event.user_id, "resource": event.resource}
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event.event_id,
            "source": SOURCE,
            "type": event.type,
            **about,
            "time": time.replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": {name: one for name, one in fields.items() if one is not None} | event.data,
        }
    )


def headers_of(
    event_id: UUID, keys: Sequence[bytes], body: bytes, timestamp: int
) -> dict[str, str]:
    """The headers of one attempt, signed with each key. `timestamp` is in seconds."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(key, signed, "sha256") for key in keys]
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": str(event_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(d).decode()}" for d in digests),
    }


def answer_of(status: int, retry_after: timedelta) -> Answer:
    """What an answer of this status means."""
    if OK <= status < REDIRECTS:
        return Answer(status)
    error = "redirect" if REDIRECTS <= status < ERRORS else "status"
    return Answer(status, "gone" if status == GONE else error, retry_after)


def delay(attempts: int, retry_after: timedelta, roll: float) -> timedelta:
    """How long to wait after so many attempts. `roll`, from 0 to 1, spreads it over a half."""
    base = DELAYS[attempts - 1] if attempts <= len(DELAYS) else MAX_DELAY
    return max(base * (0.75 + roll / 2), min(retry_after, MAX_RETRY_AFTER))


def pause(failures: int, retry_after: timedelta, roll: float) -> timedelta:
    """How long to leave a receiver alone that has taken nothing in so many passes."""
    base = delay(failures, timedelta(), roll)
    return max(min(base, MAX_PAUSE), min(retry_after, MAX_RETRY_AFTER))


def outcome_of(event: Event, answer: Answer, roll: float) -> Outcome | None:
    """What to record of an attempt; None: it was taken at once, which needs no row."""
    if answer.error is None:
        if not event.is_again and event.type != "webhook.test":
            return None
        return Outcome(event.seq, "delivered", attempted=True, status=answer.status, delay_ms=0)
    is_late = event.failing_ms > GIVE_UP_AFTER / timedelta(milliseconds=1)
    wait = delay(event.attempts + 1, answer.retry_after, roll)
    return Outcome(
        event.seq,
        "dead" if is_late else "waiting",
        attempted=True,
        status=answer.status,
        error=answer.error,
        delay_ms=round(wait / timedelta(milliseconds=1)),
    )


def lanes_of(events: Iterable[Event]) -> list[list[Event]]:
    """The events that may be sent now, each user's in their order."""
    lanes: dict[str | int, list[Event]] = {}
    for event in events:
        if not event.is_behind:
            lanes.setdefault(event.lane, []).append(event)
    return list(lanes.values())
