"""Each flag, each fault and each section that the code cites has a heading in the documentation."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wsgate.__main__ import _parser
from wsgate.core.faults import FAULTS
from wsgate.doctor import command

if TYPE_CHECKING:
    import argparse

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CITATION = re.compile(r"§(\d+(?:\.\d+)?)")


def flags(parser: argparse.ArgumentParser) -> list[str]:
    options = (option for action in parser._actions for option in action.option_strings)
    return sorted(option for option in options if option.startswith("--"))


FLAGS = [
    *(("cli.md", flag) for flag in flags(_parser())),
    *(("doctor.md", flag) for flag in flags(command.parser()) if flag != "--help"),
    ("aws-recordings.md", "--stack"),
]


def headings(page: str) -> set[str]:
    text = re.sub(r"^```.*?^```", "", (DOCS / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^#+ `?([^\s`]+)", text, flags=re.MULTILINE))


def cited(path: Path) -> set[str]:
    """The sections that a file cites, but for those of an RFC."""
    lines = (line for line in path.read_text().splitlines() if "RFC" not in line)
    return {section for line in lines for section in CITATION.findall(line)}


@pytest.mark.parametrize(("page", "flag"), FLAGS)
def test_each_flag_has_its_heading(page: str, flag: str) -> None:
    assert flag in headings(page)


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS])
def test_each_fault_has_its_heading(fault: str) -> None:
    assert fault in headings("fault-injection.md")


def test_each_cited_section_has_its_heading() -> None:
    sections = {heading.rstrip(".") for heading in headings("aws-behaviour.md")}
    files = [path for folder in ("src", "tests", "docs") for path in (ROOT / folder).rglob("*")]
    texts = [path for path in files if path.suffix in (".py", ".md") and path != Path(__file__)]
    missing = {
        f"{path.relative_to(ROOT)}: §{section}"
        for path in texts
        if "node_modules" not in path.parts
        for section in cited(path) - sections
    }
    assert not missing


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_each_page_has_one_title_and_skips_no_level(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", (DOCS / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    levels = [len(mark) for mark in re.findall(r"^(#+) ", text, flags=re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
