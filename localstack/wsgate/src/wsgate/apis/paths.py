"""Which part of the gateway a request belongs to, by its path and its host. Pure.

/{stage}                                        a WebSocket API
/{stage}/@connections/{id}                      the management API (docs/aws-behaviour.md §11)
/2015-03-31/functions/{name}/invocations        Lambda's Invoke API
everything else                                 a page, or the HTTP API

On a custom domain a mapping's key stands in place of the stage (docs/aws-behaviour.md §1.6, §1.8),
and nothing but its APIs is there. `{apiId}.…` as the host names one API, which is how two APIs with
a stage of the same name are distinguished; any other host is this gateway's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from wsgate.model.events import HERE, Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wsgate.model.plan import WebSocketApi

MANAGEMENT = "@connections"
# GUESS: with a mapping of several levels, all that comes by it has small header names (§1.7).
SEVERAL_LEVELS_LOWER_CASE = True


@dataclass(frozen=True, slots=True)
class Stage:
    """The WebSocket API itself; a trailing slash is accepted (docs/aws-behaviour.md §1.1)."""

    address: Address = HERE


@dataclass(frozen=True, slots=True)
class Management:
    """`@connections` of a stage; `connection_id` is None where the stage or the rest is wrong."""

    connection_id: str | None
    address: Address = HERE


@dataclass(frozen=True, slots=True)
class NoMethod:
    """`@connections` on a custom domain, under a base that is not mapped.

    docs/aws-behaviour.md §11.5.
    """

    route: str


@dataclass(frozen=True, slots=True)
class InvokeFunction:
    name: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A name at which the API is not reached: `reason` is a sentence for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    pass


Target = Stage | Management | NoMethod | InvokeFunction | Closed | Elsewhere
_ELSEWHERE = Elsewhere()
_KEPT_PLACES = 64


class Addresses:
    """Every name of every stage."""

    def __init__(self, stages: Sequence[WebSocketApi]) -> None:
        self._stages = stages
        self._domains = _by_domain(stages)
        self._api_ids = {stage.api_id for stage in stages}
        # A broadcast asks for each connection once, all of them at the same few places.
        self._places = lru_cache(_KEPT_PLACES)(self._management)

    def classify(self, path: str, host: str = "") -> Target:
        """`path` is as sent: `%40connections` and `%3D` are read as they are meant (§11.1)."""
        place, _, name = path.rpartition("/")
        found = self._places(place, host)
        if found is None:
            return self._classify(path, host)
        return Management(_unquoted(name), found)

    def _management(self, place: str, host: str) -> Address | None:
        """Where `{place}/{connection id}` belongs, if it is `@connections` of a stage."""
        found = self._classify(f"{place}/id", host)
        if isinstance(found, Management) and found.connection_id is not None:
            return found.address
        return None

    def _classify(self, path: str, host: str) -> Target:
        name = _name(host)
        segments = [_unquoted(segment) for segment in path.split("/")]
        if name in self._domains:
            return self._on_domain(self._domains[name], segments[1:], host)
        return self._on_default(segments, name, host)

    def _on_domain(self, mappings: Sequence[_Mapping], segments: list[str], host: str) -> Target:
        """The longest key that the path begins with is meant (docs/aws-behaviour.md §1.6)."""
        for mapping in mappings:
            rest = segments[len(mapping.key) :]
            if segments[: len(mapping.key)] != mapping.key:
                continue
            several = len(mapping.key) > 1 and SEVERAL_LEVELS_LOWER_CASE
            address = Address(mapping.stage, host, several)
            match rest:
                case [] | [""]:
                    return Stage(address)
                case [first, connection_id] if first == MANAGEMENT:
                    return Management(connection_id, address)
        if MANAGEMENT in segments:
            return NoMethod("/".join(segments))
        return Closed("no API mapping of the domain has this path")

    def _on_default(self, segments: list[str], name: str, host: str) -> Target:
        match segments:
            case ["", "2015-03-31", "functions", function, "invocations"]:
                return InvokeFunction(function)
            case ["", first] | ["", first, ""]:
                found = self._stage(first, name, host)
                return Stage(found) if isinstance(found, Address) else found
            case ["", first, second, connection_id] if second == MANAGEMENT:
                found = self._stage(first, name, host)
                if isinstance(found, Address):
                    return Management(connection_id, found)
                return found if isinstance(found, Closed) else Management(None)
            case ["", _, second, *_] if second == MANAGEMENT:
                return Management(None)
        return _ELSEWHERE

    def _stage(self, stage_name: str, name: str, host: str) -> Address | Closed | Elsewhere:
        api_id = name.partition(".")[0]
        is_named = api_id in self._api_ids
        found = [
            index
            for index, stage in enumerate(self._stages)
            if stage.stage == stage_name and (not is_named or stage.api_id == api_id)
        ]
        if not found:
            return _ELSEWHERE
        if len(found) > 1:
            ids = " or ".join(f"{self._stages[index].api_id}.localhost" for index in found)
            return Closed(f"several APIs have a stage {stage_name}: say which as the host, {ids}")
        if not self._stages[found[0]].has_default_endpoint:
            return Closed("DisableExecuteApiEndpoint leaves the API its custom domains only")
        return Address(found[0], host if is_named else "")


def is_management(path: str) -> bool:
    """True for a path that is `@connections`, on whatever host."""
    place, _, name = path.rpartition("/")
    return _is_management(place) or MANAGEMENT in _unquoted(name).split("/")


@lru_cache(_KEPT_PLACES)
def _is_management(place: str) -> bool:
    return MANAGEMENT in _unquoted(place).split("/")


def _unquoted(text: str) -> str:
    return unquote(text, errors="replace")


@dataclass(frozen=True, slots=True)
class _Mapping:
    key: list[str]
    stage: int


def _by_domain(stages: Iterable[WebSocketApi]) -> dict[str, list[_Mapping]]:
    domains: dict[str, list[_Mapping]] = {}
    for index, stage in enumerate(stages):
        for base in stage.base_paths:
            key = base.key.split("/") if base.key else []
            domains.setdefault(base.domain.lower(), []).append(_Mapping(key, index))
    for mappings in domains.values():
        mappings.sort(key=lambda mapping: -len(mapping.key))
    return domains


def _name(host: str) -> str:
    """Return a host without its port. An IPv6 address is cut short: it never names a domain."""
    return host.partition(":")[0].rstrip(".").lower()
