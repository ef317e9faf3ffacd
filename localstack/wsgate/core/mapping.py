"""Mapping templates of MOCK integrations (APIGW.md §7.8-§7.12, §7.1).

API Gateway runs Velocity. What runs here is its part without directives: `$context.…`,
`$stageVariables.…`, `$input.body|json()|path()` and the `$util` functions for text. A template that
needs more (`#set`, `#if`, an unknown variable) is refused when the gateway starts, with the reason,
so that nothing is ever rendered halfway. Templates are compiled once; rendering is joining strings.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

from wsgate.core.selection import (
    INTEGRATION_ROOTS,
    ExpressionError,
    Selection,
    as_text,
    compile_selection,
    parse_body,
    parse_path,
    walk,
)

if TYPE_CHECKING:
    from wsgate.plan import MockIntegration, MockResponse

# APIGW.md §7.12. `authorizer` and `identity` are followed by a name of their own.
CONTEXT_NAMES = frozenset(
    [
        "apiId",
        "connectedAt",
        "connectionId",
        "domainName",
        "eventType",
        "extendedRequestId",
        "messageId",
        "requestId",
        "requestTime",
        "requestTimeEpoch",
        "routeKey",
        "stage",
        "status",
    ]
)
CONTEXT_GROUPS = ("authorizer", "identity")


class TemplateTextError(ValueError):
    """A mapping template, or a selection expression beside it, that this gateway cannot run."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a template can see while it is rendered."""

    context: Mapping[str, Any]
    body: str = ""
    stage_variables: Mapping[str, str] | None = None


Part = Callable[[Scope], str]


@dataclass(frozen=True)
class Rendering:
    """A compiled template."""

    parts: tuple[str | Part, ...]

    @property
    def literal(self) -> str | None:
        """The text, when it has no variable."""
        parts = [part for part in self.parts if isinstance(part, str)]
        return "".join(parts) if len(parts) == len(self.parts) else None

    def render(self, scope: Scope) -> str:
        return "".join(part if isinstance(part, str) else part(scope) for part in self.parts)


@dataclass(frozen=True)
class MockAnswer:
    status: int
    text: str


class Mock:
    """A MOCK integration, compiled. Raises TemplateTextError for what it cannot do."""

    def __init__(self, integration: MockIntegration) -> None:
        try:
            self._request = _Templates(integration.template_selection, integration.templates)
            self._responses = tuple(map(_Response, integration.responses))
        except ExpressionError as error:
            raise TemplateTextError(str(error)) from error
        # A heartbeat's status never changes: it is looked up once.
        fixed = self._request.fixed
        self._fixed_status = None if fixed is None else _status_of(fixed)

    def answer(self, scope: Scope) -> MockAnswer | None:
        """Status and frame, or None when the templates do not lead to a response.

        The request template makes JSON with an integer `statusCode`; that number selects the
        response, and the rendered text of its template is the frame, verbatim (APIGW.md §7.1).
        """
        status = self._status(scope)
        response = status is not None and self._response(status)
        if status is None or not response:
            return None
        variables = {"request.body": parse_body(scope.body)} if response.reads_body else {}
        template = response.templates.select(variables | {_STATUS_ROOT: status})
        return MockAnswer(status, template.render(scope) if template else "")

    def _status(self, scope: Scope) -> int | None:
        if self._fixed_status is not None:
            return self._fixed_status
        variables = {"request.body": parse_body(scope.body)} if self._request.reads_body else {}
        template = self._request.select(variables)
        return _status_of(template.render(scope) if template else scope.body)

    def _response(self, status: int) -> _Response | None:
        matching = (r for r in self._responses if r.pattern and r.pattern.fullmatch(str(status)))
        default = (r for r in self._responses if r.pattern is None)
        return next(matching, None) or next(default, None)


def compile_template(text: str) -> Rendering:
    """Read a template. Raises TemplateTextError for a directive or a variable that is not known."""
    if directive := _DIRECTIVE.search(text):
        raise TemplateTextError(
            f"the mapping template uses {directive[0]!r}; wsgate runs templates without directives"
        )
    parts: list[str | Part] = []
    at = 0
    while at < len(text):
        part, at = _next_part(text, at)
        parts.append(part)
    return Rendering(_merged(parts))


_STATUS_ROOT = "integration.response.statuscode"
_DIRECTIVE = re.compile(
    r"##|#\*|#\[\[|#\{?(?:set|if|elseif|else|end|foreach|macro|parse|include|stop|break|evaluate|define)\b"
)
_PLAIN = re.compile(r"[^$\\]+|\\\$|\\")
_VARIABLE = re.compile(r"\$!?(\{)?(context|stageVariables)\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)*)")
_CALL = re.compile(r"\$!?(\{)?(input|util)\.([A-Za-z0-9]+)")
_REFERENCE = re.compile(r"\$!?\{?[A-Za-z_][\w.]*")
# In double quotes Velocity looks for variables; a dollar before a dot or a bracket is just that.
_STRING = re.compile(r"""\(\s*(?:'([^']*)'|"((?:[^"$]|\$(?![A-Za-z{!]))*)")\s*\)""")


def _status_of(text: str) -> int | None:
    made = parse_body(text)
    status = made.get("statusCode") if isinstance(made, dict) else None
    return status if isinstance(status, int) and not isinstance(status, bool) else None


class _Templates:
    """Templates by key, and the expression that chooses among them (APIGW.md §7.9)."""

    def __init__(self, expression: str | None, texts: Mapping[str, str]) -> None:
        self._selection = None if expression is None else _selection(expression)
        self._templates = {key: compile_template(text) for key, text in texts.items()}
        self.reads_body = self._selection is not None and any(
            not isinstance(part, str) and part.root == "request.body"
            for part in self._selection.parts
        )

    @property
    def fixed(self) -> str | None:
        """The text, when neither the choice nor the template depends on a message."""
        template = None if self.reads_body else self.select({})
        return None if template is None else template.literal

    def select(self, variables: Mapping[str, Any]) -> Rendering | None:
        """The selected template, else `$default`; without an expression also the only one there is.

        The last rule is how the AWS CLI's sample with the key `application/json` works (§7.1).
        """
        if self._selection is not None:
            chosen = self._templates.get(self._selection.value(variables))
            return chosen or self._templates.get("$default")
        only = next(iter(self._templates.values())) if len(self._templates) == 1 else None
        return self._templates.get("$default", only)


class _Response:
    """One integration response: `$default`, or `/regex/` over the status (APIGW.md §7.8)."""

    def __init__(self, response: MockResponse) -> None:
        self.pattern = None if response.key == "$default" else _pattern(response.key)
        self.templates = _Templates(response.template_selection, response.templates)
        self.reads_body = self.templates.reads_body


def _selection(expression: str) -> Selection:
    return compile_selection(expression, INTEGRATION_ROOTS)


def _pattern(key: str) -> re.Pattern[str]:
    if not (key.startswith("/") and key.endswith("/") and key.strip("/")):
        raise TemplateTextError(f"the integration response key {key!r} is not $default or /regex/")
    try:
        return re.compile(key[1:-1])
    except re.error as error:
        raise TemplateTextError(f"the integration response key {key!r}: {error}") from error


def _next_part(text: str, at: int) -> tuple[str | Part, int]:
    if plain := _PLAIN.match(text, at):
        return ("$" if plain[0] == r"\$" else plain[0]), plain.end()
    if (variable := _VARIABLE.match(text, at)) or _CALL.match(text, at):
        part, end = _variable(variable) if variable else _call(text, at)
        return part, _closed(text, at, end)
    if unknown := _REFERENCE.match(text, at):
        raise TemplateTextError(
            f"the mapping template uses {unknown[0]!r}, which wsgate does not know"
        )
    return "$", at + 1


def _closed(text: str, start: int, end: int) -> int:
    """Past the `}` of a reference written `${…}`."""
    if "{" not in text[start : start + 3]:
        return end
    if text[end : end + 1] != "}":
        raise TemplateTextError(f"the mapping template leaves {text[start:end]!r} open")
    return end + 1


def _variable(match: re.Match[str]) -> tuple[Part, int]:
    _, root, name = match.groups()
    if root == "stageVariables":
        return (lambda scope: as_text((scope.stage_variables or {}).get(name))), match.end()
    first, *rest = name.split(".")
    if first in CONTEXT_NAMES and not rest:
        return (lambda scope: as_text(scope.context.get(first))), match.end()
    if first in CONTEXT_GROUPS and len(rest) == 1:
        key = rest[0]
        return (lambda scope: as_text((scope.context.get(first) or {}).get(key))), match.end()
    raise TemplateTextError(
        f"the mapping template uses '$context.{name}', which wsgate does not know"
    )


def _call(text: str, at: int) -> tuple[Part, int]:
    match = _CALL.match(text, at)
    if match is None:
        raise TemplateTextError(
            f"the mapping template has no $input or $util at {text[at : at + 20]!r}"
        )
    _, root, name = match.groups()
    return _input(text, name, match.end()) if root == "input" else _util(text, name, match.end())


def _input(text: str, name: str, end: int) -> tuple[Part, int]:
    if name == "body":
        return (lambda scope: scope.body), end
    argument = _STRING.match(text, end)
    if name not in {"json", "path"} or argument is None:
        raise TemplateTextError(
            f"the mapping template uses '$input.{name}', which wsgate does not know"
        )
    steps = _json_path(argument[1] if argument[1] is not None else argument[2])
    if name == "json":
        return (lambda scope: json.dumps(_at(scope, steps), ensure_ascii=False)), argument.end()
    return (lambda scope: as_text(_at(scope, steps))), argument.end()


def _json_path(path: str) -> tuple[str | int, ...]:
    if path == "$":
        return ()
    if not path.startswith(("$.", "$[")):
        raise TemplateTextError(f"the path {path!r} of the mapping template does not begin with $")
    try:
        return parse_path(path[1:].removeprefix("."))
    except ExpressionError as error:
        raise TemplateTextError(f"{error}, in a mapping template") from error


def _at(scope: Scope, steps: tuple[str | int, ...]) -> Any:
    return walk(parse_body(scope.body), steps)


def _util(text: str, name: str, end: int) -> tuple[Part, int]:
    function = _UTIL.get(name)
    if function is None or text[end : end + 1] != "(":
        raise TemplateTextError(
            f"the mapping template uses '$util.{name}', which wsgate does not know"
        )
    inner, end = _argument(text, end)
    return (lambda scope: function(inner(scope))), end


def _argument(text: str, at: int) -> tuple[Part, int]:
    if string := _STRING.match(text, at):
        literal = string[1] if string[1] is not None else string[2]
        return (lambda scope: literal), string.end()
    part, end = _next_part(text, at + 1)
    if isinstance(part, str) or text[end : end + 1] != ")":
        raise TemplateTextError(
            f"the mapping template's argument {text[at : end + 1]!r} is not one text or variable"
        )
    return part, end + 1


def _escape_javascript(text: str) -> str:
    """As JSON escapes, and the single quote too: that is what AWS documents for JSON templates."""
    return json.dumps(text)[1:-1].replace("'", r"\'")


_UTIL: Mapping[str, Callable[[str], str]] = {
    "escapeJavaScript": _escape_javascript,
    "urlEncode": quote_plus,
    "urlDecode": unquote_plus,
    "base64Encode": lambda text: base64.b64encode(text.encode(errors="replace")).decode("ascii"),
    "base64Decode": lambda text: base64.b64decode(text).decode(errors="replace"),
}


def _merged(parts: list[str | Part]) -> tuple[str | Part, ...]:
    merged: list[str | Part] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return tuple(merged)
