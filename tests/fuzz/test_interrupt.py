"""Ctrl-C ends `make fuzz` and all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.processes import descendants, is_alive
from tests.support.system import ROOT
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from pathlib import Path


# A shell starts what runs in the background deaf to Ctrl-C.
HEEDING = """\
import pytest, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    folder = tmp_path / "attacked"
    command = ["-c", HEEDING, "-s", "tests/fuzz/test_messages.py", "--basetemp", str(folder)]
    with (tmp_path / "output.txt").open("w+") as output:
        fuzz = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | {"FUZZ_CASES": "1000000"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until(lambda: any(folder.glob("*/run.json")) or fuzz.poll() is not None)
            started = descendants(fuzz.pid)
            assert started, "it ended by itself"
        finally:
            os.killpg(fuzz.pid, signal.SIGINT)  # as a terminal does
            code = fuzz.wait(PATIENCE_SECONDS)
        output.seek(0)
        said = output.read()
    assert code == 2, said
    assert "KeyboardInterrupt" in said
    assert "FUZZ_SEED=" in said
    assert [pid for pid in started if is_alive(pid)] == []
