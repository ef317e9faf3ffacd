"""One key finds all that happened to an event, in what the system has printed."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Browser, ask, hear, hello
from tests.support.system import running
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

FOR_ALL = {"reward": {"n": 1}, "audience": {"kind": "everyone"}, "window_seconds": 60}


@pytest.mark.slow
async def test_an_event_is_followed_from_its_route_to_its_pushes(tmp_path: Path) -> None:
    output = tmp_path / "output.txt"

    def lines(key: str) -> list[str]:
        return [line for line in output.read_text().splitlines() if key in line]

    async with AsyncExitStack() as stack:
        system = running(tmp_path)
        browser = Browser(await asyncio.to_thread(system.__enter__), stack)
        stack.push_async_callback(asyncio.to_thread, system.__exit__, None, None, None)
        mine, other = await browser.tab(), await browser.tab()
        for tab in (mine, other):
            await hello(tab)
        await ask(mine, {"action": "act", "id": "a1", "type": "like", "body": {}})
        await hear(other)
        await until(lambda: len(lines(" act ")) == 1)
        (event,) = lines(" act ")
        request_id = event.rsplit(" ", 1)[1]
        said = [line for line in lines(request_id) if line != event]
        function, text = said[0].split(" | ")
        record = json.loads(text)
        assert (function, record["request_id"]) == ("MessageFunction", request_id)
        assert record["connection_id"] in event
        assert record["message"] == "act: pushes: 1 sent, 0 gone, 0 undelivered"
        assert len(said) == 1

        bonus_id = (await browser.api("POST", "/bonuses", FOR_ALL))["bonus_id"]
        await until(lambda: any("round 1" in line for line in lines(bonus_id)))
        order, broadcast = (json.loads(line.split(" | ")[1]) for line in lines(bonus_id)[:2])
        assert order["message"] == f"broadcast {bonus_id}: offer for everyone"
        assert re.search("round 1: 1 pages, 2 sent", broadcast["message"])
        (request,) = [line for line in lines(order["request_id"]) if "POST /bonuses" in line]
        assert " 201 " in request
