"""An HTTP API: routes, the event of payload format 2.0, and the response in it. Pure.

`http-api-develop-integrations-lambda.html` and `http-api-develop-routes.html` under
https://docs.aws.amazon.com/apigateway/latest/developerguide/ (2026-11-23)
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from wsgate.model.events import Pairs, query_pairs, request_time
from wsgate.transport.responses import Request, Response, message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wsgate.model.ids import Ids, Millis
    from wsgate.model.invoke import Invocation
    from wsgate.model.plan import FailingIntegration, FunctionIntegration, HttpApi

NOT_FOUND = message(HTTPStatus.NOT_FOUND, "Not Found")
FAILED = message(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
# Observed: https://github.com/serverless/serverless/issues/11222 (2026-11-23)
TIMED_OUT = message(HTTPStatus.SERVICE_UNAVAILABLE, "Service Unavailable")
TOO_MANY_REQUESTS = message(HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests")
TOO_LARGE = message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")


@dataclass(frozen=True, slots=True)
class Match:
    """The route a request takes."""

    route_key: str
    integration: FunctionIntegration | FailingIntegration
    parameters: Mapping[str, str]


class RouteKeyError(ValueError):
    """A route key that is neither `$default` nor `METHOD /path`."""


class Routes:
    """The routes of an HTTP API, the most specific first."""

    def __init__(self, api: HttpApi) -> None:
        self._prefix = "" if api.stage == "$default" else f"/{api.stage}"
        self._default = api.routes.get("$default")
        keyed = [(key, value) for key, value in api.routes.items() if key != "$default"]
        self._routes = sorted((_Route(*pair) for pair in keyed), key=lambda route: route.rank)

    def match(self, method: str, path: str) -> Match | None:
        """A full match before a greedy one, a method before ANY, `$default` last."""
        if not path.startswith(self._prefix):
            return None
        rest = path.removeprefix(self._prefix)
        for route in self._routes:
            found = route.pattern.fullmatch(rest)
            if found and route.method in {method, "ANY"}:
                values = map(unquote, found.groups())
                return Match(
                    route.key, route.integration, dict(zip(route.names, values, strict=True))
                )
        return Match("$default", self._default, {}) if self._default else None


@dataclass(frozen=True, slots=True)
class Site:
    """What every event of an API repeats."""

    api_id: str
    stage: str
    domain: str
    account: str
    scheme: str
    port: int


def event(site: Site, match: Match, request: Request, ids: Ids, now: Millis) -> dict[str, Any]:
    """The event of payload format 2.0; keys that AWS leaves out when empty are left out."""
    body, is_base64 = _body(request)
    query = query_pairs(request.query)
    cookies = _cookies(request.headers)
    return {
        "version": "2.0",
        "routeKey": match.route_key,
        # Decoded in spite of its name: https://github.com/hotsock/voker/pull/8 (2026-11-23)
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": _headers(site, request, ids.trace(now)),
        **({"queryStringParameters": _joined(query)} if query else {}),
        "requestContext": _context(site, match, request, ids, now),
        **({"pathParameters": dict(match.parameters)} if match.parameters else {}),
        **({} if body is None else {"body": body}),
        "isBase64Encoded": is_base64,
    }


def response(invocation: Invocation) -> Response:
    """What the client gets; a function that failed is 500 and says nothing of why."""
    if invocation.function_error is not None:
        return FAILED
    try:
        return _response(json.loads(invocation.payload))
    except (ValueError, RecursionError, binascii.Error, TypeError, AttributeError):
        return FAILED


class _Route:
    """A route key as a pattern. `{name}` is one segment, `{name+}` the rest."""

    def __init__(self, key: str, integration: FunctionIntegration | FailingIntegration) -> None:
        method, _, path = key.partition(" ")
        if not path.startswith("/"):
            raise RouteKeyError(f"the route key {key!r} is not $default or METHOD /path")
        self.key, self.method, self.integration = key, method, integration
        self.names = [name.removesuffix("+") for name in _VARIABLE.findall(path)]
        self.pattern = re.compile("".join(_segment_patterns(path)))
        # False sorts first: a literal before a variable, a variable before a greedy one.
        self.rank = ("+}" in path, len(self.names), -len(path), method == "ANY")


_VARIABLE = re.compile(r"\{([^}]+)\}")
_TOKEN = re.compile(r"\{[^}]+\}|[^{]+")
# Sent as text; everything else is base64. Observed by users, e.g. a form arrives as base64.
_TEXT = re.compile(
    r"text/.*|application/(?:json|javascript|xml|.*\+json|.*\+xml)(?:\s*;.*)?", re.IGNORECASE
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# The gateway frames the message itself.
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})
_STATUSES = range(200, 600)


def _segment_patterns(path: str) -> Iterable[str]:
    for token in _TOKEN.findall(path):
        if token.startswith("{"):
            yield "(.+)" if token.endswith("+}") else "([^/]+)"
        else:
            yield re.escape(token)


def _body(request: Request) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    if _TEXT.fullmatch(request.fields.get("content-type", "")):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            return base64.b64encode(request.body).decode("ascii"), True
    return base64.b64encode(request.body).decode("ascii"), True


def _cookies(headers: Pairs) -> list[str]:
    values = [value for name, value in headers if name.lower() == "cookie"]
    return [cookie.strip() for value in values for cookie in value.split(";") if cookie.strip()]


def _headers(site: Site, request: Request, trace: str) -> dict[str, str]:
    """Lower-case names, repeated ones joined; scheme and port are those of this gateway."""
    passed = request.fields.get("x-forwarded-for")
    fields = {name: value for name, value in request.fields.items() if name not in _HOP_BY_HOP}
    fields["x-amzn-trace-id"] = trace
    fields["x-forwarded-for"] = ", ".join(filter(None, (passed, request.source_ip)))
    fields["x-forwarded-port"] = str(site.port)
    fields["x-forwarded-proto"] = site.scheme
    return dict(sorted(fields.items()))


_HOP_BY_HOP = frozenset({"connection", "cookie", "expect", "keep-alive", "te", "transfer-encoding"})


def _context(site: Site, match: Match, request: Request, ids: Ids, now: Millis) -> dict[str, Any]:
    return {
        "accountId": site.account,
        "apiId": site.api_id,
        "domainName": site.domain,
        "domainPrefix": site.domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": unquote(request.path),
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.fields.get("user-agent", ""),
        },
        "requestId": ids.request(now),
        "routeKey": match.route_key,
        "stage": site.stage,
        "time": request_time(now),
        "timeEpoch": now,
    }


def _joined(pairs: Pairs) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _response(answer: Any) -> Response:
    """With a `statusCode` the answer is a response; without one it is the body of a 200."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer if isinstance(answer, str) else json.dumps(answer)
        return Response(HTTPStatus.OK, body.encode(), (("Content-Type", "application/json"),))
    status, body = int(answer["statusCode"]), answer.get("body") or ""
    if status not in _STATUSES or not isinstance(body, str):
        return FAILED
    data = base64.b64decode(body) if answer.get("isBase64Encoded") is True else body.encode()
    return Response(status, data, tuple(_response_headers(answer)))


def _response_headers(answer: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Cookies have a list of their own. GUESS: the type of a body without one is plain text."""
    headers = [(name, _text(value)) for name, value in (answer.get("headers") or {}).items()]
    headers = [pair for pair in headers if pair[0].lower() not in _FRAMING]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("Content-Type", "text/plain; charset=utf-8"))
    headers += [("Set-Cookie", _text(cookie)) for cookie in answer.get("cookies") or []]
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} cannot be sent")
    return headers


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
