"""Ends what functions started and left behind, in whatever session or under whatever parent.

On Lambda nothing outlives its environment. Here a process group does, if its leader asked for a
session of its own, as daemons and `subprocess.Popen(…, start_new_session=True)` do; it still has
the environment that it was born with, and Linux tells that. Other systems are not asked. A program
that was started with an empty environment is not found.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

_MAX_ROUNDS: Final = 3
"""Of looking again: what was ended may have started another just before."""


def end(mark: str) -> None:
    """Kill each process that has `mark` somewhere in its environment, but for this one."""
    for _ in range(_MAX_ROUNDS):
        found = _found(mark.encode())
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if not found:
            break


def _found(mark: bytes) -> list[int]:
    """Those of others cannot be read, and those that are gone or ending have none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found
