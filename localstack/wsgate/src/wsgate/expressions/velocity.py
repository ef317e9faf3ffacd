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

from wsgate.expressions import velocity_steps as steps
from wsgate.expressions.jsonpath import TooManyError
from wsgate.expressions.velocity_cursor import TemplateTextError
from wsgate.expressions.velocity_expressions import REFERENCE, ExpressionReader
from wsgate.expressions.velocity_references import CONTEXT_GROUPS, CONTEXT_NAMES, ROOTS
from wsgate.expressions.velocity_steps import Block, Frame, Params, Part, Scope, Value
from wsgate.expressions.velocity_values import RenderError

__all__ = [
    "CONTEXT_GROUPS",
    "CONTEXT_NAMES",
    "Params",
    "Rendering",
    "Scope",
    "TemplateTextError",
    "compile_template",
]


@dataclass(frozen=True)
class Rendering:
    """A compiled template."""

    parts: Block

    @property
    def literal(self) -> str | None:
        """The text, when it has no variable."""
        return steps.literal(self.parts)

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
    reader = _TemplateReader(text)
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


class _TemplateReader(ExpressionReader):
    """Recursive descent over one template."""

    def check_names(self) -> None:
        """Refuse what nothing sets: a typing error, and on AWS its own name in the result."""
        for name, at in self.used.items():
            if name not in self.assigned:
                raise self.error(f"uses '${name}', which wsgate does not know", at)

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
                raise self.error(f"uses '#{word}', which wsgate does not run", start)
            else:
                parts.append(self._text_or_reference())
        if ends:
            raise self.error(f"has no #{ends[-1]} for what is open at its end", len(self.text))
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
        if REFERENCE.match(text, at):
            value = self.reference()
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
                self.skip_end_of_line()
                return steps.halt(word)
        raise self.error(f"has a '#{word}' without its beginning", start)

    def _set(self) -> Part:
        self.expect("(")
        self.skip_spaces()
        if not REFERENCE.match(self.text, self.at):
            raise self.error("has a #set of something that is no variable", self.at)
        name, accesses, _ = self.path()
        self.expect("=")
        value = self.expression()
        self.expect(")")
        self.skip_end_of_line()
        if name in ROOTS or any(isinstance(access, steps.Method) for access in accesses):
            raise self.error(f"has a #set of '${name}', which cannot be set", self.at)
        if not accesses:
            self.assigned[name] = None
            return steps.assign(name, value)
        self.used.setdefault(name, self.at)
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
                self.skip_end_of_line()
                return steps.choice(tuple(branches))
            if end == "else":
                self.skip_end_of_line()
            condition = self._condition() if end == "elseif" else None

    def _condition(self) -> Value:
        self.expect("(")
        condition = self.expression()
        self.expect(")")
        self.skip_end_of_line()
        return condition

    def _foreach(self) -> Part:
        self.expect("(")
        self.skip_spaces()
        if not REFERENCE.match(self.text, self.at):
            raise self.error("has a #foreach without a variable", self.at)
        name, accesses, _ = self.path()
        self.skip_spaces()
        if accesses or name in ROOTS or not self.text.startswith("in", self.at):
            raise self.error("has a #foreach that is not ($name in …)", self.at)
        self.at += len("in")
        items = self.expression()
        self.expect(")")
        self.skip_end_of_line()
        for known in (name, "foreach", "velocityCount"):
            self.assigned[known] = None
        block, _ = self.block(("end",))
        self.skip_end_of_line()
        return steps.loop(name, items, block)

    def _template_inside(self, content: str, start: int) -> Block:
        inner = _TemplateReader(content, self.assigned)
        parts, _ = inner.block(())
        self.used = {**dict.fromkeys(inner.used, start), **self.used}
        return parts
