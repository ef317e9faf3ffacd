"""Which part of the gateway a path belongs to. Pure.

/{stage}                                        the WebSocket API
/{stage}/@connections/{id}                      the management API (APIGW.md §11)
/2015-03-31/functions/{name}/invocations        Lambda's Invoke API
/_wsgate/faults                                 what goes wrong on purpose
everything else                                 a page, or the HTTP API
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Stage:
    """The WebSocket API itself; a trailing slash is accepted (APIGW.md §1.1)."""


@dataclass(frozen=True, slots=True)
class Management:
    """`@connections`; `connection_id` is None where the stage or the rest is not right."""

    connection_id: str | None


@dataclass(frozen=True, slots=True)
class InvokeFunction:
    name: str


@dataclass(frozen=True, slots=True)
class FaultList:
    pass


@dataclass(frozen=True, slots=True)
class Elsewhere:
    pass


Target = Stage | Management | InvokeFunction | FaultList | Elsewhere
_ELSEWHERE, _STAGE = Elsewhere(), Stage()


def classify(path: str, stage: str) -> Target:
    """`path` is as sent: `%40connections` and `%3D` are read as they are meant (APIGW.md §11.1)."""
    segments = [unquote(segment, errors="replace") for segment in path.split("/")]
    match segments:
        case ["", first] | ["", first, ""] if first == stage:
            return _STAGE
        case ["", first, "@connections", connection_id] if first == stage:
            return Management(connection_id)
        case ["", _, "@connections", *_]:
            return Management(None)
        case ["", "2015-03-31", "functions", name, "invocations"]:
            return InvokeFunction(name)
        case ["", "_wsgate", "faults"]:
            return FaultList()
    return _ELSEWHERE
