"""Whether a machine has room for a run: files, ports, memory, disk. Known before the ramp. Pure.

All of it runs on one machine, so each connection counts twice: here and in the gateway.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

MIB, GIB = 1024**2, 1024**3
FILES_OF_A_USER = 2.2
"""Both ends of its connection; some have two for a while."""
FILES_OF_A_NODE = 400
"""What a process has open beside connections, and what it keeps free for requests."""
USERS_OF_A_PROCESS = 18_000
"""So many clients fit into 20,000 files, and keep one processor busy at a thousand a second."""
UNEVEN = 1.25
"""The kernel spreads connections over nodes by chance, and a node that is dead takes none."""
AT_ONCE, AT_ONCE_OF_A_PROCESS = 1_024, 128
"""Users who open a connection at once: with more, each waits for longer than its ticket lives."""
MAX_NODES = 64
"""Of a gateway, and of client processes here."""

# An estimate, with room to spare. Measured with 6,000 users: 3.3 KB in a node, 4.6 in a client, and
# 8.4 for both ends of the socket in the kernel; to that comes a part of a node's and of a client
# process' own 20 and 6 MB.
BYTES_OF_A_USER = 20 * 1024
BYTES_OF_THE_SYSTEM = 3 * GIB
"""PostgreSQL, the gateway's first process, and at most ten processes of each function."""
# The write-ahead log is kept up to max_wal_size; a user leaves a session, events, offers, tickets.
DISK_OF_A_USER = 8 * 1024
DISK_OF_THE_SYSTEM = int(1.5 * GIB)


@dataclass(frozen=True)
class Machine:
    """What there is."""

    files: int
    """That one process may open."""
    all_files: int
    """That all processes may open together, less those that are open."""
    ports: int
    """That one source address has towards one port."""
    addresses: int
    """Source addresses of our own."""
    memory: int
    """Free, in bytes."""
    disk: int
    """Free, in bytes."""


@dataclass(frozen=True)
class Need:
    """One thing that a run takes, and how many users it would do for."""

    what: str
    needed: int
    there: int
    fits: int
    change: str
    """How to have more of it."""

    @property
    def is_met(self) -> bool:
        return self.there >= self.needed

    def __str__(self) -> str:
        return f"{self.what}: {_shown(self.needed)} needed, {_shown(self.there)} there"


@dataclass(frozen=True)
class Room:
    """How a run is spread over processes, and what it takes."""

    nodes: int
    processes: int
    needs: tuple[Need, ...]

    @property
    def fits(self) -> int:
        """So many users fit."""
        return min(need.fits for need in self.needs)

    @property
    def at_once(self) -> int:
        """So many users of a process open a connection at once."""
        return max(1, min(AT_ONCE_OF_A_PROCESS, AT_ONCE // self.processes))

    @property
    def missing(self) -> list[Need]:
        return [need for need in self.needs if not need.is_met]


def room(machine: Machine, users: int, cpus: int) -> Room:
    """What so many users take of a machine, each with one connection and some with two."""
    of_a_node = max(1, machine.files - FILES_OF_A_NODE)
    of_a_process = min(USERS_OF_A_PROCESS, of_a_node)
    nodes = max(2, math.ceil(users * UNEVEN / of_a_node))
    processes = max(min(2, cpus), math.ceil(users / of_a_process))
    needs = (
        Need(
            "open files of one process",
            math.ceil(users * UNEVEN / min(nodes, MAX_NODES)) + FILES_OF_A_NODE,
            machine.files,
            min(int(MAX_NODES * of_a_node / UNEVEN), MAX_NODES * of_a_process),
            "raise the hard limit (ulimit -Hn, /etc/security/limits.d)",
        ),
        Need(
            "open files of all processes",
            math.ceil(FILES_OF_A_USER * users),
            machine.all_files,
            int(machine.all_files / FILES_OF_A_USER),
            "raise fs.file-max (sysctl -w fs.file-max=…)",
        ),
        Need(
            "ports of the clients",
            users,
            machine.ports * machine.addresses,
            machine.ports * machine.addresses,
            "widen net.ipv4.ip_local_port_range",
        ),
        Need(
            "bytes of free memory",
            BYTES_OF_THE_SYSTEM + users * BYTES_OF_A_USER,
            machine.memory,
            max(0, machine.memory - BYTES_OF_THE_SYSTEM) // BYTES_OF_A_USER,
            "end other programs, or take a larger machine",
        ),
        Need(
            "bytes of free disk for the database",
            DISK_OF_THE_SYSTEM + users * DISK_OF_A_USER,
            machine.disk,
            max(0, machine.disk - DISK_OF_THE_SYSTEM) // DISK_OF_A_USER,
            "free some, or name another place in TMPDIR",
        ),
    )
    return Room(min(nodes, MAX_NODES), min(processes, MAX_NODES), needs)


def this_machine(folder: Path) -> Machine:
    """What there is here; `folder` is where the database would be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    plenty = 2**30
    is_linux = sys.platform == "linux"
    first, last = _numbers("/proc/sys/net/ipv4/ip_local_port_range", (49_152, 65_535))
    open_files, _, all_files = _numbers("/proc/sys/fs/file-nr", (0, 0, plenty))
    return Machine(
        files=min(hard if hard != resource.RLIM_INFINITY else plenty, plenty),
        all_files=min(all_files - open_files, plenty),
        ports=last - first + 1,
        addresses=2 * MAX_NODES if is_linux else 1,  # all of 127.0.0.0/8 is here on Linux
        memory=free_memory(),
        disk=shutil.disk_usage(folder).free,
    )


def _numbers(path: str, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        return tuple(int(word) for word in Path(path).read_text().split())
    return otherwise


def free_memory() -> int:
    """Of the machine, in bytes, with what it would give up."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _shown(number: int) -> str:
    return f"{number / GIB:.1f} GiB" if number >= GIB else f"{number:,}"
