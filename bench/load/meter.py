"""Processor and memory by kind of process, read from /proc; elsewhere there is nothing to read."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.load.room import free_memory
from bench.support.gateways import command, cpu_seconds, family, proportional_bytes

KINDS = ("nodes", "functions", "postgres", "clients", "rest")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Sample:
    """What the processes of this run used since the last sample, and what they hold."""

    seconds: float
    """Since the last sample."""
    processor: dict[str, float] = field(default_factory=dict)
    """Processor seconds, by kind."""
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes that are a process' own, by kind."""
    busy: float = 0.0
    """Processor seconds of the whole machine: of others as well."""


class Meter:
    """Samples the family of this process."""

    def __init__(self) -> None:
        self._clients = frozenset[int]()
        self._used: dict[int, float] = {}
        self._kinds: dict[int, str] = {}
        self._at, self._busy = time.monotonic(), _busy()
        self._free = free_memory()
        self.total = dict.fromkeys(KINDS, 0.0)
        """Processor seconds so far, by kind."""
        self._is_there = Path("/proc/self/stat").exists()

    def clients(self, pids: list[int]) -> None:
        """Say which processes are the clients."""
        self._clients = frozenset(pids)

    def sample(self) -> Sample:
        now, busy = time.monotonic(), _busy()
        sample = Sample(now - self._at, dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0))
        sample.busy = busy - self._busy
        self._at, self._busy = now, busy
        if not self._is_there:
            return sample
        used = {}
        for pid in family(os.getpid()):
            with contextlib.suppress(OSError, IndexError, ValueError):
                kind = self._kind(pid)
                used[pid] = cpu_seconds(pid)
                sample.processor[kind] += used[pid] - self._used.get(pid, 0.0)
                sample.memory[kind] += _own_bytes(pid)
        self._used = used
        for kind in KINDS:
            self.total[kind] += sample.processor[kind]
        return sample

    def held(self) -> dict[str, int]:
        """Bytes of each kind; `machine`: what it has less than before, sockets in the kernel, too.

        Pages that processes share count once. Reading them takes seconds where there are gigabytes.
        """
        held = dict.fromkeys(KINDS, 0)
        for pid in family(os.getpid()):
            with contextlib.suppress(OSError, IndexError, ValueError):
                held[self._kind(pid)] += proportional_bytes(pid)
        return {**held, "machine": self._free - free_memory()}

    def _kind(self, pid: int) -> str:
        if pid in self._clients:
            return "clients"
        if pid not in self._kinds:
            kind = _kind_of(command(pid))
            if kind == "rest":  # or has not become what it will be
                return kind
            self._kinds[pid] = kind
        return self._kinds[pid]


def _kind_of(said: str) -> str:
    """What a command line runs."""
    if "wsgate.node.process" in said:
        return "nodes"
    if "wsgate/functions/worker.py" in said:
        return "functions"
    return "postgres" if "postgres" in said.split(" ", 1)[0] else "rest"


def _own_bytes(pid: int) -> int:
    """Resident and in no file: cheap to read, once a second of a hundred processes.

    What a process shares with the one it was forked from counts in each; see `held`.
    """
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * _PAGE


def _busy() -> float:
    with contextlib.suppress(OSError, ValueError):
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        numbers = [int(field) for field in fields[:8]]
        return (sum(numbers) - numbers[3] - numbers[4]) / _TICK
    return 0.0
