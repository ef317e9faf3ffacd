"""The tabs of a real browser have one connection, whichever of them is closed, crashes or freezes.

HANDOVERS=100 .venv/bin/python -m pytest tests/browser/test_one_connection.py
"""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.browser.sharing import Tabs, has_one_connection, have_all
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    import asyncpg

    from tests.browser.windows import Window
    from tests.support.system import Headcount

# A browser of its own.
pytestmark = pytest.mark.slow

HANDOVERS = int(os.environ.get("HANDOVERS", "9"))
SESSIONS = "select count(*) from sessions where user_id = $1"


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
    tabs = Tabs(window, headcount, "Kit")
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
    await has_one_connection(rows, "Kit")
    assert await rows.fetchval(SESSIONS, "Kit") == 1, "the user never left"
    for told in await tabs.told():
        assert "offline" not in told["statuses"]
