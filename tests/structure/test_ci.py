"""`.ci/run`: what it runs, and that a failing step fails it. `make` here only says that it ran."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
STEPS = [
    *(".venv/dev.stamp", "test-headcount"),
    "--keep-going check docs fuzz deploy-test test-wsgate CASES=20 SEED=12 WORKERS=2",
    "load USERS=2000",
]
TARGETS = [
    *(".venv/dev.stamp", "test-headcount", "check", "docs", "fuzz", "deploy-test", "test-wsgate"),
    "load",
]
MAKE = """#!/bin/sh
echo "I make $*"
case " $* " in *" $FAILS "*) exit 2 ;; esac
echo "3 passed, 1 skipped in 2.00s"
"""


@pytest.fixture
def ci(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    make = tmp_path / "make"
    make.write_text(MAKE)
    make.chmod(0o755)

    def run(fails: str) -> subprocess.CompletedProcess[str]:
        path = f"{tmp_path}:{os.environ['PATH']}"
        return subprocess.run(
            ["/bin/bash", str(ROOT / ".ci" / "run")],
            env=os.environ | {"PATH": path, "TMPDIR": str(tmp_path), "FAILS": fails},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_each_step_is_run_and_counted(
    ci: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = ci("")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert [line.removeprefix("I make ") for line in said if line.startswith("I ")] == STEPS
    assert said[-1].startswith("12 passed, 0 failed, 4 skipped in ")
    assert [file.name for file in tmp_path.iterdir()] == ["make"]


@pytest.mark.parametrize("fails", TARGETS)
def test_a_step_that_fails_fails_it(
    ci: Callable[[str], subprocess.CompletedProcess[str]], fails: str
) -> None:
    done = ci(fails)
    assert done.returncode != 0
    said = [line.split() for line in done.stdout.splitlines()]
    assert [line for line in said if line[:2] == ["I", "make"] and fails in line]
    assert " passed, 0 failed, " in done.stdout.splitlines()[-1]
