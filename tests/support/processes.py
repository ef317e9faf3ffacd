"""Looking at other processes, for the tests of what must end and what must not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether the process still runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (pid, "Z") not in [(each, state) for each, _, state in _processes()]


def descendants(pid: int) -> set[int]:
    """The processes below this one, near and far."""
    children = {each for each, parent, state in _processes() if parent == pid and state != "Z"}
    return children.union(*(descendants(child) for child in children))


def parent(pid: int) -> int:
    """The process that started this one."""
    (found,) = [above for each, above, _ in _processes() if each == pid]
    return found


def _processes() -> list[tuple[int, int, str]]:
    """(pid, parent, state) of all; slim containers have no `ps`, macOS has no /proc."""
    if not Path("/proc/self/stat").exists():
        return _asked_of_ps()
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:  # "pid (name) state parent ...", and a name may hold spaces and brackets
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        found.append((int(stat.parent.name), int(parent), state))
    return found


def _asked_of_ps() -> list[tuple[int, int, str]]:
    listing = subprocess.run(
        ["/bin/ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listing.stdout.splitlines())
    return [(int(pid), int(parent), state[0]) for pid, parent, state in rows]


def bystander() -> subprocess.Popen[bytes]:
    """A process that has nothing to do with anything; the caller ends it."""
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
