"""Markdown as the documentation uses it: headings, links, fenced blocks."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>\S*)[^`]*$")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$")
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?\)")
# The line before a block of commands: which test runs it, or why none does.
REMARK = re.compile(r"<!-- (?P<kind>run by|not run): (?P<text>.+) -->")
COMMANDS = ("console", "sh")


@dataclass(frozen=True)
class Block:
    """A fenced block, and what the line before says of it."""

    page: str
    line: int
    language: str
    text: str
    run_by: str | None = None
    """The file of the test that runs it."""
    not_run: str | None = None
    """Why no test runs it."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown file of the repository, wsgate's included."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in sorted(listed.stdout.split()) if (ROOT / name).exists()]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    return _split(page)[1]


def commands(page: Path) -> list[Block]:
    """The blocks of a page that a reader types into a terminal."""
    return [block for block in blocks(page) if block.language in COMMANDS]


def run_by(page: str, test: str) -> list[Block]:
    """The blocks of a page that say that this test runs them. The test gives its `__file__`."""
    name = name_of(Path(test).resolve())
    found = [block for block in commands(ROOT / page) if block.run_by == name]
    assert found, f"{page} has no commands for {name}"
    return found


def prose(page: Path) -> str:
    """The page without its fenced blocks and without comments."""
    return re.sub(r"<!--.*?-->", "", "\n".join(_split(page)[0]), flags=re.DOTALL)


def headings(page: Path) -> list[str]:
    """The headings of a page, in order, without backticks."""
    found = (HEADING.match(line) for line in prose(page).splitlines())
    return [match[1].replace("`", "") for match in found if match]


@cache
def anchors(page: Path) -> set[str]:
    """What `#…` may name, as GitHub and MyST make it: a repeated heading gets a number."""
    made: set[str] = set()
    for heading in headings(page):
        anchor = anchor_of(heading)
        n = sum(1 for one in made if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", one))
        made.add(f"{anchor}-{n}" if anchor in made else anchor)
    return made


def anchor_of(heading: str) -> str:
    """The anchor of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = "".join(c for c in text.strip().lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def links(page: Path) -> list[str]:
    """Where the page's links lead, in order."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    defined = re.findall(r"^\[[^\]]+\]: +(\S+)", text, flags=re.MULTILINE)
    return LINK.findall(text) + defined


def _split(page: Path) -> tuple[list[str], list[Block]]:
    """The lines outside of fenced blocks, and the blocks."""
    outside: list[str] = []
    found: list[Block] = []
    inside: list[str] = []
    opened: tuple[re.Match[str], int, dict[str, str]] | None = None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, inside = (fence, number, _remark(outside[-1:])), []
        elif opened and line.strip() == opened[0]["ticks"]:
            fence, start, remark = opened
            text = "\n".join(inside) + "\n"
            found.append(Block(name_of(page), start, fence["language"], text, **remark))
            opened = None
        elif opened:
            inside.append(line)
        else:
            outside.append(line)
    assert opened is None, f"{name_of(page)}: a fenced block does not end"
    return outside, found


def _remark(before: list[str]) -> dict[str, str]:
    found = REMARK.fullmatch("".join(before).strip())
    return {found["kind"].replace(" ", "_"): found["text"]} if found else {}
