"""A server with uvicorn and FastAPI: python -m bench.peers.serve_fastapi PORT default|tuned.

It sends each line of its standard input to all connections, and ends with its standard input. The
list of connections and the loop over it are those of FastAPI's documentation.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from bench.peers.standard_input import lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TUNED: dict[str, Any] = {
    "access_log": False,
    "backlog": 4096,
    "log_level": "warning",
    "ws_max_size": 128 * 1024,
    "ws_per_message_deflate": False,
}
_connections: list[WebSocket] = []


@contextlib.asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    sending = asyncio.create_task(_send_each_line())
    yield
    sending.cancel()


async def _send_each_line() -> None:
    async for line in lines():
        for connection in list(_connections):
            await connection.send_text(line)
    os.kill(os.getpid(), signal.SIGKILL)  # without a wait for the connections


app = FastAPI(lifespan=_lifespan)


@app.websocket("/")
async def stay(connection: WebSocket) -> None:
    """Keep the connection until its client leaves."""
    await connection.accept()
    _connections.append(connection)
    try:
        while True:
            await connection.receive_text()
    except WebSocketDisconnect:
        _connections.remove(connection)


if __name__ == "__main__":
    _, port, how = sys.argv
    uvicorn.run(app, host="127.0.0.1", port=int(port), **(TUNED if how == "tuned" else {}))
