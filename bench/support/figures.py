"""The numbers of a benchmark, and their table in the documentation.

With `--write` a benchmark replaces the block that is marked with its name:

    <!-- bench:claims -->
    …
    <!-- /bench:claims -->
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs" / "explanation" / "benchmarks.md",)
_GIB = 1024**3


def add_write_option(parser: argparse.ArgumentParser) -> None:
    """Add `--write`."""
    parser.add_argument(
        "--write", action="store_true", help="write the numbers into the documentation as well"
    )


@dataclass
class Figures:
    """What a benchmark measured, row by row."""

    name: str
    """As in `make bench NAME=…`, and in the marks of its block."""
    options: str = "--write"
    rows: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """Shown as they were printed, where a table would not do."""
    picture: str = ""
    """A file of docs/images, shown below."""
    markdown: str = ""
    """Tables of more than two columns."""
    command: str = ""
    """That measured it; without it, `make bench` with the name and the options."""

    def add(self, what: str, measured: str) -> None:
        self.rows.append((what, measured))

    def write(self, pages: Sequence[Path] = PAGES) -> Path:
        """Replace the block of this benchmark, and return its page. SystemExit without a block."""
        block = re.compile(rf"(<!-- bench:{self.name} -->\n).*?(<!-- /bench:{self.name} -->)", re.S)
        for page in pages:
            text = page.read_text("utf-8") if page.exists() else ""
            if block.search(text):
                new = block.sub(lambda found: f"{found[1]}{self.table()}{found[2]}", text)
                page.write_text(new, "utf-8")
                return page
        raise SystemExit(f"No page of the documentation has the mark <!-- bench:{self.name} -->")

    def table(self) -> str:
        """The rows as a Markdown table, and where they come from."""
        source = f"Measured on {datetime.now(UTC):%Y-%m-%d} at {commit()} by"
        rows = "".join(f"| {what} | {measured} |\n" for what, measured in self.rows)
        shown = f"| what | measured |\n|---|---|\n{rows}" if self.rows else ""
        printed = "\n".join(self.lines).strip()
        shown += f"```text\n{printed}\n```\n" if printed else ""
        shown += self.markdown
        shown += f"\n![{self.name}](../images/{self.picture})\n" if self.picture else ""
        return f"{shown}\n{source} `{self.command or self._command()}` ({machine()}).\n"

    def _command(self) -> str:
        options = f' OPTIONS="{self.options}"' if self.options else ""
        return f"make bench NAME={self.name.removesuffix('-faults')}{options}"


def commit() -> str:
    """The commit that is checked out; with a `+` if files were changed since."""
    described = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--abbrev=7", "--dirty=+"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return described.stdout.strip()


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {python}"
