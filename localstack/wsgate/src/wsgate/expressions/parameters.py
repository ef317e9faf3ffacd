"""Data mapping: single values from a request into the backend's, and from its answer to the client.

docs/aws-behaviour.md §7.11;
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-data-mapping.html
(2026-11-24). What is written wrong is refused when the gateway starts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wsgate.expressions.selection import ExpressionError, as_text, parse_body, parse_path, walk
from wsgate.expressions.velocity import CONTEXT_GROUPS, CONTEXT_NAMES, Params, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wsgate.model.events import Handshake, Pairs

Values = tuple[str, ...]
"""None, one, or from a `multivalue…` source many."""


class ParameterError(ValueError):
    """A mapping that this gateway cannot read."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the parameters add to a request of an integration."""

    headers: Pairs
    query: Pairs
    path: Mapping[str, str] = field(default_factory=dict)


class RequestParameters:
    """`integration.request.{header,querystring,path}.NAME` and where each comes from."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = [
            (*compile_target(target), compile_source(source))
            for target, source in parameters.items()
        ]

    def values(self, scope: Scope) -> Mapped:
        found: dict[str, list[tuple[str, str]]] = {"header": [], "querystring": [], "path": []}
        for place, name, source in self._parameters:
            found[place] += [(name, value) for value in source(scope)]
        return Mapped(tuple(found["header"]), tuple(found["querystring"]), dict(found["path"]))


class ResponseParameters:
    """`route.response.header.NAME` of an integration response: $connect answers with it (§7.7).

    The subprotocol is the one header that a client gets (docs/aws-behaviour.md §2.6).
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = [
            (_response_header(target), _response_source(source))
            for target, source in parameters.items()
        ]

    def values(self, scope: Scope, body: str, headers: Pairs) -> dict[str, str]:
        """By lower-case name; a value that is not there is left out."""
        answer = _Answer(scope, body, headers)
        found = ((name, source(answer)) for name, source in self._parameters)
        return {name: values[-1] for name, values in found if values}


def params_of(handshake: Handshake, headers: Pairs) -> Params:
    """What $connect's templates and mappings can ask of the upgrade request."""
    query = handshake.parameters
    return Params(dict(query), dict(headers), _by_name(query), _by_name(headers))


def missing(required: tuple[str, ...], handshake: Handshake) -> str | None:
    """The first `route.request.{header,querystring}.NAME` that a handshake lacks."""
    if not required:
        return None
    headers = {name.lower() for name, _ in handshake.headers}
    query = {name for name, _ in handshake.parameters}
    for parameter in required:
        place, _, name = parameter.removeprefix("route.request.").partition(".")
        is_there = name.lower() in headers if place == "header" else name in query
        if not is_there:
            return parameter
    return None


def check_route_parameter(name: str) -> None:
    """Raises ParameterError for what a route cannot ask of a handshake."""
    if not _ROUTE_PARAMETER.fullmatch(name):
        raise ParameterError(
            f"{name!r} is neither route.request.header.NAME nor route.request.querystring.NAME"
        )


def route_parameter(source: str) -> str | None:
    """The route's own parameter that a mapping's source reads, if it reads one."""
    match = _OF_HANDSHAKE.fullmatch(source)
    return f"route.request.{match[1].removeprefix('multivalue')}.{match[2]}" if match else None


def compile_target(target: str) -> tuple[str, str]:
    """Read the left side of a mapping: where, and which name. Raises ParameterError."""
    match = _TARGET.fullmatch(target)
    if match is None:
        raise ParameterError(
            f"{target!r} is none of integration.request.{{header,querystring,path}}.NAME"
        )
    return match[1], match[2]


def compile_source(source: str) -> Callable[[Scope], Values]:
    """Read the right side of a mapping. Raises ParameterError."""
    if (static := _STATIC.fullmatch(source)) is not None:
        constant = (static[1],)
        return lambda scope: constant
    if (match := _OF_HANDSHAKE.fullmatch(source)) is not None:
        return _of_handshake(*match.groups())
    root, _, rest = source.partition(".")
    if root == "stageVariables" and _NAME.fullmatch(rest):
        return lambda scope: _values((scope.stage_variables or {}).get(rest))
    if root == "context":
        return _of_context(rest, source)
    for prefix in ("route.request.body", "method.request.body"):
        if source == prefix or source.startswith((f"{prefix}.", f"{prefix}[")):
            return _of_body(source[len(prefix) :].removeprefix("."), source)
    raise ParameterError(
        f"{source!r} is none of route.request.{{header,querystring,body}}.NAME, context.NAME, "
        "stageVariables.NAME and 'text in single quotes'"
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    scope: Scope
    body: str
    headers: Pairs


_NAME: Final = re.compile(r"[A-Za-z0-9._$-]+")
_STATIC: Final = re.compile(r"'([^\r\n]*)'")
_OF_HANDSHAKE: Final = re.compile(
    r"(?:route|method)\.request\.(header|querystring|multivalueheader|multivaluequerystring)"
    r"\.([A-Za-z0-9._$-]+)"
)
_ROUTE_PARAMETER: Final = re.compile(r"route\.request\.(header|querystring)\.([A-Za-z0-9._$-]+)")
_TARGET: Final = re.compile(r"integration\.request\.(header|querystring|path)\.([A-Za-z0-9._$-]+)")
_RESPONSE_TARGET: Final = re.compile(r"(?:route|method)\.response\.header\.([A-Za-z0-9._$-]+)")
_RESPONSE_SOURCE: Final = re.compile(r"integration\.response\.(header|body)\.(.+)")


def _of_handshake(place: str, name: str) -> Callable[[Scope], Values]:
    """GUESS: upper and lower case do not matter in a header's name; a missing value is left out."""
    is_header = place.endswith("header")

    def find(scope: Scope) -> Values:
        found: Mapping[str, Any] = getattr(scope.params, place, {})
        if is_header:
            found = {key.lower(): value for key, value in found.items()}
        value = found.get(name.lower() if is_header else name)
        return tuple(value) if isinstance(value, list) else _values(value)

    return find


def _of_context(name: str, source: str) -> Callable[[Scope], Values]:
    first, _, rest = name.partition(".")
    if first in CONTEXT_NAMES and not rest:
        return lambda scope: _values(scope.context.get(first))
    if first in CONTEXT_GROUPS and _NAME.fullmatch(rest):
        return lambda scope: _values((scope.context.get(first) or {}).get(rest))
    raise ParameterError(f"{source!r} is no variable of the context that wsgate knows")


def _of_body(path: str, source: str) -> Callable[[Scope], Values]:
    if not path:
        return lambda scope: (scope.body,)
    steps = _steps(path, source)
    return lambda scope: _values(walk(parse_body(scope.body), steps))


def _response_header(target: str) -> str:
    match = _RESPONSE_TARGET.fullmatch(target)
    if match is None:
        raise ParameterError(f"{target!r} is not route.response.header.NAME")
    return match[1].lower()


def _response_source(source: str) -> Callable[[_Answer], Values]:
    match = _RESPONSE_SOURCE.fullmatch(source)
    if match is None:
        of_request = compile_source(source)
        return lambda answer: of_request(answer.scope)
    if match[1] == "header":
        wanted = match[2].lower()
        return lambda answer: tuple(v for name, v in answer.headers if name.lower() == wanted)
    steps = _steps(match[2], source)
    return lambda answer: _values(walk(parse_body(answer.body), steps))


def _steps(path: str, source: str) -> tuple[str | int, ...]:
    try:
        return parse_path(path)
    except ExpressionError as error:
        raise ParameterError(f"{source!r}: {error}") from error


def _values(value: Any) -> Values:
    return () if value is None else (as_text(value),)


def _by_name(pairs: Pairs) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
