"""A server with Python's `websockets`: python -m bench.peers.serve_websockets PORT default|tuned.

It sends each line of its standard input to all connections, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.peers.standard_input import lines

# https://websockets.readthedocs.io/en/stable/topics/memory.html (read on 2026-11-29)
TUNED: dict[str, Any] = {
    "compression": None,
    "max_size": 128 * 1024,
    "max_queue": 4,
    "backlog": 4096,
}


async def main(port: int, *, is_tuned: bool) -> None:
    options = TUNED if is_tuned else {}
    async with serve(_stay, "127.0.0.1", port, **options) as server:
        async for line in lines():
            broadcast(server.connections, line)


async def _stay(connection: ServerConnection) -> None:
    await connection.wait_closed()


if __name__ == "__main__":
    _, port, how = sys.argv
    run = uvloop.run if how == "tuned" else asyncio.run
    run(main(int(port), is_tuned=how == "tuned"))
