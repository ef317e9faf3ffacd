"""PostgreSQL gone in mid-run: handlers answer an error, and work again when it is back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.browser import Browser, ask, hello
from tests.support.line import Line
from tests.support.system import running

if TYPE_CHECKING:
    from pathlib import Path


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
