"""What a compiled template is made of: small functions of one rendering (see `velocity.py`)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from wsgate.expressions import velocity_values as values
from wsgate.expressions.jsonpath import JsonPathError, compile_path
from wsgate.expressions.selection import parse_body
from wsgate.expressions.velocity_values import Budget, RenderError, text_of

# A quota of REST APIs. GUESS: here too, and the loop ends there without an error.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
# (2026-11-24)
MAX_LOOPS: Final = 1000
MAX_PATH: Final = 1000
"""Characters of a JSONPath."""
# GUESS: what GatewayResponses are for does not exist here, so these are read and empty (§6).
NO_ERROR: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Params:
    """What `$input.params()` sees, which only $connect has (docs/aws-behaviour.md §7.12)."""

    querystring: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    multivaluequerystring: Mapping[str, list[str]] = field(default_factory=dict)
    multivalueheader: Mapping[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """As for REST APIs: the path (there is none), the query, then the headers."""
        lower = name.lower()
        found = (value for key, value in self.header.items() if key.lower() == lower)
        return self.querystring[name] if name in self.querystring else next(found, "")


# What is made for each message is not frozen: making a frozen one takes three times as long.
@dataclass(slots=True)
class Scope:
    """What a template can see while it is rendered."""

    context: Mapping[str, Any]
    body: str = ""
    stage_variables: Mapping[str, str] | None = None
    params: Params | None = None


class Frame:
    """One rendering."""

    __slots__ = ("_json", "_own", "budget", "halted", "names", "scope", "status")

    def __init__(self, scope: Scope, status: int | None) -> None:
        self.scope, self.status, self.budget = scope, status, Budget()
        self.names: dict[str, Any] | None = None
        self.halted = ""
        """The directive that ends the loop, or everything: `break` or `stop`."""
        self._json: Any = UNREAD
        self._own: Any = UNREAD

    @property
    def json(self) -> Any:
        """The body's JSON, as it came."""
        if self._json is UNREAD:
            self._json = _json_of(self.scope.body)
        return self._json

    @property
    def own(self) -> Any:
        """The body's JSON, which the template may change (`$input.path('$').put('a', 1)`)."""
        if self._own is UNREAD:
            self._own = _json_of(self.scope.body)
        return self._own

    def set(self, name: str, value: Any) -> None:
        if self.names is None:
            self.names = {}
        self.names[name] = value

    def get(self, name: str) -> Any:
        return None if self.names is None else self.names.get(name)


UNREAD: Final = object()


def _json_of(body: str) -> Any:
    """What is no JSON is a text: templates for forms rely on `$input.path('$').split('&')`.

    GUESS: no body at all is an empty object, as for REST APIs.
    """
    value = parse_body(body) if body else {}
    return body if value is None and body.strip() != "null" else value


Part = Callable[[Frame], str]
Value = Callable[[Frame], Any]
Block = tuple["str | Part", ...]


@dataclass(frozen=True)
class Property:
    name: str


@dataclass(frozen=True)
class Method:
    name: str
    arguments: tuple[Value, ...]
    constants: tuple[Any, ...]
    """What each argument is when it is written out, else `UNREAD`."""


@dataclass(frozen=True)
class Index:
    value: Value
    constant: Any


Access = Property | Method | Index


def run(block: Block, frame: Frame) -> str:
    texts = []
    for part in block:
        texts.append(part if isinstance(part, str) else part(frame))
        if frame.halted:
            break
    return "".join(texts)


class FunctionLine:
    """A value that is quick to print."""

    __slots__ = ("_value", "print")

    def __init__(self, print_it: Part, value: Value) -> None:
        self.print, self._value = print_it, value

    def __call__(self, frame: Frame) -> Any:
        return self._value(frame)


def merged(parts: list[str | Part]) -> Block:
    merged: list[str | Part] = []
    for part in parts:
        one = part.print if isinstance(part, FunctionLine) else part
        if isinstance(one, str) and merged and isinstance(merged[-1], str):
            merged[-1] += one
        elif one != "":
            merged.append(one)
    return tuple(merged)


def literal(block: Block) -> str | None:
    """The text of a block that has no variable."""
    parts = [part for part in block if isinstance(part, str)]
    return "".join(parts) if len(parts) == len(block) else None


def unindent(parts: list[str | Part]) -> None:
    """Velocity's #set takes the spaces before it."""
    if parts and isinstance(parts[-1], str):
        parts[-1] = _INDENT.sub("", parts[-1])


def printed(value: Value) -> Part:
    return lambda frame: text_of(value(frame), frame.budget)


def constant(value: Any) -> tuple[Value, Any]:
    return (lambda frame: value), value


def named(name: str) -> Value:
    return lambda frame: frame.get(name)


def accessed(value: Value, accesses: list[Access]) -> Value:
    for access in accesses:
        value = _access_of(value, access)
    return value


def _access_of(value: Value, access: Access) -> Value:
    match access:
        case Property(name):
            return lambda frame: values.property_of(value(frame), name)
        case Index(index, _):
            return lambda frame: values.item_of(value(frame), index(frame), frame.budget)
        case Method(name, arguments, _):
            return lambda frame: values.call(
                value(frame), name, [argument(frame) for argument in arguments], frame.budget
            )


def halt(word: str) -> Part:
    def halt(frame: Frame) -> str:
        frame.halted = word
        return ""

    return halt


def assign(name: str, value: Value) -> Part:
    def assign(frame: Frame) -> str:
        frame.budget.spend()
        frame.set(name, value(frame))
        return ""

    return assign


def assign_inside(holder: Value, access: Access, value: Value) -> Part:
    """`#set($map.name = …)` and `#set($list[0] = …)`."""

    def assign(frame: Frame) -> str:
        frame.budget.spend()
        inside = holder(frame)
        key = access.name if isinstance(access, Property) else None
        if isinstance(access, Index):
            key = access.value(frame)
        if isinstance(inside, dict):
            inside[text_of(key, frame.budget)] = value(frame)
        elif isinstance(inside, list) and isinstance(key, int) and 0 <= key < len(inside):
            inside[key] = value(frame)
        return ""

    return assign


def choice(branches: tuple[tuple[Value | None, Block], ...]) -> Part:
    def choose(frame: Frame) -> str:
        for condition, block in branches:
            if condition is None or values.is_true(condition(frame)):
                return run(block, frame)
        return ""

    return choose


def loop(name: str, items: Value, block: Block) -> Part:
    def loop(frame: Frame) -> str:
        found = _items(items(frame))
        before = {key: frame.get(key) for key in (name, "foreach", "velocityCount")}
        texts, size = [], 0
        for index, item in enumerate(found[:MAX_LOOPS]):
            frame.budget.spend()
            frame.set(name, item)
            frame.set("foreach", _position(index, len(found), before["foreach"]))
            frame.set("velocityCount", index + 1)
            texts.append(run(block, frame))
            size += len(texts[-1])
            if size > values.MAX_TEXT:
                raise RenderError(
                    f"the mapping template makes a text of more than {values.MAX_TEXT}"
                )
            if frame.halted:
                frame.halted = "" if frame.halted == "break" else frame.halted
                break
        for key, value in before.items():
            frame.set(key, value)
        return "".join(texts)

    return loop


def _items(value: Any) -> list[Any]:
    """A list's items, a map's values; anything else has none."""
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _position(index: int, size: int, parent: Any) -> dict[str, Any]:
    last = index == size - 1
    return {
        "index": index,
        "count": index + 1,
        "hasNext": not last,
        "first": index == 0,
        "last": last,
        "parent": parent,
    }


def counting(first: Value, last: Value) -> Value:
    def count(frame: Frame) -> Any:
        start, end = first(frame), last(frame)
        if not (isinstance(start, int) and isinstance(end, int)):
            return None
        frame.budget.spend(min(abs(end - start), values.MAX_WORK + 1))
        step = 1 if start <= end else -1
        return list(range(start, end + step, step))

    return count


def operation(sign: str, left: Value, right: Value) -> Value:
    match sign:
        case "||":
            return lambda frame: values.is_true(left(frame)) or values.is_true(right(frame))
        case "&&":
            return lambda frame: values.is_true(left(frame)) and values.is_true(right(frame))
        case "==":
            return lambda frame: values.are_equal(left(frame), right(frame), frame.budget)
        case "!=":
            return lambda frame: not values.are_equal(left(frame), right(frame), frame.budget)
        case "<" | "<=" | ">" | ">=":
            return lambda frame: values.compare(sign, left(frame), right(frame))
    return lambda frame: values.calculate(sign, left(frame), right(frame), frame.budget)


def stage_variables(accesses: list[Access]) -> Value:
    match accesses:
        case [Property(name)] | [Index(_, str() as name)]:
            return FunctionLine(
                lambda frame: (frame.scope.stage_variables or {}).get(name, ""),
                lambda frame: (frame.scope.stage_variables or {}).get(name),
            )
    return accessed(lambda frame: copied(frame.scope.stage_variables or {}), accesses)


def status_of(frame: Frame) -> dict[str, int]:
    return {} if frame.status is None else {"status": frame.status}


def copied(value: Mapping[str, Any]) -> dict[str, Any]:
    """A template may change what it gets, and the connection's own facts stay as they are."""
    return {key: dict(item) if isinstance(item, Mapping) else item for key, item in value.items()}


def value_at(path: Value, *, as_it_came: bool = False) -> Value:
    def find(frame: Frame) -> Any:
        frame.budget.spend()
        text = text_of(path(frame), frame.budget)
        if len(text) > MAX_PATH:  # a message may hold it, and paths are kept
            raise RenderError(f"the mapping template asks for a path of more than {MAX_PATH}")
        try:
            return compile_path(text).find(frame.json if as_it_came else frame.own)
        except JsonPathError as error:
            raise RenderError(f"the mapping template asks for {error}") from error

    return find


def json_at(path: Value) -> Value:
    """The JSON of what the path finds. GUESS: without spaces, and `null` where it finds nothing."""
    find = value_at(path, as_it_came=True)

    def dump(frame: Frame) -> str:
        text = json.dumps(find(frame), ensure_ascii=False, separators=(",", ":"))
        return frame.budget.of_text(text)

    return dump


def all_params(params: Params | None) -> dict[str, Any]:
    params = params or Params()
    return {"path": {}, "querystring": dict(params.querystring), "header": dict(params.header)}


def param(name: Value) -> Value:
    """`$input.params('name')`; it also stands for one map: `$input.params().header`."""

    def find(frame: Frame) -> Any:
        wanted = text_of(name(frame), frame.budget)
        everything = all_params(frame.scope.params)
        if wanted in everything:
            return everything[wanted]
        return (frame.scope.params or Params()).one(wanted)

    return find


def called(function: Callable[[str], Any], argument: Value) -> Value:
    def called(frame: Frame) -> Any:
        made = function(text_of(argument(frame), frame.budget))
        return frame.budget.of_text(made) if isinstance(made, str) else made

    return called


def _escape_javascript(text: str) -> str:
    """As JSON escapes, and the single quote too: that is what AWS documents for JSON templates."""
    return json.dumps(text)[1:-1].replace("'", r"\'")


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text).decode(errors="replace")
    except (binascii.Error, ValueError) as error:
        raise RenderError("the mapping template decodes what is not base64") from error


UTIL: Final[Mapping[str, Callable[[str], Any]]] = {
    "escapeJavaScript": _escape_javascript,
    "parseJson": parse_body,
    "urlEncode": quote_plus,
    "urlDecode": unquote_plus,
    "base64Encode": lambda text: base64.b64encode(text.encode(errors="replace")).decode("ascii"),
    "base64Decode": _from_base64,
}


_INDENT = re.compile(r"[ \t]+\Z")
