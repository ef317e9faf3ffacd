"""HTTP requests and responses as values, and how AWS words its errors."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from email.utils import formatdate
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wsgate.model.events import Pairs

_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True)
class Request:
    """A whole HTTP request."""

    method: str
    path: str
    """As sent: not decoded."""
    query: str
    headers: Pairs
    body: bytes
    source_ip: str
    too_large: bool = False
    """The body was larger than its path takes; `body` is empty then."""
    version: str = "HTTP/1.1"

    @cached_property
    def fields(self) -> dict[str, str]:
        """Headers by lower-case name, joined by commas when sent twice."""
        fields: dict[str, str] = {}
        for name, value in self.headers:
            key = name.lower()
            fields[key] = f"{fields[key]},{value}" if key in fields else value
        return fields

    @property
    def host(self) -> str:
        """As sent, with the port if there is one."""
        return self.fields.get("host", "")

    @property
    def url_characters(self) -> int:
        """The length of `wss://{host}{path}?{query}`."""
        query = 1 + len(self.query) if self.query else 0
        return len("wss://") + len(self.host) + len(self.path) + query


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: Pairs = ()


def json_response(status: int, value: Any, headers: Pairs = ()) -> Response:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, (_JSON, *headers))


def message(status: int, text: str) -> Response:
    """`{"message": …}`, as API Gateway words what it refuses."""
    return json_response(status, {"message": text})


def aws_error(status: int, kind: str, text: str | None) -> Response:
    """An error that an AWS SDK reads: its class is in a header (docs/aws-behaviour.md §11.3).

    `text` None leaves the body empty, as AWS does for 410 (docs/aws-behaviour.md §11.5).
    """
    header = ("x-amzn-ErrorType", kind)
    if text is None:
        return Response(status, b"", (header,))
    return json_response(status, {"message": text}, (header,))


def serialize(response: Response, *, keep_alive: bool, without_body: bool = False) -> bytes:
    """The bytes of a response; `without_body` (for HEAD) leaves the length as it is."""
    status, size = response.status, len(response.body)
    head = _head(status, response.headers, size, int(time.time()), keep_alive=keep_alive)
    return head if without_body or status in _BODILESS else head + response.body


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


@lru_cache(64)
def _head(status: int, headers: Pairs, size: int, epoch: int, *, keep_alive: bool) -> bytes:
    """The head of a response. Of a second's thousands, many are the same."""
    pairs = (("Date", http_date(epoch)), *headers, *_framing(status, size, keep_alive))
    fields = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    start = f"HTTP/1.1 {status} {phrase(status)}\r\n"
    return f"{start}{fields}\r\n".encode("latin-1", errors="replace")


def _framing(status: int, size: int, keep_alive: bool) -> Iterable[tuple[str, str]]:
    if status not in _BODILESS:
        yield "Content-Length", str(size)
    if not keep_alive:
        yield "Connection", "close"


@lru_cache(1)
def http_date(epoch: int) -> str:
    """A time as HTTP writes it. A second has thousands of responses."""
    return formatdate(epoch, usegmt=True)


_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
