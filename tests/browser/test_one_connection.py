"""The tabs of a real browser have one connection, whichever of them is closed, crashes or freezes.

HANDOVERS=100 .venv/bin/python -m pytest tests/browser/test_one_connection.py
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.windows import opened
from tests.support.chromium import chromium_with_windows
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from tests.browser.windows import Window, WindowTab
    from tests.support.system import Headcount

# A browser of its own.
pytestmark = pytest.mark.slow

HANDOVERS = int(os.environ.get("HANDOVERS", "9"))
# Open connections of the user, and sessions.
OPEN = """
select count(c.value)
  from watching_times w
       cross join jsonb_each(w.nodes) as n cross join jsonb_each(n.value) as c
 where w.user_id = $1 and w.ended_at is null
"""
SESSIONS = "select count(*) from sessions where user_id = $1"
LOADED = "location.protocol === 'http:' && document.readyState === 'complete'"
# A page that counts what it is told, and knows whether it has a WebSocket of its own.
PAGE = """(async ([user, token]) => {
    const { Headcount } = await import("/client/src/headcount.js");
    const post = (path, order) => fetch(path, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(order),
    }).then((response) => response.json());
    const sockets = [];
    class Counted extends WebSocket {
        constructor(url) {
            super(url);
            sockets.push(this);
        }
    }
    const ticket = () => post("/tickets", { user_id: user });
    const headcount = new Headcount({ ticket, WebSocket: Counted });
    const told = { statuses: [], snapshots: [], seqs: [], bonuses: [] };
    headcount.on("status", ({ status }) => told.statuses.push(status));
    headcount.on("snapshot", ({ seq }) => told.snapshots.push(seq));
    headcount.on("event", ({ seq }) => told.seqs.push(seq));
    headcount.on("bonus", ({ bonus_id, outcome }) => {
        if (outcome === null) told.bonuses.push(bonus_id);
    });
    const leads = () => sockets.some(({ readyState }) => readyState === WebSocket.OPEN);
    Object.assign(window, { headcount, post, told, leads });
    if (headcount.status.status === "online") return;
    await new Promise((resolve) => headcount.on("welcome", resolve));
})"""


@dataclass
class Tabs:
    """Tabs of one user in one window, all of them hidden."""

    window: Window
    headcount: Headcount
    user: str
    running: list[WindowTab] = field(default_factory=list)
    frozen: list[WindowTab] = field(default_factory=list)

    async def open(self) -> WindowTab:
        tab = await self.window.tab(
            f"{self.headcount.base_url}/client/src/headcount.js", is_behind=True
        )

        async def is_loaded() -> bool:
            return bool(await tab.runs(LOADED))

        await until_answered(is_loaded)
        await tab.runs(f"{PAGE}({json.dumps([self.user, self.headcount.service_token])})")
        self.running.append(tab)
        return tab

    async def leader(self) -> WindowTab:
        found: list[WindowTab] = []

        async def is_there() -> bool:
            found[:] = [tab for tab in self.running if await tab.runs("leads()")]
            return len(found) == 1

        await until_answered(is_there)
        return found[0]

    async def ends(self, tab: WindowTab, how: str) -> None:
        self.running.remove(tab)
        if how == "closes":
            await tab.closes()
        elif how == "crashes":
            await tab.crashes()
        else:
            await tab.falls_asleep()
            self.frozen.append(tab)

    async def thaw(self) -> None:
        for tab in self.frozen:
            await tab.wakes_up()
        self.running += self.frozen
        self.frozen.clear()

    async def told(self) -> list[dict[str, Any]]:
        return [await tab.runs("told") for tab in self.running]


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    async with opened(chromium_with_windows(), tmp_path) as window:
        yield window


async def has_one_connection(rows: asyncpg.Connection, user: str) -> None:
    async def is_one() -> bool:
        return bool(await rows.fetchval(OPEN, user) == 1)

    await until_answered(is_one)


async def have_all(tabs: Tabs, seq: int) -> None:
    """Each tab was told each event up to this one, once and in order."""

    async def have() -> bool:
        return all((told["snapshots"] + told["seqs"])[-1] == seq for told in await tabs.told())

    await until_answered(have)
    for told in await tabs.told():
        assert len(told["snapshots"]) == 1
        assert told["seqs"] == list(range(told["snapshots"][0] + 1, seq + 1))


async def test_twenty_tabs_with_three_bonuses_have_one_connection(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    tabs = Tabs(window, headcount, "Ida")
    for _ in range(20):
        await tabs.open()
    await has_one_connection(rows, "Ida")
    leader = await tabs.leader()
    first, *others = [tab for tab in tabs.running if tab is not leader]
    offer = """post('/bonuses', {
        reward: {}, window_seconds: 600, acknowledge: true,
        audience: {kind: 'users', user_ids: ['Ida']},
    })"""
    bonuses = [(await leader.runs(offer))["bonus_id"] for _ in range(3)]

    async def have_bonuses() -> bool:
        return all(sorted(told["bonuses"]) == sorted(bonuses) for told in await tabs.told())

    await until_answered(have_bonuses)
    claimed = await first.runs(f"headcount.claim({json.dumps(bonuses[0])})")
    assert claimed["outcome"] == "claimed"
    await others[0].runs("headcount.act('like')")
    seq = await rows.fetchval("select max(seq) from user_events where user_id = 'Ida'")
    await have_all(tabs, seq)
    await has_one_connection(rows, "Ida")
    assert await rows.fetchval(SESSIONS, "Ida") == 1
    for told in await tabs.told():
        assert told["statuses"][-1:] == ["online"]
        assert set(told["statuses"]) <= {"connecting", "online"}


async def test_hand_overs_at_random_lose_no_event(
    headcount: Headcount, window: Window, rows: asyncpg.Connection
) -> None:
    tabs = Tabs(window, headcount, "Kim")
    for _ in range(4):
        await tabs.open()
    for number in range(HANDOVERS):
        leader = await tabs.leader()
        how = ("closes", "crashes", "freezes")[number % 3]
        await next(tab for tab in tabs.running if tab is not leader).runs(
            "void headcount.act('like')"
        )
        await tabs.ends(leader, how)
        await random.choice(tabs.running).runs("headcount.act('like')")  # noqa: S311  # no secret
        await have_all(tabs, 2 * (number + 1))
        if len(tabs.frozen) > 1:
            await tabs.thaw()
        while len(tabs.running) < 4:
            await tabs.open()
    await tabs.thaw()
    await have_all(tabs, 2 * HANDOVERS)
    await has_one_connection(rows, "Kim")
    assert await rows.fetchval(SESSIONS, "Kim") == 1, "the user never left"
    for told in await tabs.told():
        assert "offline" not in told["statuses"]
