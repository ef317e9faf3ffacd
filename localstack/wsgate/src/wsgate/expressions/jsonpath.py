"""The JSONPath of mapping templates: `$input.path('$.a[0]')`, `$input.json('$..id')` (§7.12).

Names, indexes (from the end too), slices, `*`, `..` and filters of one comparison are known. As in
the JSONPath that AWS links to (https://github.com/json-path/JsonPath, 2026-11-24), a path that can
find many values finds a list, and any other path one value or null.
"""

from __future__ import annotations

import json
import operator
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FOUND = 100_000
"""Values that one path may visit: `$..*..*` over a client's message is no way to stop a node."""


class JsonPathError(ValueError):
    """A path that is none, or that asks for what is not known here."""


class TooManyError(Exception):
    """A path that visits more values than anybody needs."""


@dataclass(frozen=True, slots=True)
class _Every:
    pass


@dataclass(frozen=True, slots=True)
class _Slice:
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class _Anywhere:
    """`..` before the next step."""


@dataclass(frozen=True, slots=True)
class _Items:
    """What a filter looks at: a list's items, or the one value."""


@dataclass(frozen=True, slots=True)
class _Where:
    """`[?(@.path == 'text')]`, or `[?(@.path)]` for what has it at all."""

    path: JsonPath
    sign: str | None
    wanted: Any

    def holds(self, item: Any) -> bool:
        found = self.path.find(item)
        if self.sign is None:
            return found is not None
        if self.sign in {"==", "!="}:
            return (found == self.wanted) is (self.sign == "==")
        both = (found, self.wanted)
        if not (all(map(_is_number, both)) or all(isinstance(one, str) for one in both)):
            return False
        return bool(_COMPARISONS[self.sign](found, self.wanted))


Step = str | int | _Every | _Slice | _Anywhere | _Items | _Where


@dataclass(frozen=True, slots=True)
class JsonPath:
    steps: tuple[Step, ...]

    @property
    def finds_many(self) -> bool:
        return any(not isinstance(step, str | int) for step in self.steps)

    def find(self, value: Any) -> Any:
        """The value, or the list of values. Raises TooManyError."""
        if not self.finds_many:
            return self._follow(value)
        found, visited = [value], 0
        for step in self.steps:
            after: list[Any] = []
            for one in found:
                for next_one in _apply(one, step):
                    visited += 1
                    if visited > MAX_FOUND:
                        raise TooManyError(f"a path visits more than {MAX_FOUND} values")
                    after.append(next_one)
            found = after
        return found

    def _follow(self, value: Any) -> Any:
        for step in self.steps:
            value = next(_apply(value, step), None)
        return value


@lru_cache(maxsize=1024)
def compile_path(path: str) -> JsonPath:
    """Read a path. Raises JsonPathError."""
    if not path.startswith("$"):
        raise JsonPathError(f"the path {path!r} does not begin with $")
    steps: list[Step] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise JsonPathError(f"the path {path!r} has {path[at : at + 10]!r}, which is not known")
        steps += _steps(match)
        at = match.end()
    return JsonPath(tuple(steps))


_NAME = r"[^\s.\[\]()'\"*,:?@]+"
_STEP = re.compile(
    rf"""(?P<deep>\.\.(?=[^.]))?(?:
        (?:(?<=\.\.)|\.)(?P<name>{_NAME})
      | (?P<every>(?:(?<=\.\.)|\.)\*|\.?\[\*\])
      | \.?\[(?P<index>-?\d{{1,9}})\]
      | \.?\[(?P<start>-?\d{{0,9}}):(?P<end>-?\d{{0,9}})\]
      | \.?\[\?\(\s*@(?P<where>[^\s=!<>()]*)\s*
            (?:(?P<sign>==|!=|<=|>=|<|>)\s*(?P<wanted>'[^']*'|"[^"]*"|[\w.+-]+)\s*)?\)\]
      | \.?\[(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)")\]
    )""",
    re.VERBOSE,
)


def _steps(match: re.Match[str]) -> list[Step]:
    found = match.groupdict()
    before: list[Step] = [_Anywhere()] if found["deep"] else []
    if found["every"]:
        return [*before, _Every()]
    if found["index"]:
        return [*before, int(found["index"])]
    if found["start"] is not None:
        ends = (int(end) if end else None for end in (found["start"], found["end"]))
        return [*before, _Slice(*ends)]
    if found["where"] is not None:
        return [*before, _Items(), _where(found["where"], found["sign"], found["wanted"])]
    names = (found["name"], found["single"], found["double"])
    return [*before, next(name for name in names if name is not None)]


def _where(path: str, sign: str | None, wanted: str | None) -> _Where:
    inner = compile_path(f"${path}")
    if inner.finds_many:
        raise JsonPathError(f"the filter {path!r} can find many values, and must find one")
    if wanted is None:
        return _Where(inner, None, None)
    text = f'"{wanted[1:-1]}"' if wanted[0] == "'" else wanted
    try:
        return _Where(inner, sign, json.loads(text, strict=False))
    except ValueError as error:
        raise JsonPathError(f"{wanted!r} is nothing that a path can compare with") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def _apply(value: Any, step: Step) -> Iterator[Any]:
    match step:
        case str():
            if isinstance(value, dict) and step in value:
                yield value[step]
        case int():
            if isinstance(value, list) and -len(value) <= step < len(value):
                yield value[step]
        case _Every():
            yield from _children(value)
        case _Slice(start, end):
            yield from value[start:end] if isinstance(value, list) else ()
        case _Items():
            yield from value if isinstance(value, list) else (value,)
        case _Where():
            if step.holds(value):
                yield value
        case _Anywhere():
            yield from _everything(value)


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _everything(value: Any) -> Iterator[Any]:
    """The value and all that is in it, outermost first."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(list(_children(one)))
