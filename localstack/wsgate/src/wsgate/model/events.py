"""The events that functions receive, key by key and in the order that AWS sends them.

docs/aws-behaviour.md §3.1 (authorizer) and §4 (CONNECT, MESSAGE, DISCONNECT). Pure: facts in, a
dictionary out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wsgate.model.ids import Millis

Event = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]

# The strftime of the C library follows the locale; API Gateway writes English
# (docs/aws-behaviour.md §4.2).
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# What the authorizer sees and $connect does not (docs/aws-behaviour.md §3.1, §4.2).
_HOP_BY_HOP = (("Connection", "upgrade"), ("content-length", "0"), ("Upgrade", "websocket"))
_NOT_FORWARDED = frozenset({"connection", "upgrade", "content-length"})
ADDED = frozenset({"x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"})
"""Headers that every handshake has behind the edge."""
_REPLACED = _NOT_FORWARDED | ADDED


@dataclass(frozen=True, slots=True)
class Address:
    """Which stage a request names, and how."""

    stage: int = 0
    """The stage's place among those of the gateway."""
    domain: str = ""
    """The host as sent, where it is a name of the API's own (docs/aws-behaviour.md §1.8)."""
    lower_case: bool = False
    """True where all header names that reach an integration are small.

    docs/aws-behaviour.md §1.7.
    """


HERE: Final = Address()
"""The first stage, by the gateway's own host."""


@dataclass(frozen=True)
class Handshake:
    """An upgrade request as it came in."""

    headers: Pairs
    query: str
    """Without the question mark, not decoded."""
    source_ip: str
    path: str = ""
    """As sent, not decoded."""
    address: Address = HERE

    # An authorizer's event, the event of $connect and their checks all look at these.

    @cached_property
    def parameters(self) -> Pairs:
        """The decoded pairs of the query, in the order sent."""
        return query_pairs(self.query)

    @cached_property
    def kept_headers(self) -> Pairs:
        """Those that reach an integration as they were sent."""
        return tuple(pair for pair in self.headers if pair[0].lower() not in _REPLACED)

    @cached_property
    def forwarded_for(self) -> str:
        """Where it came from, as an edge says it."""
        passed = [value for name, value in self.headers if name.lower() == "x-forwarded-for"]
        return ", ".join((*passed, self.source_ip))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gateway is: the part of every request context that never changes."""

    api_id: str
    stage: str
    domain: str
    region: str
    account: str
    stage_variables: Mapping[str, str]

    @property
    def arn(self) -> str:
        """The stage, as what is allowed on it begins (docs/aws-behaviour.md §3.7, §11.2)."""
        return f"arn:aws:execute-api:{self.region}:{self.account}:{self.api_id}/{self.stage}"

    @property
    def connect_arn(self) -> str:
        """What an authorizer's policy must allow (docs/aws-behaviour.md §3.7)."""
        return f"{self.arn}/$connect"


# What is made for each message is not frozen: making a frozen one takes three times as long.
@dataclass(slots=True)
class Caller:
    """What an event says about a connection."""

    connection_id: str
    connected_at: Millis
    identity: Mapping[str, str]
    authorizer: Mapping[str, Any] | None


@dataclass(slots=True)
class Moment:
    """What an event says about itself."""

    request_id: str
    now: Millis


@dataclass(slots=True)
class Said:
    """A message and the route it takes."""

    route_key: str
    message_id: str
    body: str


def authorizer(
    place: Place, caller: Caller, handshake: Handshake, trace: str, moment: Moment
) -> Event:
    """The REQUEST authorizer's event: with hop headers and empty maps.

    docs/aws-behaviour.md §3.1.
    """
    headers = _sorted((*_headers(handshake, trace), *_HOP_BY_HOP))
    query = handshake.parameters
    return {
        "type": "REQUEST",
        "methodArn": place.connect_arn,
        "headers": _single(headers),
        "multiValueHeaders": _multiple(headers),
        "queryStringParameters": _single(query),
        "multiValueQueryStringParameters": _multiple(query),
        "stageVariables": dict(place.stage_variables),
        "requestContext": connect_context(place, caller, moment),
    }


def connect(
    place: Place, caller: Caller, handshake: Handshake, trace: str, moment: Moment
) -> Event:
    """CONNECT: no body, and query maps only when a query was sent (docs/aws-behaviour.md §4.2)."""
    headers = forwarded(handshake, trace)
    query = handshake.parameters
    maps = {
        "queryStringParameters": _single(query),
        "multiValueQueryStringParameters": _multiple(query),
    }
    return {
        "headers": _single(headers),
        "multiValueHeaders": _multiple(headers),
        **(maps if query else {}),
        **_stage_variables(place),
        "requestContext": connect_context(place, caller, moment),
        "isBase64Encoded": False,
    }


def message(place: Place, caller: Caller, said: Said, moment: Moment) -> Event:
    """MESSAGE: no headers, no query; the text unchanged (docs/aws-behaviour.md §4.2)."""
    return {
        **_stage_variables(place),
        "requestContext": message_context(place, caller, said, moment),
        "body": said.body,
        "isBase64Encoded": False,
    }


def message_context(place: Place, caller: Caller, said: Said, moment: Moment) -> Event:
    """The request context of a message, which is also what `$context` shows to a template."""
    lead = {"routeKey": said.route_key, **_authorizer(caller), "messageId": said.message_id}
    return _context(place, caller, moment, {**lead, "eventType": "MESSAGE"})


def connect_context(place: Place, caller: Caller, moment: Moment) -> Event:
    lead = {"routeKey": "$connect", **_authorizer(caller), "eventType": "CONNECT"}
    return _context(place, caller, moment, lead)


def disconnect(place: Place, caller: Caller, code: int, reason: str, moment: Moment) -> Event:
    """DISCONNECT: four fixed headers, the code and the reason (docs/aws-behaviour.md §4.1, §10)."""
    headers = (
        ("Host", place.domain),
        ("x-api-key", ""),
        ("X-Forwarded-For", ""),
        ("x-restapi", ""),
    )
    return {
        "headers": _single(headers),
        "multiValueHeaders": _multiple(headers),
        **_stage_variables(place),
        "requestContext": disconnect_context(place, caller, code, reason, moment),
        "isBase64Encoded": False,
    }


def disconnect_context(
    place: Place, caller: Caller, code: int, reason: str, moment: Moment
) -> Event:
    lead = {"routeKey": "$disconnect", "disconnectStatusCode": code, **_authorizer(caller)}
    lead["eventType"] = "DISCONNECT"
    return _context(place, caller, moment, lead, {"disconnectReason": reason})


def identity(handshake: Handshake) -> Mapping[str, str]:
    """`userAgent` only when the client sent one, then `sourceIp` (docs/aws-behaviour.md §4.2)."""
    agents = [value for name, value in handshake.headers if name.lower() == "user-agent"]
    return _identity(agents[-1] if agents else None, handshake.source_ip)


class Lazy(Mapping[str, Any]):
    """An event's context that is made when somebody looks at it."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Event]) -> None:
        self._make = make
        self._made: Event | None = None

    def __getitem__(self, key: str) -> Any:
        return self._event[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._event)

    def __len__(self) -> int:
        return len(self._event)

    @property
    def _event(self) -> Event:
        if self._made is None:
            self._made = self._make()
        return self._made


def with_signer(known: Mapping[str, str], signer: Mapping[str, str]) -> Mapping[str, str]:
    """The identity of who signed the handshake (docs/aws-behaviour.md §3.15).

    GUESS: where new keys stand; this is the order of the old events that had all of them.
    """
    every = {**known, **signer}
    return {key: every[key] for key in _OF_SIGNER if key in every}


def with_api_key(known: Mapping[str, str], key: str, key_id: str) -> Mapping[str, str]:
    """The identity of who sent an API key: it comes first (docs/aws-behaviour.md §3.14, §4.2)."""
    return {"apiKey": key, "apiKeyId": key_id, **known}


_OF_SIGNER = (
    *("cognitoIdentityPoolId", "cognitoIdentityId", "principalOrgId"),
    *("cognitoAuthenticationType", "userArn", "userAgent", "accountId", "caller", "sourceIp"),
    *("accessKey", "cognitoAuthenticationProvider", "user"),
)


def encode(event: Event) -> bytes:
    """The event as JSON, with msgspec: a handshake makes two, every message one."""
    try:
        return _json(event)
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
        return json.dumps(event, separators=(",", ":")).encode("ascii")


_json = msgspec.json.Encoder().encode


def request_time(now: Millis) -> str:
    """`30/Apr/2024:13:44:01 +0000` (docs/aws-behaviour.md §4.2)."""
    return _second(now // 1000)


def forwarded(handshake: Handshake, trace: str) -> Pairs:
    """The headers of a handshake as every integration gets them.

    docs/aws-behaviour.md §4.2, §1.7.
    """
    headers = _headers(handshake, trace)
    if handshake.address.lower_case:
        return tuple((name.lower(), value) for name, value in headers)
    return headers


def query_pairs(query: str) -> Pairs:
    """The decoded pairs of a query string, in the order sent; `a` alone is `a=`."""
    fields = (field.partition("=") for field in query.split("&") if field)
    return tuple((unquote_plus(name), unquote_plus(value)) for name, _, value in fields)


def _context(
    place: Place,
    caller: Caller,
    moment: Moment,
    lead: Mapping[str, Any],
    after_direction: Mapping[str, Any] = MappingProxyType({}),
) -> Event:
    return {
        **lead,
        "extendedRequestId": moment.request_id,
        "requestTime": request_time(moment.now),
        "messageDirection": "IN",
        **after_direction,
        "stage": place.stage,
        "connectedAt": caller.connected_at,
        "requestTimeEpoch": moment.now,
        "identity": dict(caller.identity),
        "requestId": moment.request_id,
        "domainName": place.domain,
        "connectionId": caller.connection_id,
        "apiId": place.api_id,
    }


def _authorizer(caller: Caller) -> Event:
    return {} if caller.authorizer is None else {"authorizer": dict(caller.authorizer)}


def _stage_variables(place: Place) -> Event:
    """GUESS for MESSAGE and DISCONNECT: where CONNECT has them.

    docs/aws-behaviour.md §4.2, §18.16.
    """
    return {"stageVariables": dict(place.stage_variables)} if place.stage_variables else {}


# Most connections share it with others: it is kept for as long as they live, so it is kept once.
@lru_cache(maxsize=1024)
def _identity(agent: str | None, source_ip: str) -> Mapping[str, str]:
    named = {} if agent is None else {"userAgent": agent}
    return MappingProxyType(named | {"sourceIp": source_ip})


@lru_cache(maxsize=4)
def _second(epoch: int) -> str:
    at = datetime.fromtimestamp(epoch, UTC)
    return f"{at:%d}/{_MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000"


def _headers(handshake: Handshake, trace: str) -> Pairs:
    """What the client sent, case kept, plus what the edge adds, sorted.

    docs/aws-behaviour.md §4.2.
    """
    added = {
        "X-Amzn-Trace-Id": trace,
        "X-Forwarded-For": handshake.forwarded_for,
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    return _sorted((*handshake.kept_headers, *added.items()))


def _sorted(pairs: Iterable[tuple[str, str]]) -> Pairs:
    return tuple(sorted(pairs, key=lambda pair: pair[0].lower()))


def _single(pairs: Pairs) -> dict[str, str]:
    """The last value of each name. GUESS for queries: the rule of REST APIs.

    docs/aws-behaviour.md §4.2.
    """
    return dict(pairs)


def _multiple(pairs: Pairs) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
