"""Benchmarks: their numbers in the documentation, and that each can be started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.support.figures import PAGES, Figures, commit
from tests.support.modules import ROOT, WITH_OUR_MODULES

if TYPE_CHECKING:
    from pathlib import Path

BENCHMARKS = sorted(path.stem for path in (ROOT / "bench").glob("bench_*.py"))
PAGE = """# Benchmarks

<!-- bench:other -->
kept
<!-- /bench:other -->

<!-- bench:claims -->
old
<!-- /bench:claims -->
End.
"""


def test_the_block_of_a_benchmark_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(PAGE)
    figures = Figures("claims")
    figures.add("claims", "10,300/s")
    for _ in range(2):
        assert figures.write([tmp_path / "missing.md", page]) == page
    before, _, after = PAGE.partition("old\n")
    written = page.read_text()
    assert written.startswith(before)
    assert written.endswith(after)
    assert "| claims | 10,300/s |" in written
    assert f'at {commit()} by `make bench NAME=claims OPTIONS="--write"` (' in written


def test_options_are_a_part_of_the_command() -> None:
    table = Figures("broadcast-faults", "--faults --write").table()
    assert '`make bench NAME=broadcast OPTIONS="--faults --write"`' in table


def test_a_benchmark_without_a_block_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(PAGE)
    with pytest.raises(SystemExit, match="<!-- bench:sweep -->"):
        Figures("sweep").write([page])


def test_each_benchmark_has_its_block() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    marked = re.findall(r"<!-- bench:([a-z-]+) -->", text)
    assert sorted(marked) == sorted({*names_in_make(), "broadcast-faults"})
    assert marked == re.findall(r"<!-- /bench:([a-z-]+) -->", text)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_explains_its_options(name: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--help"],
        cwd=ROOT,
        env=os.environ | WITH_OUR_MODULES,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--write" in answer.stdout


def test_make_bench_lists_each_benchmark() -> None:
    modules = {name.removeprefix("bench_") for name in BENCHMARKS} - {"gateway"}
    gateway = {"idle", "echo", "call", "handshakes", "crowd"}
    assert names_in_make() == modules | gateway


def names_in_make() -> set[str]:
    listed = subprocess.run(
        ["make", "--no-print-directory", "bench"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(re.findall(r"make bench NAME=(\w+) ", listed))
