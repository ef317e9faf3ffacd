"""Mapping templates: Velocity as API Gateway runs it (APIGW.md §7.9, §7.12).

https://velocity.apache.org/engine/1.7/user-guide.html (2026-11-24). A template is read once, when
the gateway starts, and becomes a tuple of texts and small functions: rendering one without
directives is joining strings, which is what a heartbeat costs. What is not known (a variable that
nothing sets, `#macro`) is refused at the start with its line, so that nothing is rendered halfway.

Rendering is bounded (see `Budget`): a client's message can make it fail, never run for long.
GUESS: a null is printed as an empty text, as generated templates rely on, not as its own source.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from wsgate.core import velocity_values as values
from wsgate.core.jsonpath import JsonPathError, TooManyError, compile_path
from wsgate.core.selection import as_text, parse_body
from wsgate.core.velocity_values import Budget, RenderError, text_of

# APIGW.md §7.12. The groups are followed by a name of their own.
CONTEXT_NAMES: Final = frozenset(
    [
        "apiId",
        "connectedAt",
        "connectionId",
        "disconnectReason",
        "disconnectStatusCode",
        "domainName",
        "eventType",
        "extendedRequestId",
        "messageDirection",
        "messageId",
        "requestId",
        "requestTime",
        "requestTimeEpoch",
        "routeKey",
        "stage",
        "status",
    ]
)
CONTEXT_GROUPS: Final = ("authorizer", "error", "identity")
# A quota of REST APIs. GUESS: here too, and the loop ends there without an error.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
# (2026-11-24)
MOST_LOOPS: Final = 1000
MOST_PATH: Final = 1000
"""Characters of a JSONPath."""
# GUESS: what GatewayResponses are for does not exist here, so these are read and empty (§6).
NO_ERROR: Final[Mapping[str, str]] = {}


class TemplateTextError(ValueError):
    """A mapping template, or a selection expression beside it, that this gateway cannot run."""


@dataclass(frozen=True, slots=True)
class Params:
    """What `$input.params()` sees, which only $connect has (APIGW.md §7.12)."""

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
        self._json: Any = _UNREAD
        self._own: Any = _UNREAD

    @property
    def json(self) -> Any:
        """The body's JSON, as it came."""
        if self._json is _UNREAD:
            self._json = _json_of(self.scope.body)
        return self._json

    @property
    def own(self) -> Any:
        """The body's JSON, which the template may change (`$input.path('$').put('a', 1)`)."""
        if self._own is _UNREAD:
            self._own = _json_of(self.scope.body)
        return self._own

    def set(self, name: str, value: Any) -> None:
        if self.names is None:
            self.names = {}
        self.names[name] = value

    def get(self, name: str) -> Any:
        return None if self.names is None else self.names.get(name)


_UNREAD: Final = object()


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
class Rendering:
    """A compiled template."""

    parts: Block

    @property
    def literal(self) -> str | None:
        """The text, when it has no variable."""
        parts = [part for part in self.parts if isinstance(part, str)]
        return "".join(parts) if len(parts) == len(self.parts) else None

    def render(self, scope: Scope, status: int | None = None) -> str:
        """`status` is the backend's: `$context.status` of a response template.

        Raises RenderError: it does too much, or calls something in a way that cannot be."""
        try:
            return _run(self.parts, Frame(scope, status))
        except TooManyError as error:
            raise RenderError(str(error)) from error
        except RecursionError:
            raise RenderError(
                "the mapping template meets a value that is nested too deep"
            ) from None


def compile_template(text: str) -> Rendering:
    """Read a template. Raises TemplateTextError for what is no Velocity, or is not known here."""
    reader = _Reader(text)
    try:
        parts, _ = reader.block(())
        reader.check_names()
    except RecursionError:
        raise TemplateTextError("the mapping template is nested too deep") from None
    return Rendering(parts)


def _run(block: Block, frame: Frame) -> str:
    texts = []
    for part in block:
        texts.append(part if isinstance(part, str) else part(frame))
        if frame.halted:
            break
    return "".join(texts)


_PLAIN = re.compile(r"[^$#\\]+|\\[$#]|\\")
_COMMENT = re.compile(r"##[^\n]*\n?|#\*.*?\*#", re.DOTALL)
_VERBATIM = re.compile(r"#\[\[(.*?)\]\]#", re.DOTALL)
_DIRECTIVE = re.compile(
    r"#(?:\{([a-z]+)\}|(set|if|elseif|else|end|foreach|break|stop|macro|parse|include|evaluate|define)"
    r"(?![A-Za-z0-9_]))"
)
_KNOWN = frozenset({"set", "if", "elseif", "else", "end", "foreach", "break", "stop"})
_REFERENCE = re.compile(r"\$!?(\{)?([A-Za-z_][A-Za-z0-9_-]*)")
_PROPERTY = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)")
_SPACE = re.compile(r"\s*")
# As in Velocity 1.7, a directive takes the rest of its line when that is empty.
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_INDENT = re.compile(r"[ \t]+\Z")
_NUMBER = re.compile(r"-?\d+(?:\.(?!\.)\d+)?")
_WORD = re.compile(r"[a-z]+\b")
_OPERATORS = re.compile(r"&&|\|\||==|!=|<=|>=|[<>+*/%!-]|(?:and|or|not|eq|ne|lt|le|gt|ge)\b")
_SIGNS = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_LEVELS: Final = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!="}),
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_CONSTANTS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}
_ROOTS: Final = frozenset({"context", "input", "stageVariables", "util"})


@dataclass(frozen=True)
class _Property:
    name: str


@dataclass(frozen=True)
class _Method:
    name: str
    arguments: tuple[Value, ...]
    constants: tuple[Any, ...]
    """What each argument is when it is written out, else `_UNREAD`."""


@dataclass(frozen=True)
class _Index:
    value: Value
    constant: Any


Access = _Property | _Method | _Index


class _Reader:
    """Recursive descent over one template; `at` is how far it came."""

    def __init__(self, text: str, assigned: dict[str, None] | None = None) -> None:
        self.text, self.at = text, 0
        self._assigned = {} if assigned is None else assigned
        self._used: dict[str, int] = {}

    def check_names(self) -> None:
        """Refuse what nothing sets: a typing error, and on AWS its own name in the result."""
        for name, at in self._used.items():
            if name not in self._assigned:
                raise self._error(f"uses '${name}', which wsgate does not know", at)

    # Text and directives.

    def block(self, ends: tuple[str, ...]) -> tuple[Block, str]:
        """Parts up to one of the directives `ends`, and which one it was."""
        parts: list[str | Part] = []
        while self.at < len(self.text):
            start = self.at
            directive = _DIRECTIVE.match(self.text, start)
            word = (directive[1] or directive[2]) if directive else ""
            if directive and word in _KNOWN:
                self.at = directive.end()
                if word in ends:
                    return _merged(parts), word
                if word == "set":
                    _unindent(parts)
                parts.append(self._directive(word, start))
            elif directive and directive[2]:
                raise self._error(f"uses '#{word}', which wsgate does not run", start)
            else:
                parts.append(self._text_or_reference())
        if ends:
            raise self._error(f"has no #{ends[-1]} for what is open at its end", len(self.text))
        return _merged(parts), ""

    def _text_or_reference(self) -> str | Part:
        text, at = self.text, self.at
        if plain := _PLAIN.match(text, at):
            self.at = plain.end()
            return plain[0][1:] if plain[0] in (r"\$", r"\#") else plain[0]
        if comment := _COMMENT.match(text, at):
            self.at = comment.end()
            return ""
        if verbatim := _VERBATIM.match(text, at):
            self.at = verbatim.end()
            return verbatim[1]
        if _REFERENCE.match(text, at):
            value = self._reference()
            return value if isinstance(value, _Printed) else _printed(value)
        self.at += 1
        return text[at]

    def _directive(self, word: str, start: int) -> Part:
        match word:
            case "set":
                return self._set()
            case "if":
                return self._if()
            case "foreach":
                return self._foreach()
            case "break" | "stop":
                self._end_of_line()
                return _halt(word)
        raise self._error(f"has a '#{word}' without its beginning", start)

    def _set(self) -> Part:
        self._expect("(")
        self._spaces()
        if not _REFERENCE.match(self.text, self.at):
            raise self._error("has a #set of something that is no variable", self.at)
        name, accesses, _ = self._path()
        self._expect("=")
        value = self._expression()
        self._expect(")")
        self._end_of_line()
        if name in _ROOTS or any(isinstance(access, _Method) for access in accesses):
            raise self._error(f"has a #set of '${name}', which cannot be set", self.at)
        if not accesses:
            self._assigned[name] = None
            return _assign(name, value)
        self._used.setdefault(name, self.at)
        return _assign_inside(_accessed(_named(name), accesses[:-1]), accesses[-1], value)

    def _if(self) -> Part:
        branches: list[tuple[Value | None, Block]] = []
        condition: Value | None = self._condition()
        while True:
            ends = ("elseif", "else", "end") if condition is not None else ("end",)
            block, end = self.block(ends)
            branches.append((condition, block))
            if end == "end":
                self._end_of_line()
                return _choice(tuple(branches))
            if end == "else":
                self._end_of_line()
            condition = self._condition() if end == "elseif" else None

    def _condition(self) -> Value:
        self._expect("(")
        condition = self._expression()
        self._expect(")")
        self._end_of_line()
        return condition

    def _foreach(self) -> Part:
        self._expect("(")
        self._spaces()
        if not _REFERENCE.match(self.text, self.at):
            raise self._error("has a #foreach without a variable", self.at)
        name, accesses, _ = self._path()
        self._spaces()
        if accesses or name in _ROOTS or not self.text.startswith("in", self.at):
            raise self._error("has a #foreach that is not ($name in …)", self.at)
        self.at += len("in")
        items = self._expression()
        self._expect(")")
        self._end_of_line()
        for known in (name, "foreach", "velocityCount"):
            self._assigned[known] = None
        block, _ = self.block(("end",))
        self._end_of_line()
        return _loop(name, items, block)

    # Expressions.

    def _expression(self, level: int = 0) -> Value:
        return self._typed_expression(level)[0]

    def _typed_expression(self, level: int = 0) -> tuple[Value, Any]:
        """A value, and what it is when it is written out."""
        if level == len(_LEVELS):
            return self._unary()
        left, constant = self._typed_expression(level + 1)
        while (sign := self._sign(_LEVELS[level])) is not None:
            right, _ = self._typed_expression(level + 1)
            left, constant = _operation(sign, left, right), _UNREAD
        return left, constant

    def _sign(self, wanted: frozenset[str]) -> str | None:
        self._spaces()
        found = _OPERATORS.match(self.text, self.at)
        sign = _SIGNS.get(found[0], found[0]) if found else None
        if found is None or sign not in wanted:
            return None
        self.at = found.end()
        return sign

    def _unary(self) -> tuple[Value, Any]:
        self._spaces()
        if self._sign(frozenset({"!"})):
            inner, _ = self._unary()
            return (lambda frame: not values.is_true(inner(frame))), _UNREAD
        return self._primary()

    def _primary(self) -> tuple[Value, Any]:
        text, at = self.text, self.at
        if (written := _written(text, at)) is not None:
            self.at, value = written
            return _constant(value)
        match text[at : at + 1]:
            case "$" if _REFERENCE.match(text, at):
                return self._reference(), _UNREAD
            case "'" | '"':
                return self._string()
            case "(":
                self.at += 1
                inner = self._typed_expression()
                self._expect(")")
                return inner
            case "[":
                return self._list(), _UNREAD
            case "{":
                return self._map(), _UNREAD
        raise self._error(f"has no value at {text[at : at + 20]!r}", at)

    def _string(self) -> tuple[Value, Any]:
        r"""'…' as it is, "…" as a template of its own; a quote in it is written twice."""
        quote, start = self.text[self.at], self.at
        found = re.compile(rf"{quote}((?:[^{quote}]|{quote}{quote})*){quote}").match(
            self.text, self.at
        )
        if found is None:
            raise self._error("has a text without its closing quote", start)
        self.at = found.end()
        content = found[1].replace(quote * 2, quote)
        if quote == "'" or not ("$" in content or "#" in content):
            return _constant(content)
        inner = _Reader(content, self._assigned)
        parts, _ = inner.block(())
        self._used = {**dict.fromkeys(inner._used, start), **self._used}
        literal = Rendering(parts).literal
        if literal is not None:
            return _constant(literal)
        return (lambda frame: frame.budget.of_text(_run(parts, frame))), _UNREAD

    def _list(self) -> Value:
        self._expect("[")
        if self._closes("]"):
            return lambda frame: []
        first = self._expression()
        self._spaces()
        if self.text.startswith("..", self.at):
            self.at += len("..")
            last = self._expression()
            self._expect("]")
            return _range(first, last)
        items = [first]
        while not self._closes("]"):
            self._expect(",")
            items.append(self._expression())
        return lambda frame: [item(frame) for item in items]

    def _map(self) -> Value:
        self._expect("{")
        pairs: list[tuple[Value, Value]] = []
        while not self._closes("}"):
            if pairs:
                self._expect(",")
            key = self._expression()
            self._expect(":")
            pairs.append((key, self._expression()))
        return lambda frame: {
            text_of(key(frame), frame.budget): value(frame) for key, value in pairs
        }

    # References.

    def _reference(self) -> Value:
        start = self.at
        name, accesses, source = self._path()
        match name:
            case "context":
                return self._context(accesses, source, start)
            case "input":
                return self._input(accesses, source, start)
            case "util":
                return self._util(accesses, source, start)
            case "stageVariables":
                return _stage_variables(accesses)
        self._used.setdefault(name, start)
        return _accessed(_named(name), accesses)

    def _path(self) -> tuple[str, list[Access], str]:
        """`$name.property.method(…)[index]`, with braces or without, and how it is written."""
        start = self.at
        head = _REFERENCE.match(self.text, start)
        if head is None:
            raise self._error(f"has no variable at {self.text[start : start + 20]!r}", start)
        self.at = head.end()
        accesses: list[Access] = []
        while (access := self._access()) is not None:
            accesses.append(access)
        if head[1]:
            if not self.text.startswith("}", self.at):
                raise self._error(f"leaves {self.text[start : self.at]!r} open", start)
            self.at += 1
        return head[2], accesses, self.text[start : self.at]

    def _access(self) -> Access | None:
        if found := _PROPERTY.match(self.text, self.at):
            self.at = found.end()
            if not self.text.startswith("(", self.at):
                return _Property(found[1])
            arguments, constants = self._arguments()
            return self._method(found[1], arguments, constants)
        if self.text.startswith("[", self.at):
            return self._index()
        return None

    def _index(self) -> _Index | None:
        """`[…]` behind a variable; what is no index is text, as in `$name[a]`."""
        start = self.at
        self.at += 1
        try:
            value, constant = self._typed_expression()
            self._expect("]")
        except TemplateTextError:
            self.at = start
            return None
        return _Index(value, constant)

    def _arguments(self) -> tuple[tuple[Value, ...], tuple[Any, ...]]:
        self._expect("(")
        found: list[tuple[Value, Any]] = []
        while not self._closes(")"):
            if found:
                self._expect(",")
            found.append(self._typed_expression())
        return tuple(value for value, _ in found), tuple(constant for _, constant in found)

    def _method(
        self, name: str, arguments: tuple[Value, ...], constants: tuple[Any, ...]
    ) -> _Method:
        if name in values.PATTERN_METHODS:
            pattern = constants[0] if constants else _UNREAD
            if not isinstance(pattern, str):
                raise self._error(f"calls {name}() with a pattern that is not written out", self.at)
            try:
                values.check_pattern(pattern)
            except (ValueError, re.error) as error:
                raise self._error(f"calls {name}(): {error}", self.at) from error
        return _Method(name, arguments, constants)

    def _context(self, accesses: list[Access], source: str, at: int) -> Value:
        names = [access.name for access in accesses if isinstance(access, _Property)]
        if len(names) == len(accesses) and names:
            first, *rest = names
            if first == "status" and not rest:
                return _Printed(lambda frame: as_text(frame.status), lambda frame: frame.status)
            if first in CONTEXT_NAMES and not rest:
                return _Printed(
                    lambda frame: as_text(frame.scope.context.get(first)),
                    lambda frame: frame.scope.context.get(first),
                )
            if first in CONTEXT_GROUPS and len(rest) == 1:
                key = rest[0]
                return _Printed(
                    lambda frame: as_text((frame.scope.context.get(first) or NO_ERROR).get(key)),
                    lambda frame: (frame.scope.context.get(first) or NO_ERROR).get(key),
                )
        head = accesses[0] if accesses else None
        known = CONTEXT_NAMES.union(CONTEXT_GROUPS)
        is_nested = len(names) == len(accesses) and len(names) > 1
        if isinstance(head, _Property) and (head.name not in known or is_nested):
            raise self._error(f"uses {source!r}, which wsgate does not know", at)
        return _accessed(lambda frame: {**_copied(frame.scope.context), **_status(frame)}, accesses)

    def _input(self, accesses: list[Access], source: str, at: int) -> Value:
        match accesses:
            case [_Property("body")]:
                return _Printed(lambda frame: frame.scope.body, lambda frame: frame.scope.body)
            case [_Property("body"), *rest]:
                return _accessed(lambda frame: frame.scope.body, rest)
            case [_Method("json" | "path" as name, (path,), (constant,)), *rest]:
                return _accessed(self._found(name, path, constant, at), rest)
            case [_Method("params", (), ()), *rest]:
                return _accessed(lambda frame: _all_params(frame.scope.params), rest)
            case [_Method("params", (name,), _), *rest]:
                return _accessed(_param(name), rest)
        raise self._error(f"uses {source!r}, which wsgate does not know", at)

    def _found(self, name: str, path: Value, constant: Any, at: int) -> Value:
        if constant is not _UNREAD:
            try:
                compile_path(as_text(constant))
            except JsonPathError as error:
                raise self._error(f"uses $input.{name}(): {error}", at) from error
        return _json(path) if name == "json" else _found_at(path)

    def _util(self, accesses: list[Access], source: str, at: int) -> Value:
        match accesses:
            case [_Method(name, (argument,), _), *rest] if name in _UTIL:
                return _accessed(_called(_UTIL[name], argument), rest)
        raise self._error(f"uses {source!r}, which wsgate does not know", at)

    # Small things.

    def _spaces(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _end_of_line(self) -> None:
        if rest := _REST_OF_LINE.match(self.text, self.at):
            self.at = rest.end()

    def _expect(self, sign: str) -> None:
        self._spaces()
        if not self.text.startswith(sign, self.at):
            found = self.text[self.at : self.at + 20]
            raise self._error(f"has {found!r} where {sign!r} is needed", self.at)
        self.at += len(sign)

    def _closes(self, sign: str) -> bool:
        self._spaces()
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def _error(self, problem: str, at: int) -> TemplateTextError:
        line = self.text.count("\n", 0, at) + 1
        where = f", in its line {line}," if "\n" in self.text else ""
        return TemplateTextError(f"the mapping template{where} {problem}")


def _written(text: str, at: int) -> tuple[int, Any] | None:
    """Where a number or a constant at `at` ends, and what it is."""
    if number := _NUMBER.match(text, at):
        words = number[0]
        return number.end(), float(words) if "." in words else int(words[:19])
    if (word := _WORD.match(text, at)) and word[0] in _CONSTANTS:
        return word.end(), _CONSTANTS[word[0]]
    return None


class _Printed:
    """A value that is quick to print."""

    __slots__ = ("_value", "print")

    def __init__(self, print_it: Part, value: Value) -> None:
        self.print, self._value = print_it, value

    def __call__(self, frame: Frame) -> Any:
        return self._value(frame)


def _merged(parts: list[str | Part]) -> Block:
    merged: list[str | Part] = []
    for part in parts:
        one = part.print if isinstance(part, _Printed) else part
        if isinstance(one, str) and merged and isinstance(merged[-1], str):
            merged[-1] += one
        elif one != "":
            merged.append(one)
    return tuple(merged)


def _unindent(parts: list[str | Part]) -> None:
    """Velocity's #set takes the spaces before it."""
    if parts and isinstance(parts[-1], str):
        parts[-1] = _INDENT.sub("", parts[-1])


def _printed(value: Value) -> Part:
    return lambda frame: text_of(value(frame), frame.budget)


def _constant(value: Any) -> tuple[Value, Any]:
    return (lambda frame: value), value


def _named(name: str) -> Value:
    return lambda frame: frame.get(name)


def _accessed(value: Value, accesses: list[Access]) -> Value:
    for access in accesses:
        value = _access_of(value, access)
    return value


def _access_of(value: Value, access: Access) -> Value:
    match access:
        case _Property(name):
            return lambda frame: values.property_of(value(frame), name)
        case _Index(index, _):
            return lambda frame: values.item_of(value(frame), index(frame), frame.budget)
        case _Method(name, arguments, _):
            return lambda frame: values.call(
                value(frame), name, [argument(frame) for argument in arguments], frame.budget
            )


def _halt(word: str) -> Part:
    def halt(frame: Frame) -> str:
        frame.halted = word
        return ""

    return halt


def _assign(name: str, value: Value) -> Part:
    def assign(frame: Frame) -> str:
        frame.budget.spend()
        frame.set(name, value(frame))
        return ""

    return assign


def _assign_inside(holder: Value, access: Access, value: Value) -> Part:
    """`#set($map.name = …)` and `#set($list[0] = …)`."""

    def assign(frame: Frame) -> str:
        frame.budget.spend()
        inside = holder(frame)
        key = access.name if isinstance(access, _Property) else None
        if isinstance(access, _Index):
            key = access.value(frame)
        if isinstance(inside, dict):
            inside[text_of(key, frame.budget)] = value(frame)
        elif isinstance(inside, list) and isinstance(key, int) and 0 <= key < len(inside):
            inside[key] = value(frame)
        return ""

    return assign


def _choice(branches: tuple[tuple[Value | None, Block], ...]) -> Part:
    def choose(frame: Frame) -> str:
        for condition, block in branches:
            if condition is None or values.is_true(condition(frame)):
                return _run(block, frame)
        return ""

    return choose


def _loop(name: str, items: Value, block: Block) -> Part:
    def loop(frame: Frame) -> str:
        found = _items(items(frame))
        before = {key: frame.get(key) for key in (name, "foreach", "velocityCount")}
        texts, size = [], 0
        for index, item in enumerate(found[:MOST_LOOPS]):
            frame.budget.spend()
            frame.set(name, item)
            frame.set("foreach", _position(index, len(found), before["foreach"]))
            frame.set("velocityCount", index + 1)
            texts.append(_run(block, frame))
            size += len(texts[-1])
            if size > values.MOST_TEXT:
                raise RenderError(
                    f"the mapping template makes a text of more than {values.MOST_TEXT}"
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


def _range(first: Value, last: Value) -> Value:
    def count(frame: Frame) -> Any:
        start, end = first(frame), last(frame)
        if not (isinstance(start, int) and isinstance(end, int)):
            return None
        frame.budget.spend(min(abs(end - start), values.MOST_WORK + 1))
        step = 1 if start <= end else -1
        return list(range(start, end + step, step))

    return count


def _operation(sign: str, left: Value, right: Value) -> Value:
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


def _stage_variables(accesses: list[Access]) -> Value:
    match accesses:
        case [_Property(name)] | [_Index(_, str() as name)]:
            return _Printed(
                lambda frame: (frame.scope.stage_variables or {}).get(name, ""),
                lambda frame: (frame.scope.stage_variables or {}).get(name),
            )
    return _accessed(lambda frame: _copied(frame.scope.stage_variables or {}), accesses)


def _status(frame: Frame) -> dict[str, int]:
    return {} if frame.status is None else {"status": frame.status}


def _copied(value: Mapping[str, Any]) -> dict[str, Any]:
    """A template may change what it gets, and the connection's own facts stay as they are."""
    return {key: dict(item) if isinstance(item, Mapping) else item for key, item in value.items()}


def _found_at(path: Value, *, as_it_came: bool = False) -> Value:
    def find(frame: Frame) -> Any:
        frame.budget.spend()
        text = text_of(path(frame), frame.budget)
        if len(text) > MOST_PATH:  # a message may hold it, and paths are kept
            raise RenderError(f"the mapping template asks for a path of more than {MOST_PATH}")
        try:
            return compile_path(text).find(frame.json if as_it_came else frame.own)
        except JsonPathError as error:
            raise RenderError(f"the mapping template asks for {error}") from error

    return find


def _json(path: Value) -> Value:
    """The JSON of what the path finds. GUESS: without spaces, and `null` where it finds nothing."""
    find = _found_at(path, as_it_came=True)

    def dump(frame: Frame) -> str:
        text = json.dumps(find(frame), ensure_ascii=False, separators=(",", ":"))
        return frame.budget.of_text(text)

    return dump


def _all_params(params: Params | None) -> dict[str, Any]:
    params = params or Params()
    return {"path": {}, "querystring": dict(params.querystring), "header": dict(params.header)}


def _param(name: Value) -> Value:
    """`$input.params('name')`; it also stands for one map: `$input.params().header`."""

    def find(frame: Frame) -> Any:
        wanted = text_of(name(frame), frame.budget)
        everything = _all_params(frame.scope.params)
        if wanted in everything:
            return everything[wanted]
        return (frame.scope.params or Params()).one(wanted)

    return find


def _called(function: Callable[[str], Any], argument: Value) -> Value:
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


_UTIL: Final[Mapping[str, Callable[[str], Any]]] = {
    "escapeJavaScript": _escape_javascript,
    "parseJson": parse_body,
    "urlEncode": quote_plus,
    "urlDecode": unquote_plus,
    "base64Encode": lambda text: base64.b64encode(text.encode(errors="replace")).decode("ascii"),
    "base64Decode": _from_base64,
}
