"""Holds functions to their MemorySize, as Lambda does: one that takes more is killed.

Lambda counts everything in the environment. Here it is the resident memory of the function's own
process, which Linux tells; other systems are not asked, and nothing is enforced there. Programs
that the function starts are not counted.

GUESS: what is mapped from files (shared libraries) does not count, since a kernel short of memory
takes that back before it kills.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

# An event that is over before the next look is judged by the worker itself: see worker.peak.
EVERY: Final = timedelta(milliseconds=100)

# Columns of /proc/PID/statm, in pages.
# https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html (2026-11-24)
_RESIDENT: Final = 1
_OF_FILES: Final = 2


class Watched(Protocol):
    """An execution environment, as the watch sees it."""

    @property
    def busy_process(self) -> int | None:
        """Its process while that has something to do; None leaves it alone from now on."""

    @property
    def memory_bytes(self) -> int:
        """What it may take."""

    def out_of_memory(self) -> None:
        """It took more."""


class MemoryWatch:
    """Looks at busy environments now and then, and at none when all are idle."""

    def __init__(self, resident: Callable[[int], int] | None = None) -> None:
        """Start nothing. `resident` returns the memory of a process in bytes, for tests."""
        self._resident = resident or resident_bytes
        self._busy: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_on = resident is not None or is_enforced()

    def look_at(self, environment: Watched) -> None:
        """Watch an environment until it is idle. Called with each event."""
        if environment not in self._busy and self._is_on:
            self._busy.add(environment)
            if self._timer is None:
                self._wait()

    def close(self) -> None:
        """Look at nothing any more."""
        self._is_on = False
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY.total_seconds(), self._look)

    def _look(self) -> None:
        self._timer = None
        for environment in tuple(self._busy):
            process = environment.busy_process
            if process is None:
                self._busy.discard(environment)
            elif self._resident(process) > environment.memory_bytes:
                self._busy.discard(environment)
                environment.out_of_memory()
        if self._busy and self._is_on:
            self._wait()


def is_enforced() -> bool:
    """Say whether this system tells what a process takes."""
    return Path("/proc/self/statm").exists()


def resident_bytes(process: int) -> int:
    """Return what a process has in memory of its own; 0 when it is gone."""
    try:
        columns = Path(f"/proc/{process}/statm").read_bytes().split()
        return (int(columns[_RESIDENT]) - int(columns[_OF_FILES])) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
