"""Several nodes of one command: their processes, and clients that are spread over them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from websockets.asyncio.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from command import Command

MANY = 24


@contextlib.asynccontextmanager
async def clients(command: Command, many: int = MANY) -> AsyncIterator[dict[str, ClientConnection]]:
    """Connections by id."""
    async with contextlib.AsyncExitStack() as stack:
        found = {}
        for _ in range(many):
            url = f"ws://{command.base}/dev?ticket=ann"
            client = await stack.enter_async_context(connect(url))
            await client.send("{}")
            found[json.loads(await client.recv())["connectionId"]] = client
        yield found


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def nodes(command: Command) -> list[int]:
    def line(pid: int) -> bytes:
        with contextlib.suppress(OSError):  # it has just ended
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        return b""

    return [pid for pid in children(command.process.pid) if b"wsgate.node.process" in line(pid)]
