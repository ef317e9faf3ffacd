"""A node's port: sockets come in, time passes, and in the end everybody is told."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from wsgate.transport.http_protocol import HttpProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from wsgate.node.node import Node

BACKLOG = 4096


@contextlib.asynccontextmanager
async def listening(node: Node, listener: socket.socket) -> AsyncIterator[None]:
    """Accept connections. Afterwards: nobody more, 1001 for everybody, the last $disconnects."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpProtocol(node), sock=listener, backlog=BACKLOG)
    ticking = asyncio.create_task(_tick(node), name="time-outs")
    try:
        yield
    finally:
        server.close()
        node.shut_down()
        await node.emptied(node.limits.shutdown)
        await node.end(node.limits.shutdown)
        ticking.cancel()


async def _tick(node: Node) -> None:
    while True:
        await asyncio.sleep(node.limits.tick.total_seconds())
        node.tick()
