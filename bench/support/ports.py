"""Ports for servers that a test or a benchmark starts."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subprocess import Popen

# Below the ports that Linux (32768 and up) and macOS (49152 and up) give to clients: nothing takes
# one by chance between our look and the server's start.
_FIRST, _LAST = 10_000, 32_000
_RANDOM = random.SystemRandom()


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    while True:
        port = _RANDOM.randint(_FIRST, _LAST)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def listens(process: Popen[Any], port: int, seconds: float) -> bool:
    """Wait until it does; false if the process ends before, or does not within so long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        time.sleep(0.05)
    return False
