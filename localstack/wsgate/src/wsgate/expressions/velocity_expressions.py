"""The expressions of a mapping template, and its references: `$name.method(…)[index]`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from wsgate.expressions import velocity_steps as steps
from wsgate.expressions import velocity_values as values
from wsgate.expressions.velocity_cursor import Cursor, TemplateTextError
from wsgate.expressions.velocity_references import ROOTS, UnknownReferenceError, root_value
from wsgate.expressions.velocity_values import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.expressions.velocity_steps import Access, Block, Value

REFERENCE = re.compile(r"\$!?(\{)?([A-Za-z_][A-Za-z0-9_-]*)")
_PROPERTY = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)")
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


class ExpressionReader(Cursor, ABC):
    """Recursive descent over expressions and references."""

    def __init__(self, text: str, assigned: dict[str, None] | None = None) -> None:
        super().__init__(text)
        self.assigned = {} if assigned is None else assigned
        """The variables that the template sets; a text in quotes shares them."""
        self.used: dict[str, int] = {}
        """The variables that the template reads, each with its first place."""

    @abstractmethod
    def _template_inside(self, content: str, start: int) -> Block:
        """What a text in double quotes at `start` consists of: it is a template of its own."""

    def expression(self, level: int = 0) -> Value:
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
        self.skip_spaces()
        found = _OPERATORS.match(self.text, self.at)
        sign = _SIGNS.get(found[0], found[0]) if found else None
        if found is None or sign not in wanted:
            return None
        self.at = found.end()
        return sign

    def _unary(self) -> tuple[Value, Any]:
        self.skip_spaces()
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
            case "$" if REFERENCE.match(text, at):
                return self.reference(), steps.UNREAD
            case "'" | '"':
                return self._string()
            case "(":
                self.at += 1
                inner = self._typed_expression()
                self.expect(")")
                return inner
            case "[":
                return self._list(), steps.UNREAD
            case "{":
                return self._map(), steps.UNREAD
        raise self.error(f"has no value at {text[at : at + 20]!r}", at)

    def _string(self) -> tuple[Value, Any]:
        r"""'…' as it is, "…" as a template of its own; a quote in it is written twice."""
        quote, start = self.text[self.at], self.at
        found = re.compile(rf"{quote}((?:[^{quote}]|{quote}{quote})*){quote}").match(
            self.text, self.at
        )
        if found is None:
            raise self.error("has a text without its closing quote", start)
        self.at = found.end()
        content = found[1].replace(quote * 2, quote)
        if quote == "'" or not ("$" in content or "#" in content):
            return steps.constant(content)
        parts = self._template_inside(content, start)
        if (literal := steps.literal(parts)) is not None:
            return steps.constant(literal)
        return (lambda frame: frame.budget.of_text(steps.run(parts, frame))), steps.UNREAD

    def _list(self) -> Value:
        self.expect("[")
        if self.closes("]"):
            return lambda frame: []
        first = self.expression()
        self.skip_spaces()
        if self.text.startswith("..", self.at):
            self.at += len("..")
            last = self.expression()
            self.expect("]")
            return steps.counting(first, last)
        items = [first]
        while not self.closes("]"):
            self.expect(",")
            items.append(self.expression())
        return lambda frame: [item(frame) for item in items]

    def _map(self) -> Value:
        self.expect("{")
        pairs: list[tuple[Value, Value]] = []
        while not self.closes("}"):
            if pairs:
                self.expect(",")
            key = self.expression()
            self.expect(":")
            pairs.append((key, self.expression()))
        return lambda frame: {
            text_of(key(frame), frame.budget): value(frame) for key, value in pairs
        }

    # References.

    def reference(self) -> Value:
        start = self.at
        name, accesses, source = self.path()
        if name in ROOTS:
            try:
                return root_value(name, accesses, source)
            except UnknownReferenceError as error:
                raise self.error(str(error), start) from error
        self.used.setdefault(name, start)
        return steps.accessed(steps.named(name), accesses)

    def path(self) -> tuple[str, list[Access], str]:
        """`$name.property.method(…)[index]`, with braces or without, and how it is written."""
        start = self.at
        head = REFERENCE.match(self.text, start)
        if head is None:
            raise self.error(f"has no variable at {self.text[start : start + 20]!r}", start)
        self.at = head.end()
        accesses: list[Access] = []
        while (access := self._access()) is not None:
            accesses.append(access)
        if head[1]:
            if not self.text.startswith("}", self.at):
                raise self.error(f"leaves {self.text[start : self.at]!r} open", start)
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
            self.expect("]")
        except TemplateTextError:
            self.at = start
            return None
        return steps.Index(value, constant)

    def _arguments(self) -> tuple[tuple[Value, ...], tuple[Any, ...]]:
        self.expect("(")
        found: list[tuple[Value, Any]] = []
        while not self.closes(")"):
            if found:
                self.expect(",")
            found.append(self._typed_expression())
        return tuple(value for value, _ in found), tuple(constant for _, constant in found)

    def _method(
        self, name: str, arguments: tuple[Value, ...], constants: tuple[Any, ...]
    ) -> steps.Method:
        if name in values.PATTERN_METHODS:
            pattern = constants[0] if constants else steps.UNREAD
            if not isinstance(pattern, str):
                raise self.error(f"calls {name}() with a pattern that is not written out", self.at)
            try:
                values.check_pattern(pattern)
            except (ValueError, re.error) as error:
                raise self.error(f"calls {name}(): {error}", self.at) from error
        return steps.Method(name, arguments, constants)


def _written(text: str, at: int) -> tuple[int, Any] | None:
    """Where a number or a constant at `at` ends, and what it is."""
    if number := _NUMBER.match(text, at):
        words = number[0]
        return number.end(), float(words) if "." in words else int(words[:19])
    if (word := _WORD.match(text, at)) and word[0] in _CONSTANTS:
        return word.end(), _CONSTANTS[word[0]]
    return None
