"""Servers that misbehave as they are told, one answer after the other."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
HANG_UP = b""


def saying(status: int, said: str = "{}", *fields: str) -> bytes:
    """An answer after which the connection is kept."""
    head = (f"HTTP/1.1 {status} Words", f"Content-Length: {len(said)}", *fields)
    return "\r\n".join((*head, "", said)).encode()


@dataclass
class Server:
    """What it is asked, and how many are connected."""

    answers: list[bytes | None]
    """In turn, the last one for ever; None is silence."""
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    most_connections: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/live"

    @property
    def node(self) -> str:
        return f"127.0.0.1:{self.port}/live"

    async def until_connected(self, many: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self.changed:
            await self.changed.wait_for(lambda: len(self.connections) == many)

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self.changed:
            await self.changed.wait_for(lambda: len(self.heads) == times)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        self.most_connections = max(self.most_connections, len(self.connections))
        await self._tell()
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it was left
        finally:
            self.connections.discard(writer)
            await self._tell()
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            self.bodies.append(await reader.readexactly(int(size[1]) if size else 0))
            self.heads.append(head)
            await self._tell()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await reader.read()
                return
            writer.write(answer)
            if not _is_whole(answer):
                return

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    size = re.search(rb"content-length: (\d+)\b", head, re.IGNORECASE)
    return size is not None and len(body) == int(size[1])


@asynccontextmanager
async def answering(
    *answers: bytes | None, context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server that gives these answers, and hangs up after one that is not whole."""
    server = Server(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
        for writer in server.connections:
            writer.close()
        await server.until_connected(0)
