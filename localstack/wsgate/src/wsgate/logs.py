"""What wsgate says of itself, as values; `output.py` makes text or JSON of them at the edge.

A line costs its making only, which is why it is a tuple: nothing is formatted before somebody wants
to read it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from wsgate.masking import Mask
    from wsgate.model.ids import Millis

GOOD, BAD, PLAIN = "good", "bad", "plain"
"""How an outcome is to be shown."""
_FIRST_BAD, _FIRST_CLOSE = 400, 1000


class Line(Protocol):
    """One line of the log."""

    def __str__(self) -> str:
        """As a person reads it, without an end of line."""
        ...

    def fields(self) -> dict[str, Any]:
        """As a program reads it: the keys that `wsgate --help` lists, always the same ones."""
        ...


LogSink = Callable[[Line], None]


def as_text(log: Callable[[str], None]) -> LogSink:
    """Lines for somebody who wants them as text."""
    return lambda line: log(str(line))


def masked(sink: LogSink, mask: Mask) -> LogSink:
    """The same lines without secrets. An EventLine has none: route, id and outcome are our own."""

    def say(line: Line) -> None:
        match line:
            case FunctionLine() | Told():
                line = line._replace(text=mask.document(line.text))
            case RequestLine():
                line = line._replace(path=mask.text(line.path))
        sink(line)

    return say


class EventLine(NamedTuple):
    """Something happened on a connection."""

    at: Millis
    route: str
    connection_id: str
    outcome: str
    elapsed: Millis
    cold: bool | None = None
    """Whether an environment was started for it; None when no function ran."""
    request_id: str = ""
    """As in the event, if it is one."""
    api: str = ""
    error: str = ""
    """See Note."""

    def __str__(self) -> str:
        at, route, connection_id, outcome, elapsed, cold, request_id, _, _ = self
        line = f"{clock(at)} {route} {connection_id} {outcome} {elapsed} ms{_WARMTH[cold]}"
        return f"{line} {request_id}" if request_id else line

    def fields(self) -> dict[str, Any]:
        return {
            "kind": "event",
            "at": self.at,
            "route": self.route,
            "connection": self.connection_id,
            "status": status_of(self.outcome),
            "outcome": self.outcome,
            "ms": self.elapsed,
            "cold": self.cold,
            "request": self.request_id or None,
            "api": self.api or None,
            "error": self.error or None,
        }


class RequestLine(NamedTuple):
    """A plain HTTP request was answered."""

    at: Millis
    method: str
    path: str
    """Without the query: it may hold a token."""
    status: int
    elapsed: Millis
    cold: bool | None = None
    request_id: str = ""
    """As in the event, if a function was asked."""
    api: str = ""
    """The id of the HTTP API, if it is one's request."""

    @property
    def outcome(self) -> str:
        return str(self.status)

    def __str__(self) -> str:
        at, method, path, status, elapsed, cold, request_id, _ = self
        line = f"{clock(at)} {method} {path} {status} {elapsed} ms{_WARMTH[cold]}"
        return f"{line} {request_id}" if request_id else line

    def fields(self) -> dict[str, Any]:
        return {
            "kind": "request",
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": self.elapsed,
            "cold": self.cold,
            "request": self.request_id or None,
            "api": self.api or None,
        }


class FunctionLine(NamedTuple):
    """A function wrote a line."""

    at: Millis
    function: str
    text: str

    def __str__(self) -> str:
        return f"{self.function} | {self.text}"

    def fields(self) -> dict[str, Any]:
        return {"kind": "function", "at": self.at, "function": self.function, "text": self.text}


class Told(NamedTuple):
    """wsgate tells of itself: a `notice`, a `warning`, what is `left out`, why it `refused`, and
    what a function `reaches`."""

    at: Millis
    text: str
    kind: str = "notice"

    def __str__(self) -> str:
        before = _BEFORE.get(self.kind, f"{self.kind}: ")
        return f"{before}{self.text}"

    def fields(self) -> dict[str, Any]:
        return {"kind": self.kind.replace(" ", "_"), "at": self.at, "text": self.text}


class Ready(NamedTuple):
    """Connections are accepted; for programs, which would have to read the greeting otherwise."""

    at: Millis
    websocket: str
    management: str
    more: tuple[str, ...]
    """Addresses of other stages and domains."""
    http: str
    console: str | None
    connections: int
    """How many at once."""

    def __str__(self) -> str:
        return f"ready: {self.websocket}"

    def fields(self) -> dict[str, Any]:
        return {
            "kind": "ready",
            "at": self.at,
            "websocket": self.websocket,
            "management": self.management,
            "more": list(self.more),
            "http": self.http,
            "console": self.console,
            "connections": self.connections,
        }


_BEFORE = {"notice": "", "refused": "wsgate: "}
_WARMTH = {None: "", True: " cold", False: " warm"}


def clock(at: Millis) -> str:
    """`13:16:24.910`, in the time of this machine."""
    return f"{_second(at // 1000)}.{at % 1000:03d}"


def status_of(outcome: str) -> int | None:
    """The number that an outcome begins with: `401 identity source missing`."""
    first = outcome.partition(" ")[0]
    return int(first) if first.isdecimal() else None


def tone(outcome: str) -> str:
    """What went wrong begins with a word, or is a status; a close code is neither good nor bad."""
    status = status_of(outcome)
    if status is None:
        return GOOD if outcome == "allow" else BAD
    if status < _FIRST_BAD:
        return GOOD
    return PLAIN if status >= _FIRST_CLOSE and " " not in outcome else BAD


@lru_cache(maxsize=4)
def _second(epoch: int) -> str:
    """A burst of lines is of one second: its text is made once."""
    return time.strftime("%H:%M:%S", time.localtime(epoch))
