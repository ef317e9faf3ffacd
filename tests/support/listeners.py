"""The addresses on which processes listen, from /proc: Linux only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LISTENING_TCP, LISTENING_UNIX = "0A", 0x10000


def listeners(pids: Iterable[int]) -> set[str]:
    """`127.0.0.1:8080` for a port, a path for a socket with a name."""
    inodes = {inode for pid in pids for inode in _sockets(pid)}
    return {address for inode, address in _all() if inode in inodes}


def _sockets(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue  # closed just now
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _all() -> Iterator[tuple[str, str]]:
    """(inode, address), as proc(5) has it."""
    for table in ("tcp", "tcp6"):
        for line in _lines(table):
            _, local, _, state, *rest = line.split()
            if state == LISTENING_TCP:
                yield rest[5], _address(local)
    for line in _lines("unix"):
        _, _, _, flags, _, _, inode, *path = line.split()
        if int(flags, 16) & LISTENING_UNIX:
            yield inode, "".join(path)


def _lines(table: str) -> list[str]:
    path = Path("/proc/net") / table
    return path.read_text().splitlines()[1:] if path.exists() else []


def _address(text: str) -> str:
    """`0100007F:1F90` is 127.0.0.1:8080 on a machine with the low byte first."""
    host, _, port = text.partition(":")
    if len(host) == len("0100007F"):
        host = ".".join(str(byte) for byte in reversed(bytes.fromhex(host)))
    return f"{host}:{int(port, 16)}"
