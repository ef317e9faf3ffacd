"""What a process and all that it started listen on, and which files they have: from /proc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
_LISTENING_TCP, _LISTENING_UNIX = "0A", 0x10000


def family(pid: int) -> set[int]:
    """A process and all below it."""
    parents = dict(_parents())
    found = {pid}
    while more := {each for each, above in parents.items() if above in found} - found:
        found |= more
    return found


def listening(pids: set[int]) -> set[str]:
    """`127.0.0.1:8080` for a port, a path for a socket with a name."""
    inodes = {inode for pid in pids for inode in _sockets(pid)}
    return {address for inode, address in _listeners() if inode in inodes}


def _parents() -> Iterator[tuple[int, int]]:
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            yield int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended just now


def _sockets(pid: int) -> Iterator[str]:
    try:
        descriptors = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _listeners() -> Iterator[tuple[str, str]]:
    """(inode, address) of all that listens, as proc(5) has it."""
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in _lines(table):
            _, local, _, state, *rest = line.split()
            if state == _LISTENING_TCP or table.startswith("udp"):
                yield rest[5], _address(local)
    for line in _lines("unix"):
        _, _, _, flags, _, _, inode, *path = line.split()
        if int(flags, 16) & _LISTENING_UNIX:
            yield inode, path[0] if path else "a socket without a name"


def _lines(table: str) -> list[str]:
    path = PROC / "net" / table
    return path.read_text().splitlines()[1:] if path.exists() else []


def _address(text: str) -> str:
    """`0100007F:1F90` is 127.0.0.1:8080 on a machine with the low byte first."""
    host, _, port = text.partition(":")
    if len(host) == len("0100007F"):
        host = ".".join(str(byte) for byte in reversed(bytes.fromhex(host)))
    return f"{host}:{int(port, 16)}"
