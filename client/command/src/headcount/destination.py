"""Where an export goes: the standard output, or a file that is whole when it has its name."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Protocol

import click

from headcount.errors import Failed, ReaderGone

if TYPE_CHECKING:
    from pathlib import Path

    from headcount.pages import Page


class Destination(Protocol):
    def start(self) -> str | None:
        """The cursor to go on behind; None: from the start."""

    def write(self, page: Page) -> None: ...
    def finish(self) -> None: ...
    def how_to_go_on(self) -> str:
        """What to do after an interruption."""


class StandardOutput:
    def __init__(self, after: str | None) -> None:
        self._after = after

    def start(self) -> str | None:
        return self._after

    def write(self, page: Page) -> None:
        try:
            sys.stdout.buffer.write(page.data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        self._after = page.following

    def finish(self) -> None:
        pass

    def how_to_go_on(self) -> str:
        return f"--after {self._after} goes on here" if self._after else "nothing was written"


class PartFile:
    """FILE.part grows page by page, and FILE.part.json says up to where it is good."""

    def __init__(self, path: Path, question: str, after: str | None) -> None:
        self._path = path
        self._after = after
        self._question = question
        """What is exported; another export does not go on with this file."""
        self._part = path.with_name(f"{path.name}.part")
        self._place = path.with_name(f"{path.name}.part.json")
        self._size = 0

    def start(self) -> str | None:
        """Raises UsageError if the file is there, or the part of another export."""
        if self._path.exists():
            raise click.UsageError(f"{self._path} is there already: choose another name")
        try:
            place = json.loads(self._place.read_text(encoding="utf-8"))
            question, after, self._size = place["question"], place["after"], int(place["size"])
        except FileNotFoundError:
            return self._after
        except (OSError, ValueError, KeyError, TypeError):
            question, after = None, None
        if question != self._question or not self._has_part():
            raise click.UsageError(
                f"{self._place} is of another export: remove it and {self._part.name}, or choose "
                "another name"
            )
        return str(after)

    def write(self, page: Page) -> None:
        """Raises Failed. The place is written behind the rows: killed between, they are written
        again over themselves.
        """
        try:
            with self._part.open("r+b" if self._size else "wb") as part:
                part.seek(self._size)
                part.write(page.data)
                part.truncate()
                part.flush()
                os.fsync(part.fileno())
            self._size += len(page.data)
            if not page.is_last:
                self._keep(page.following)
        except OSError as error:
            raise Failed(f"{self._part} cannot be written: {error.strerror}") from None

    def finish(self) -> None:
        """Raises Failed."""
        try:
            self._part.replace(self._path)
            self._place.unlink(missing_ok=True)
        except OSError as error:
            raise Failed(f"{self._path} cannot be written: {error.strerror}") from None

    def how_to_go_on(self) -> str:
        return "the same command again goes on here"

    def _has_part(self) -> bool:
        return self._part.exists() and self._part.stat().st_size >= self._size

    def _keep(self, after: str | None) -> None:
        place = {"question": self._question, "after": after, "size": self._size}
        new = self._place.with_name(f"{self._place.name}.new")
        new.write_text(json.dumps(place), encoding="utf-8")
        new.replace(self._place)
