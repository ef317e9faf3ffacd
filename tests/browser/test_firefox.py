"""The main story in Firefox: two tabs share a connection, claim, and hand it over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.browser.firefox import opened
from tests.browser.sharing import PAGE, has_one_connection
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    from tests.support.system import Headcount

# A browser of its own.
pytestmark = pytest.mark.slow

OFFER = """post("/bonuses", {
    reward: {}, window_seconds: 600, audience: { kind: "users", user_ids: ["Fia"] },
})"""


async def test_two_tabs_share_a_connection_claim_and_hand_it_over(
    headcount: Headcount, tmp_path: Path, rows: asyncpg.Connection
) -> None:
    async with opened(tmp_path) as firefox:
        tabs = []
        for _ in range(2):
            tab = await firefox.tab(f"{headcount.base_url}/client/src/headcount.js")
            await tab.runs(f"{PAGE}({json.dumps(['Fia', headcount.service_token, None])})")
            tabs.append(tab)
        first, second = tabs
        await has_one_connection(rows, "Fia")
        assert [await tab.runs("leads()") for tab in tabs] == [True, False]
        bonus = await first.runs(OFFER)
        claim = await second.runs(f"headcount.claim({json.dumps(bonus['bonus_id'])})")
        assert claim["outcome"] == "claimed"
        await first.closes()
        await second.runs("headcount.act('like')")
        assert await second.runs("leads()")
        seq = await rows.fetchval("select max(seq) from user_events where user_id = 'Fia'")

        async def has_all() -> bool:
            told = await second.runs("told")
            return bool(told["snapshots"] + told["seqs"] == list(range(seq + 1)))

        await until_answered(has_all)
        assert "offline" not in (await second.runs("told"))["statuses"]
        await has_one_connection(rows, "Fia")
