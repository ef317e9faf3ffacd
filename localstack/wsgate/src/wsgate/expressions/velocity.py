"""Mapping templates: Velocity as API Gateway runs it (docs/aws-behaviour.md §7.9, §7.12).

https://velocity.apache.org/engine/1.7/user-guide.html (2026-11-24). A template is read once, when
the gateway starts, and becomes a tuple of texts and small functions: rendering one without
directives is joining strings, which is what a heartbeat costs. What is not known (a variable that
nothing sets, `#macro`) is refused at the start with its line, so that nothing is rendered halfway.

Rendering is bounded (see `Budget`): a client's message can make it fail, never run for long.
GUESS: a null is printed as an empty text, as generated templates rely on, not as its own source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wsgate.expressions import velocity_steps as steps
from wsgate.expressions import velocity_values as values
from wsgate.expressions.jsonpath import JsonPathError, TooManyError, compile_path
from wsgate.expressions.selection import as_text
from wsgate.expressions.velocity_steps import Access, Block, Frame, Params, Part, Scope, Value
from wsgate.expressions.velocity_values import RenderError, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONTEXT_GROUPS",
    "CONTEXT_NAMES",
    "Params",
    "Rendering",
    "Scope",
    "TemplateTextError",
    "compile_template",
]

# docs/aws-behaviour.md §7.12. The groups are followed by a name of their own.
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


class TemplateTextError(ValueError):
    """A mapping template, or a selection expression beside it, that this gateway cannot run."""


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
            return steps.run(self.parts, Frame(scope, status))
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
                    return steps.merged(parts), word
                if word == "set":
                    steps.unindent(parts)
                parts.append(self._directive(word, start))
            elif directive and directive[2]:
                raise self._error(f"uses '#{word}', which wsgate does not run", start)
            else:
                parts.append(self._text_or_reference())
        if ends:
            raise self._error(f"has no #{ends[-1]} for what is open at its end", len(self.text))
        return steps.merged(parts), ""

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
            return value if isinstance(value, steps.FunctionLine) else steps.printed(value)
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
                return steps.halt(word)
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
        if name in _ROOTS or any(isinstance(access, steps.Method) for access in accesses):
            raise self._error(f"has a #set of '${name}', which cannot be set", self.at)
        if not accesses:
            self._assigned[name] = None
            return steps.assign(name, value)
        self._used.setdefault(name, self.at)
        return steps.assign_inside(
            steps.accessed(steps.named(name), accesses[:-1]), accesses[-1], value
        )

    def _if(self) -> Part:
        branches: list[tuple[Value | None, Block]] = []
        condition: Value | None = self._condition()
        while True:
            ends = ("elseif", "else", "end") if condition is not None else ("end",)
            block, end = self.block(ends)
            branches.append((condition, block))
            if end == "end":
                self._end_of_line()
                return steps.choice(tuple(branches))
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
        return steps.loop(name, items, block)

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
            left, constant = steps.operation(sign, left, right), steps.UNREAD
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
            return (lambda frame: not values.is_true(inner(frame))), steps.UNREAD
        return self._primary()

    def _primary(self) -> tuple[Value, Any]:
        text, at = self.text, self.at
        if (written := _written(text, at)) is not None:
            self.at, value = written
            return steps.constant(value)
        match text[at : at + 1]:
            case "$" if _REFERENCE.match(text, at):
                return self._reference(), steps.UNREAD
            case "'" | '"':
                return self._string()
            case "(":
                self.at += 1
                inner = self._typed_expression()
                self._expect(")")
                return inner
            case "[":
                return self._list(), steps.UNREAD
            case "{":
                return self._map(), steps.UNREAD
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
            return steps.constant(content)
        inner = _Reader(content, self._assigned)
        parts, _ = inner.block(())
        self._used = {**dict.fromkeys(inner._used, start), **self._used}
        literal = Rendering(parts).literal
        if literal is not None:
            return steps.constant(literal)
        return (lambda frame: frame.budget.of_text(steps.run(parts, frame))), steps.UNREAD

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
            return steps.counting(first, last)
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
                return steps.stage_variables(accesses)
        self._used.setdefault(name, start)
        return steps.accessed(steps.named(name), accesses)

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
                return steps.Property(found[1])
            arguments, constants = self._arguments()
            return self._method(found[1], arguments, constants)
        if self.text.startswith("[", self.at):
            return self._index()
        return None

    def _index(self) -> steps.Index | None:
        """`[…]` behind a variable; what is no index is text, as in `$name[a]`."""
        start = self.at
        self.at += 1
        try:
            value, constant = self._typed_expression()
            self._expect("]")
        except TemplateTextError:
            self.at = start
            return None
        return steps.Index(value, constant)

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
    ) -> steps.Method:
        if name in values.PATTERN_METHODS:
            pattern = constants[0] if constants else steps.UNREAD
            if not isinstance(pattern, str):
                raise self._error(f"calls {name}() with a pattern that is not written out", self.at)
            try:
                values.check_pattern(pattern)
            except (ValueError, re.error) as error:
                raise self._error(f"calls {name}(): {error}", self.at) from error
        return steps.Method(name, arguments, constants)

    def _context(self, accesses: list[Access], source: str, at: int) -> Value:
        names = [access.name for access in accesses if isinstance(access, steps.Property)]
        if len(names) == len(accesses) and names:
            first, *rest = names
            if first == "status" and not rest:
                return steps.FunctionLine(
                    lambda frame: as_text(frame.status), lambda frame: frame.status
                )
            if first in CONTEXT_NAMES and not rest:
                return steps.FunctionLine(
                    lambda frame: as_text(frame.scope.context.get(first)),
                    lambda frame: frame.scope.context.get(first),
                )
            if first in CONTEXT_GROUPS and len(rest) == 1:
                key = rest[0]
                return steps.FunctionLine(
                    lambda frame: as_text(
                        (frame.scope.context.get(first) or steps.NO_ERROR).get(key)
                    ),
                    lambda frame: (frame.scope.context.get(first) or steps.NO_ERROR).get(key),
                )
        head = accesses[0] if accesses else None
        known = CONTEXT_NAMES.union(CONTEXT_GROUPS)
        is_nested = len(names) == len(accesses) and len(names) > 1
        if isinstance(head, steps.Property) and (head.name not in known or is_nested):
            raise self._error(f"uses {source!r}, which wsgate does not know", at)
        return steps.accessed(
            lambda frame: {**steps.copied(frame.scope.context), **steps.status_of(frame)}, accesses
        )

    def _input(self, accesses: list[Access], source: str, at: int) -> Value:
        match accesses:
            case [steps.Property("body")]:
                return steps.FunctionLine(
                    lambda frame: frame.scope.body, lambda frame: frame.scope.body
                )
            case [steps.Property("body"), *rest]:
                return steps.accessed(lambda frame: frame.scope.body, rest)
            case [steps.Method("json" | "path" as name, (path,), (constant,)), *rest]:
                return steps.accessed(self._found(name, path, constant, at), rest)
            case [steps.Method("params", (), ()), *rest]:
                return steps.accessed(lambda frame: steps.all_params(frame.scope.params), rest)
            case [steps.Method("params", (name,), _), *rest]:
                return steps.accessed(steps.param(name), rest)
        raise self._error(f"uses {source!r}, which wsgate does not know", at)

    def _found(self, name: str, path: Value, constant: Any, at: int) -> Value:
        if constant is not steps.UNREAD:
            try:
                compile_path(as_text(constant))
            except JsonPathError as error:
                raise self._error(f"uses $input.{name}(): {error}", at) from error
        return steps.json_at(path) if name == "json" else steps.value_at(path)

    def _util(self, accesses: list[Access], source: str, at: int) -> Value:
        match accesses:
            case [steps.Method(name, (argument,), _), *rest] if name in steps.UTIL:
                return steps.accessed(steps.called(steps.UTIL[name], argument), rest)
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
