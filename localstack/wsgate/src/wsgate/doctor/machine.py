"""What this machine allows, read from the system. What it does not tell is None."""

from __future__ import annotations

import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wsgate import open_files

if TYPE_CHECKING:
    from collections.abc import Mapping

PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_KIBIBYTE: Final = 1024


@dataclass(frozen=True)
class Machine:
    """One machine, as far as connections need it. Sizes are bytes, unless a name says pages."""

    system: str = "Linux"
    processors: int = 1
    soft_files: int | None = None
    """Open files of a process (RLIMIT_NOFILE), raised to the next at the start; None: no limit."""
    hard_files: int | None = None
    nr_open: int | None = None
    """How far root may raise the hard limit."""
    file_max: int | None = None
    """Open files of all processes together."""
    files_used: int = 0
    ports: tuple[int, int] | None = None
    """The first and last port that a client may get."""
    somaxconn: int | None = None
    syn_backlog: int | None = None
    tcp_mem: tuple[int, ...] | None = None
    """Pages of all buffers of TCP: the last is the most, from the second on TCP saves."""
    tcp_pages_used: int = 0
    tcp_wmem: tuple[int, ...] | None = None
    """What a connection may hold of data that is not sent: least, at first, most."""
    conntrack_max: int | None = None
    """None where the module is not loaded."""
    conntrack_used: int = 0
    memory: int | None = None
    """What programs can still have without swapping."""
    memory_of_group: int | None = None
    """What is left of the memory limit of the control group that this process is in."""
    processes: int | None = None
    """What is left of its limit of processes."""
    disks: Mapping[str, int] | None = None
    """What is free, by folder."""


def look(folders: tuple[str, ...] = (), proc: Path = PROC, cgroups: Path = CGROUPS) -> Machine:
    """Look at this machine; `folders` are those whose disk is of interest."""
    soft, hard = open_files.limits()
    disks = {folder: shutil.disk_usage(folder).free for folder in folders}
    if platform.system() != "Linux":
        return Machine(platform.system(), os.cpu_count() or 1, soft, hard, disks=disks)
    files_used, _, file_max = (*_numbers(proc / "sys/fs/file-nr"), 0, 0, 0)[:3]
    return Machine(
        platform.system(),
        len(os.sched_getaffinity(0)),
        soft,
        hard,
        nr_open=_number(proc / "sys/fs/nr_open"),
        file_max=file_max or None,
        files_used=files_used,
        ports=_pair(proc / "sys/net/ipv4/ip_local_port_range"),
        somaxconn=_number(proc / "sys/net/core/somaxconn"),
        syn_backlog=_number(proc / "sys/net/ipv4/tcp_max_syn_backlog"),
        tcp_mem=_numbers(proc / "sys/net/ipv4/tcp_mem") or None,
        tcp_pages_used=_found(proc / "net/sockstat", r"^TCP:.* mem (\d+)") or 0,
        tcp_wmem=_numbers(proc / "sys/net/ipv4/tcp_wmem") or None,
        conntrack_max=_number(proc / "sys/net/netfilter/nf_conntrack_max"),
        conntrack_used=_number(proc / "sys/net/netfilter/nf_conntrack_count") or 0,
        memory=_kibibytes(proc / "meminfo", "MemAvailable"),
        memory_of_group=_left(proc, cgroups, "memory"),
        processes=_left(proc, cgroups, "pids"),
        disks=disks,
    )


def _left(proc: Path, cgroups: Path, controller: str) -> int | None:
    """What the control group leaves of memory or processes; None where it has no limit.

    https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/
    (2026-11-29). Inside a container the group is the root of what is mounted.
    """
    left = [
        limit - used
        for folder in _folders(proc, cgroups, controller)
        for limit_name, used_name in _FILES[controller]
        if (limit := _number(folder / limit_name)) is not None
        and (used := _number(folder / used_name)) is not None
        and limit < _UNLIMITED
    ]
    return max(0, min(left)) if left else None


def _folders(proc: Path, cgroups: Path, controller: str) -> list[Path]:
    """The group's own folder and those above it, whose limits count as well."""
    found: list[Path] = []
    for line in _text(proc / "self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(",") or not names:
            root = cgroups / controller if names else cgroups
            own = root / path.lstrip("/")
            found += [own, *(folder for folder in own.parents if folder.is_relative_to(root))]
    return found


_UNLIMITED: Final = 2**60
"""Version 1 writes the most that fits in place of a word."""
_FILES: Final = {
    "memory": (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ),
    "pids": (("pids.max", "pids.current"),),
}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _numbers(path: Path) -> tuple[int, ...]:
    words = _text(path).split()
    return tuple(map(int, words)) if all(word.isdecimal() for word in words) else ()


def _number(path: Path) -> int | None:
    numbers = _numbers(path)
    return numbers[0] if len(numbers) == 1 else None


def _pair(path: Path) -> tuple[int, int] | None:
    match _numbers(path):
        case (low, high):
            return low, high
    return None


def _found(path: Path, pattern: str) -> int | None:
    match = re.search(pattern, _text(path), re.MULTILINE)
    return int(match[1]) if match else None


def _kibibytes(path: Path, name: str) -> int | None:
    found = _found(path, rf"^{name}: +(\d+) kB")
    return None if found is None else found * _KIBIBYTE
