"""What a value can do in a Velocity template: its text, what equals it, and its methods.

Values are JSON's. Their methods are the ones of Java's String, List, Map and Integer that templates
use; AWS documents none but `count()` and `replaceAll()` (docs/aws-behaviour.md §7.12), the rest is
what Velocity hands through from Java. All work is paid for out of a `Budget`, because a client
decides how much there is.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from wsgate.expressions.selection import as_text

MAX_WORK: Final = 200_000
MAX_TEXT: Final = 1024 * 1024
MAX_ITEMS: Final = 100_000
_LONG: Final = 2**63
# A pattern with something behind its `*` or `+` may take the square of the text's length.
_MAX_TO_SEARCH: Final = 4096
_MAX_OPTIONAL: Final = 8
_OF_A_MATCH: Final = 4


class RenderError(Exception):
    """A template that could not be rendered: what it did is in the message."""


class Budget:
    """How much one rendering may do."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_WORK

    def spend(self, work: int = 1) -> None:
        self._left -= work
        if self._left < 0:
            raise RenderError("the mapping template does too much work")

    def of_text(self, text: str) -> str:
        """A text that was made or read."""
        if len(text) > MAX_TEXT:
            raise RenderError(f"the mapping template makes a text of more than {MAX_TEXT}")
        self.spend(1 + len(text) // 64)
        return text


def text_of(value: Any, budget: Budget) -> str:
    """How a value is printed. GUESS: null is empty, a list and a map as Java prints them."""
    if isinstance(value, str):
        return budget.of_text(value)
    if not isinstance(value, list | Mapping):
        return as_text(value)
    budget.spend(1 + len(value))
    if isinstance(value, Mapping):
        items = [f"{name}={text_of(item, budget)}" for name, item in value.items()]
        return budget.of_text(f"{{{', '.join(items)}}}")
    return budget.of_text(f"[{', '.join(text_of(item, budget) for item in value)}]")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_true(value: Any) -> bool:
    """GUESS: as Velocity 1.7 has it, all but null and false is true, the empty text too."""
    return value is not None and value is not False


def are_equal(one: Any, other: Any, budget: Budget) -> bool:
    """Numbers by value, values of different kinds by their text, as Velocity 1.7 does."""
    if one is None or other is None:
        return one is other
    if is_number(one) and is_number(other):
        return bool(one == other)
    return one is other or text_of(one, budget) == text_of(other, budget)


def compare(sign: str, one: Any, other: Any) -> bool:
    """`<`, `<=`, `>`, `>=`; false for what is no number."""
    if not (is_number(one) and is_number(other)):
        return False
    return bool(_COMPARISONS[sign](one, other))


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def calculate(sign: str, one: Any, other: Any, budget: Budget) -> Any:
    """Arithmetic; `+` also joins texts. What has no result is null, as in Velocity."""
    if sign == "+" and (isinstance(one, str) or isinstance(other, str)):
        return budget.of_text(text_of(one, budget) + text_of(other, budget))
    if not (is_number(one) and is_number(other)) or (sign in "/%" and other == 0):
        return None
    try:
        result = _OPERATIONS[sign](one, other)
    except OverflowError:
        return None
    if isinstance(result, int) and not -_LONG <= result < _LONG:
        raise RenderError("the mapping template makes a number of more than 64 bits")
    return result


def _divide(one: Any, other: Any) -> Any:
    """Java's: towards zero when both are whole."""
    if isinstance(one, int) and isinstance(other, int):
        quotient = abs(one) // abs(other)
        return quotient if (one < 0) == (other < 0) else -quotient
    return one / other


def _remainder(one: Any, other: Any) -> Any:
    return (
        math.fmod(one, other)
        if isinstance(one, float) or isinstance(other, float)
        else (one - other * _divide(one, other))
    )


_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
}


def property_of(value: Any, name: str) -> Any:
    """`$value.name`: an entry of a map. `empty` asks any text, list or map."""
    if isinstance(value, Mapping):
        return value.get(name)
    if name == "empty" and isinstance(value, str | list):
        return not value
    return None


def item_of(value: Any, index: Any, budget: Budget) -> Any:
    """`$value[index]`."""
    if isinstance(value, Mapping):
        return value.get(text_of(index, budget))
    if isinstance(value, list) and isinstance(index, int) and -len(value) <= index < len(value):
        return value[index]
    return None


def call(value: Any, name: str, arguments: list[Any], budget: Budget) -> Any:
    """`$value.name(…)`; null when the value has no such method."""
    budget.spend()
    method = _methods(value).get(name) or _ANY.get(name)
    if method is None:
        return None
    try:
        return method(budget, value, *arguments)
    except (TypeError, ValueError, LookupError, AttributeError, re.error) as error:
        raise RenderError(f"the mapping template calls {name}() in a way it cannot be") from error


def check_pattern(pattern: str) -> None:
    """Raises ValueError for a pattern that a client's text could keep busy for long."""
    _compiled(pattern)


def _methods(value: Any) -> Mapping[str, Callable[..., Any]]:
    match value:
        case str():
            return _TEXT
        case list():
            return _LIST
        case Mapping():
            return _MAP
        case bool():
            return {}
        case int() | float():
            return _NUMBER
    return {}


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str], bool]:
    """The pattern, and whether it may search a long text."""
    atoms = [match[0] for match in _ATOM.finditer(pattern)]
    endless = [at for at, atom in enumerate(atoms) if atom[0] in "*+{"]
    optional = [at for at, atom in enumerate(atoms) if atom[0] == "?" and at not in _lazy(atoms)]
    if any(atoms[at - 1] == ")" for at in (*endless, *optional) if at):
        raise ValueError(f"the pattern {pattern!r} repeats a group, and wsgate has no use of that")
    if len(endless) > 1 or len(optional) > _MAX_OPTIONAL:
        raise ValueError(f"the pattern {pattern!r} repeats more than one thing")
    return re.compile(pattern), not endless or endless[0] == len(atoms) - 1


_ATOM: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!]|\{\d*,?\d*\}|.", re.DOTALL)


def _lazy(atoms: list[str]) -> set[int]:
    """Where a `?` only makes what is before it lazy."""
    return {at for at in range(1, len(atoms)) if atoms[at - 1][0] in "*+{?"}


def _searching(pattern: str, text: str) -> re.Pattern[str]:
    found, is_quick = _compiled(pattern)
    if not is_quick and len(text) > _MAX_TO_SEARCH:
        raise RenderError(f"the mapping template searches more than {_MAX_TO_SEARCH} letters")
    return found


def _replacement(text: str) -> str:
    """Java writes a group as `$1` and takes a backslash away; Python writes it `\\g<1>`."""
    return re.sub(
        r"\\(.)|\$(\d)|\\",
        lambda found: rf"\g<{found[2]}>" if found[2] else (found[1] or "").replace("\\", r"\\"),
        text,
        flags=re.DOTALL,
    )


def _replace(budget: Budget, text: str, pattern: str, by: str, count: int) -> str:
    pieces, at, size = [], 0, len(text)
    template = _replacement(by)
    literal = None if "\\" in template else template
    for done, match in enumerate(_searching(pattern, text).finditer(text)):
        if done == count != 0:
            break
        piece = match.expand(template) if literal is None else literal
        size += len(piece)
        budget.spend(_OF_A_MATCH + len(piece) // 64)
        if size > 2 * MAX_TEXT:
            raise RenderError(f"the mapping template makes a text of more than {MAX_TEXT}")
        pieces += [text[at : match.start()], piece]
        at = match.end()
    return budget.of_text("".join((*pieces, text[at:])))


def _replace_text(budget: Budget, text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * len(new) > 2 * MAX_TEXT:
        raise RenderError(f"the mapping template makes a text of more than {MAX_TEXT}")
    return budget.of_text(text.replace(old, new))


def _split(budget: Budget, text: str, pattern: str, limit: int = 0) -> list[str]:
    budget.of_text(text)
    parts = [part or "" for part in _searching(pattern, text).split(text, max(0, limit - 1))]
    budget.spend(len(parts))
    while not limit and len(parts) > 1 and not parts[-1]:  # as Java: without the empty ends
        parts.pop()
    return parts


def _substring(budget: Budget, text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise IndexError(start)
    return budget.of_text(text[start:end])


def _add(budget: Budget, items: list[Any], *value: Any) -> bool:
    """`add(value)` or `add(index, value)`."""
    if len(items) >= MAX_ITEMS:
        raise RenderError(f"the mapping template makes a list of more than {MAX_ITEMS}")
    items.insert(value[0] if len(value) > 1 else len(items), value[-1])
    return True


def _add_all(budget: Budget, items: list[Any], more: Any) -> bool:
    new = list(more)
    budget.spend(len(new))
    if len(items) + len(new) > MAX_ITEMS:
        raise RenderError(f"the mapping template makes a list of more than {MAX_ITEMS}")
    items += new
    return bool(new)


def _put(budget: Budget, items: dict[str, Any], key: Any, value: Any) -> Any:
    name = text_of(key, budget)
    before = items.get(name)
    items[name] = value
    return before


def _put_all(budget: Budget, items: dict[str, Any], more: Mapping[str, Any]) -> None:
    budget.spend(len(more))
    items.update(more)


def _set(budget: Budget, items: list[Any], index: int, value: Any) -> Any:
    before, items[index] = items[index], value
    return before


def _index(budget: Budget, items: list[Any], value: Any) -> int:
    return next((at for at, item in enumerate(items) if are_equal(item, value, budget)), -1)


def _entries(budget: Budget, items: Mapping[str, Any]) -> list[dict[str, Any]]:
    budget.spend(len(items))
    return [{"key": key, "value": value} for key, value in items.items()]


def _size(budget: Budget, value: Any) -> int:
    return len(value)


def _is_empty(budget: Budget, value: Any) -> bool:
    return not value


_ANY: Final[Mapping[str, Callable[..., Any]]] = {
    "toString": lambda budget, value: text_of(value, budget),
    "equals": lambda budget, value, other: are_equal(value, other, budget),
}
_TEXT: Final[Mapping[str, Callable[..., Any]]] = {
    "charAt": lambda budget, text, at: text[at],
    "concat": lambda budget, text, more: budget.of_text(text + more),
    "contains": lambda budget, text, part: part in budget.of_text(text),
    "endsWith": lambda budget, text, part: text.endswith(part),
    "equalsIgnoreCase": lambda budget, text, other: (
        budget.of_text(text).lower() == text_of(other, budget).lower()
    ),
    "indexOf": lambda budget, text, part, start=0: budget.of_text(text).find(part, max(0, start)),
    "isEmpty": _is_empty,
    "lastIndexOf": lambda budget, text, part: budget.of_text(text).rfind(part),
    "length": _size,
    "matches": lambda budget, text, pattern: bool(_searching(pattern, text).fullmatch(text)),
    "replace": _replace_text,
    "replaceAll": lambda budget, text, old, new: _replace(budget, text, old, new, 0),
    "replaceFirst": lambda budget, text, old, new: _replace(budget, text, old, new, 1),
    "split": _split,
    "startsWith": lambda budget, text, part: text.startswith(part),
    "substring": _substring,
    "toLowerCase": lambda budget, text: budget.of_text(text.lower()),
    "toUpperCase": lambda budget, text: budget.of_text(text.upper()),
    "trim": lambda budget, text: budget.of_text(text.strip()),
}
_LIST: Final[Mapping[str, Callable[..., Any]]] = {
    "add": _add,
    "addAll": _add_all,
    "contains": lambda budget, items, value: _index(budget, items, value) >= 0,
    "count": _size,
    "get": lambda budget, items, index: items[index],
    "indexOf": _index,
    "isEmpty": _is_empty,
    "set": _set,
    "size": _size,
}
_MAP: Final[Mapping[str, Callable[..., Any]]] = {
    "containsKey": lambda budget, items, key: text_of(key, budget) in items,
    "containsValue": lambda budget, items, value: _index(budget, list(items.values()), value) >= 0,
    "count": _size,
    "entrySet": _entries,
    "get": lambda budget, items, key: items.get(text_of(key, budget)),
    "getKey": lambda budget, items: items.get("key"),
    "getValue": lambda budget, items: items.get("value"),
    "isEmpty": _is_empty,
    "keySet": lambda budget, items: list(items),
    "put": _put,
    "putAll": _put_all,
    "remove": lambda budget, items, key: items.pop(text_of(key, budget), None),
    "size": _size,
    "values": lambda budget, items: list(items.values()),
}
_NUMBER: Final[Mapping[str, Callable[..., Any]]] = {
    "compareTo": lambda budget, number, other: (number > other) - (number < other),
    "doubleValue": lambda budget, number: float(number),
    "intValue": lambda budget, number: int(number),
    "longValue": lambda budget, number: int(number),
    # `#set($Integer = 0)` and then `$Integer.parseInt('7')`: Java's static methods, by an instance.
    "parseDouble": lambda budget, number, text: float(text[:30]),
    "parseInt": lambda budget, number, text: int(text[:30]),
    "valueOf": lambda budget, number, text: int(text[:30]),
}
METHODS: Final = frozenset({*_ANY, *_TEXT, *_LIST, *_MAP, *_NUMBER})
PATTERN_METHODS: Final = frozenset({"matches", "replaceAll", "replaceFirst", "split"})
