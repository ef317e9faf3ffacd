"""What says nothing when it ends: a line that is dead and open, a stuck leader, a crashed tab."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sharing import Tabs, has_one_connection, have_all
from tests.support.waiting import PATIENCE_SECONDS, until_answered

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.browser.windows import Window
    from tests.support.system import Headcount

# A browser of its own.
pytestmark = pytest.mark.slow

# What a claim's outcome is, and how long it took, in milliseconds.
CLAIM = """(async (bonusId) => {
    const start = performance.now();
    const { outcome } = await headcount.claim(bonusId);
    return [outcome, performance.now() - start];
})"""
OFFER = """post("/bonuses", {
    reward: {}, window_seconds: 600, audience: { kind: "users", user_ids: ["Liv"] },
})"""
# The page waits for an answer that does not come, and runs nothing: it cannot say so.
STUCK = """(async (url) => {
    const request = new XMLHttpRequest();
    request.open("GET", url, false);
    request.send();
})"""
IS_SEEN = """
select exists(select from watching_times w cross join jsonb_each(w.nodes) as n
              cross join jsonb_each(n.value) as c
              where w.user_id = $1 and w.ended_at is null and not c.value ? 'hidden')
"""


@dataclass
class Proxy:
    """Passes bytes on to a port, until its connections go silent: open, and of no use."""

    target: int
    port: int = 0
    is_silent: set[StreamWriter] = field(default_factory=set)
    open: set[StreamWriter] = field(default_factory=set)
    writers: list[StreamWriter] = field(default_factory=list)
    serving: set[asyncio.Task[Any] | None] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def silence(self) -> None:
        """What comes and goes from now on over the connections that are open is lost."""
        self.is_silent |= self.open

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.open.add(writer)
        self.serving.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers += [writer, back]
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pass(reader, back, writer))
            both.create_task(self._pass(there, writer, writer))

    async def end(self) -> None:
        """End all connections, the silent ones too."""
        for writer in self.writers:
            writer.transport.abort()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*filter(None, self.serving))

    async def _pass(self, reader: StreamReader, writer: StreamWriter, line: StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if line not in self.is_silent:
                    writer.write(data)
                    await writer.drain()
        if line not in self.is_silent:
            writer.close()


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[Proxy]:
    """One in front of the port of this URL."""
    found = re.search(r":(\d+)", url)
    assert found
    made = Proxy(int(found[1]))
    server = await asyncio.start_server(made.serve, "127.0.0.1")
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.end()


@pytest.mark.parametrize("who", ["the leader", "another tab"])
async def test_a_claim_into_a_dead_line_is_answered_over_the_next_one(
    headcount: Headcount, window: Window, rows: asyncpg.Connection, who: str
) -> None:
    """Its own ping finds that out; the idle line's would come after minutes."""
    async with proxy(headcount.websocket_url) as line:
        via = re.sub(r"//[^/]+", f"//{line.address}", headcount.websocket_url)
        tabs = Tabs(window, headcount, "Liv", via)
        for _ in range(2):
            await tabs.open()
        leader = await tabs.leader()
        bonus = await leader.runs(OFFER)
        line.silence()
        tab = next(one for one in tabs.running if (one is leader) == (who == "the leader"))
        outcome, milliseconds = await tab.runs(f"{CLAIM}({json.dumps(bonus['bonus_id'])})")
        print(f"a claim of {who} into a dead line was answered after {milliseconds / 1_000:.1f} s")
        assert outcome == "claimed"
        seq = await rows.fetchval("select max(seq) from user_events where user_id = 'Liv'")
        await have_all(tabs, seq)


async def test_a_leader_that_is_stuck_loses_the_lead(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    tabs = Tabs(window, headcount, "Ulf")
    for _ in range(3):
        await tabs.open()
    leader = await tabs.leader()
    async with proxy(headcount.base_url) as nowhere:
        nowhere.is_silent = nowhere.open  # from the first byte
        await window.tell(
            "Runtime.evaluate",
            leader.session,
            expression=f"{STUCK}('http://{nowhere.address}/')",
        )
        tabs.running.remove(leader)
        milliseconds = await tabs.running[0].runs(
            "(async (start) => (await headcount.act('like'), performance.now() - start))"
            "(performance.now())"
        )
        print(f"a stuck leader was noticed after {milliseconds / 1_000:.1f} s")
        await have_all(tabs, 1)
        assert leader is not await tabs.leader()
    tabs.running.append(leader)
    await have_all(tabs, 1)
    await has_one_connection(rows, "Ulf")


async def test_a_visible_tab_that_crashes_is_seen_no_more(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    """Its lock is free then, so the tab with the connection hears of it."""
    tabs = Tabs(window, headcount, "Vik")
    leader, visible = [await tabs.open() for _ in range(2)]
    await visible.comes_to_the_front()

    async def is_seen() -> bool:
        return bool(await rows.fetchval(IS_SEEN, "Vik"))

    await until_answered(is_seen)
    await tabs.ends(visible, "crashes")

    async def is_unseen() -> bool:
        return not await is_seen()

    await until_answered(is_unseen)
    assert await leader.runs("leads()")
    await has_one_connection(rows, "Vik")
