"""Selection expressions: which route, or which template, a message asks for.

docs/aws-behaviour.md §5.

An expression is one `$request.body.path`, or any mix of `${request.body.path}` and literal text. It
is read once, when the gateway starts; what is not known is refused then, not when a message comes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

Variables = Mapping[str, Any]
"""By root: `request.body` is the parsed message, `integration.response.statuscode` a number, ..."""

REQUEST_ROOTS = ("request.body",)
INTEGRATION_ROOTS = (
    "request.body",
    "integration.response.statuscode",
    "integration.response.header",
    "integration.response.multivalueheader",
)

_MISSING = object()


class ExpressionError(ValueError):
    """An expression that this gateway cannot evaluate."""


@dataclass(frozen=True)
class Reference:
    root: str
    path: tuple[str | int, ...]

    def read(self, variables: Variables) -> str:
        try:
            value = walk(variables.get(self.root), self.path)
            return value if isinstance(value, str) else as_text(value)
        except RecursionError:  # arrays nested a thousand deep name no route
            return ""


@dataclass(frozen=True)
class Selection:
    """An expression, ready to be evaluated."""

    parts: tuple[str | Reference, ...]

    @cached_property
    def literal(self) -> str | None:
        """The value, when no message can change it."""
        parts = [part for part in self.parts if isinstance(part, str)]
        return "".join(parts) if len(parts) == len(self.parts) else None

    @cached_property
    def single(self) -> Reference | None:
        """The reference, when there is nothing beside it: `$request.body.action`, mostly."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only if isinstance(only, Reference) else None

    def value(self, variables: Variables) -> str:
        if self.literal is not None:
            return self.literal
        if self.single is not None:
            return self.single.read(variables)
        return "".join(
            part if isinstance(part, str) else part.read(variables) for part in self.parts
        )


def compile_selection(expression: str, roots: tuple[str, ...] = REQUEST_ROOTS) -> Selection:
    """Read an expression. Raises ExpressionError for what it does not know."""
    if expression.startswith("$") and not expression.startswith("${"):
        return Selection((_reference(expression[1:], expression, roots),))
    return Selection(tuple(_parts(expression, roots)))


def parse_body(text: str) -> Any:
    """The JSON value of a message, or None when the text is not JSON.

    docs/aws-behaviour.md §5.4.
    """
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return None


def walk(value: Any, path: tuple[str | int, ...]) -> Any:
    """Follow a path into a JSON value; None where it leads nowhere."""
    for step in path:
        value = _step(value, step)
        if value is _MISSING:
            return None
    return value


def as_text(value: Any) -> str:
    """The text of a value: a list is `[item1, item2]`, a missing one is empty.

    docs/aws-behaviour.md §5.2.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(as_text, value))}]"
        case dict():
            return json.dumps(value)
        case _:
            return str(value)


def parse_path(path: str) -> tuple[str | int, ...]:
    """`a.b[0].c` as steps. Raises ExpressionError for the rest of JSONPath (filters, wildcards)."""
    if not _PATH.fullmatch(path):
        raise ExpressionError(f"the path {path!r} is more than names and [indexes] joined by dots")
    return tuple(
        int(index) if index else name or quoted for name, index, quoted in _STEPS.findall(path)
    )


_NAME = r"[A-Za-z0-9_$@-]+"
_STEPS = re.compile(rf"({_NAME})|\[(\d{{1,6}})\]|\['([^'\]]+)'\]")
_PATH = re.compile(
    rf"(?:{_NAME}|\[\d{{1,6}}\]|\['[^'\]]+'\])(?:\.{_NAME}|\[\d{{1,6}}\]|\['[^'\]]+'\])*"
)
# `\$default` is how a literal dollar is written (docs/aws-behaviour.md §5.1).
_TOKEN = re.compile(r"\\\$|\$\{([^}]*)\}|[^\\$]+|[\\$]")


def _parts(expression: str, roots: tuple[str, ...]) -> list[str | Reference]:
    parts: list[str | Reference] = []
    for token in _TOKEN.finditer(expression):
        if token[1] is not None:
            parts.append(_reference(token[1], expression, roots))
        elif token[0] == "$":
            raise ExpressionError(f"{expression!r} has a lone $; write ${{...}} or \\$")
        else:
            parts.append("$" if token[0] == r"\$" else token[0])
    return parts


def _reference(text: str, expression: str, roots: tuple[str, ...]) -> Reference:
    for root in roots:
        if text == root:
            return Reference(root, ())
        if text.startswith((f"{root}.", f"{root}[")):
            return Reference(root, parse_path(text[len(root) :].removeprefix(".")))
    raise ExpressionError(f"{expression!r} refers to {text!r}; known here: {', '.join(roots)}")


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else _MISSING
    return value.get(step, _MISSING) if isinstance(value, dict) else _MISSING


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode: Callable[[str], Any] = json.JSONDecoder(parse_constant=_no_constant).decode
