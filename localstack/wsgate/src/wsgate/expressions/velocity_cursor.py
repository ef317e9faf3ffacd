"""How far the reader of a mapping template came, and the small steps that it takes."""

from __future__ import annotations

import re


class TemplateTextError(ValueError):
    """A mapping template, or a selection expression beside it, that this gateway cannot run."""


_SPACE = re.compile(r"\s*")
# As in Velocity 1.7, a directive takes the rest of its line when that is empty.
_REST_OF_LINE = re.compile(r"[ \t]*(?:\r\n|\n|\r)")


class Cursor:
    """A place in one template: `at` is how far reading came."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def skip_spaces(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def skip_end_of_line(self) -> None:
        if rest := _REST_OF_LINE.match(self.text, self.at):
            self.at = rest.end()

    def expect(self, sign: str) -> None:
        self.skip_spaces()
        if not self.text.startswith(sign, self.at):
            found = self.text[self.at : self.at + 20]
            raise self.error(f"has {found!r} where {sign!r} is needed", self.at)
        self.at += len(sign)

    def closes(self, sign: str) -> bool:
        self.skip_spaces()
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def error(self, problem: str, at: int) -> TemplateTextError:
        line = self.text.count("\n", 0, at) + 1
        where = f", in its line {line}," if "\n" in self.text else ""
        return TemplateTextError(f"the mapping template{where} {problem}")
