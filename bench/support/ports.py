"""Ports for servers that a test or a benchmark starts."""

from __future__ import annotations

import random
import socket

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
