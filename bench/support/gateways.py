"""The gateway that a benchmark measures: `wsgate` in a process of its own, and what it uses."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "localstack" / "wsgate" / "src"
TEMPLATE = ROOT / "bench" / "gateway" / "template.yaml"
_START_SECONDS = 900
"""Only a hang takes so long, however busy the machine is."""
_KIB = 1024


@dataclass(frozen=True)
class Gateway:
    """A running `wsgate`."""

    port: int
    pid: int

    @property
    def nodes(self) -> list[int]:
        """The processes that hold sockets: its nodes, or itself."""
        marked = [pid for pid in family(self.pid) if "wsgate.node.process" in command(pid)]
        return marked or [self.pid]

    def kill(self) -> None:
        """End it and all that it started as a machine does that loses its power."""
        for pid in family(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def gateway(
    *arguments: str,
    template: Path = TEMPLATE,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    port: int | None = None,
) -> Iterator[Gateway]:
    """Start the command on a free port or on `port`, wait until it listens, and end it.

    Where an argument says {port}, it is that one.
    `environment` adds to this process' own. Its output goes to the end of `log`, if given.
    """
    port = port or free_port()
    command = (sys.executable, "-m", "wsgate", "--template", str(template), "--port", str(port))
    with contextlib.ExitStack() as stack:
        process = subprocess.Popen(
            [*command, *(argument.replace("{port}", str(port)) for argument in arguments)],
            env=os.environ | {"PYTHONPATH": str(SOURCE)} | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=stack.enter_context(log.open("a")) if log else None,
            text=True,
        )
        reading = threading.Thread(target=_keep, args=(process, log), daemon=True)
        stack.callback(_end, process, reading)
        _wait(process)
        reading.start()
        yield Gateway(port, process.pid)


def _end(process: subprocess.Popen[str], reading: threading.Thread) -> None:
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
    process.kill()
    process.wait()
    if reading.is_alive():
        reading.join()
    if process.stdout is not None:
        process.stdout.close()


def _keep(process: subprocess.Popen[str], log: Path | None) -> None:
    """Read what the gateway prints, so that it never waits for a reader; add it to the log."""
    assert process.stdout is not None
    for line in process.stdout:
        if log is not None:
            with log.open("a") as file:
                file.write(line)


def _wait(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends:
        line = process.stdout.readline()
        if "HTTP API" in line:
            return
        if not line:
            break
    raise SystemExit("wsgate did not start")


def private_bytes(pid: int) -> int:
    """User memory that is a process' own: private pages, in bytes (Linux)."""
    return _rolled_up(pid, r"Private_\w+")


def proportional_bytes(pid: int) -> int:
    """User memory of a process, in bytes: a shared page is divided among those who share it."""
    return _rolled_up(pid, "Pss")


def _rolled_up(pid: int, name: str) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(rf"^{name}: +(\d+) kB", rollup, re.M)) * _KIB


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found, parents = [pid], _parents()
    for each in found:
        found.extend(child for child, parent in parents.items() if parent == each)
    return found


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def _parents() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    return parents
