"""A node's port: accept sockets, check time-outs, and close every connection at the end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from wsgate.transport.http_protocol import HttpNode, HttpProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator
    from datetime import timedelta


BACKLOG = 4096


class ListeningNode(HttpNode, Protocol):
    """A node with a beginning and an end."""

    def tick(self) -> None: ...
    def shut_down(self) -> None: ...
    async def emptied(self, within: timedelta) -> None: ...
    async def end(self, within: timedelta) -> None: ...


@contextlib.asynccontextmanager
async def listening(node: ListeningNode, listener: socket.socket) -> AsyncIterator[None]:
    """Accept connections. On exit accept no more, close all with 1001, and finish $disconnects."""
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


async def _tick(node: ListeningNode) -> None:
    while True:
        await asyncio.sleep(node.limits.tick.total_seconds())
        node.tick()
