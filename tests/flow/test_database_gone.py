"""PostgreSQL gone in mid-run: handlers answer an error, and work again when it is back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.browser import Browser, ask, hello
from tests.support.system import running

if TYPE_CHECKING:
    from pathlib import Path


class Line:
    """A way to a server that can be cut: a relay on a port that stays the same."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.at = 0
        self.server: asyncio.Server | None = None
        self.relays: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        self.server = await asyncio.start_server(self._relay, "127.0.0.1", self.at)
        self.at = self.server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self.server is not None
        self.server.close()
        for relay in self.relays:
            relay.cancel()
        await asyncio.gather(*self.relays, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.relays.add(task)
        there, back = await asyncio.open_connection(self.host, self.port)
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            self.relays.discard(task)
            writer.transport.abort()
            back.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.transport.abort()


@pytest.mark.slow
async def test_the_database_gone_and_back(own_dsn: str, tmp_path: Path) -> None:
    address = urlsplit(own_dsn)
    line = Line(address.hostname or "", address.port or 0)
    await line.join()
    netloc = address.netloc.replace(f":{address.port}", f":{line.at}")
    system = running(tmp_path, DATABASE_URL=urlunsplit(address._replace(netloc=netloc)))
    async with AsyncExitStack() as stack:
        headcount = await asyncio.to_thread(system.__enter__)
        stack.push_async_callback(asyncio.to_thread, system.__exit__, None, None, None)
        stack.push_async_callback(line.cut)
        browser = Browser(headcount, stack)
        tab = await browser.tab()
        assert (await hello(tab))["type"] == "welcome"
        spare = await browser.ticket()

        await line.cut()
        reply = await ask(tab, {"action": "act", "id": "a1", "type": "like", "body": {}})
        assert (reply["type"], reply["code"], reply["re"]) == ("error", "unavailable", "a1")
        with pytest.raises(InvalidStatus) as caught:
            await browser.tab(spare)
        assert caught.value.response.status_code == 503

        await line.join()
        reply = await ask(tab, {"action": "act", "id": "a1", "type": "like", "body": {}})
        assert (reply["type"], reply["event"]["seq"]) == ("acted", 1)
        await browser.tab(spare)
        await line.cut()
        await line.join()
        assert (await hello(tab))["session"]["connections"] == 2
