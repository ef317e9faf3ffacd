"""Benchmarks run to their end, on a small scale.

Otherwise a statement of theirs that no longer fits the tables is found by the one who measures
next. Those that start the whole system are not here, nor `reads`: each takes a minute, however
small.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.modules import ROOT, WITH_OUR_MODULES

SMALL = {
    "campaigns": "--viewers 500",
    "claims": "--claims 500 --stock 50 --grants 100 --rounds 1 --clients 4",
    "presence": "--rows 2000 --past 20000 --rounds 1 --seconds 1 --clients 2",
    "push": "--seconds 0.2",
    "reports": "--sessions 3000 --online 300",
    "draws": "--claims 2000 --winners 10",
    "answers": "--seconds 1 --counted 2000 --clients 4",
    "retention": "--viewers 500 --minutes 2",
    "rush": "--users 200 --stock 10",
    "visible": "--users 200 --seconds 2 --clients 2",
}
# 1: a bar is missed, as a busy machine or so small a scale may.
ENDED = {0, 1}
TIMEOUT_SECONDS = 900
"""Only a hang takes so long, however busy the machine is."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_it_ends_with_its_figures(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", f"bench.bench_{name}", *SMALL[name].split()],
        cwd=ROOT,
        env=os.environ | WITH_OUR_MODULES,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert run.returncode in ENDED, run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    assert run.stdout
