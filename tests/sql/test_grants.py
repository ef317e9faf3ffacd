"""Lists that grow with every show are read by an index, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers.adapters.statements import text

if TYPE_CHECKING:
    import asyncpg

LISTS = {
    "grants": (
        "7, 7, '-infinity', 'infinity', 100",
        "claims_grants",
        "ROW(xid, grant_id) > ROW(",
    ),
    "bonuses": (f"now(), '{'0' * 32}', 100", "bonuses_newest", "ROW(created_at, bonus_id) < ROW("),
}


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_is_read_by_an_index_in_order(db: asyncpg.Connection, name: str) -> None:
    parameters, index, condition = LISTS[name]
    async with db.transaction():
        await db.execute(
            "set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan;"
            # Of the few rows here a sort is cheap. Where no index has the order, it stays.
            "set local enable_sort = off"
        )
        await db.execute(f"prepare listed as {text(name)}")
        lines = [line for (line,) in await db.fetch(f"explain execute listed({parameters})")]
    await db.execute("deallocate listed")
    plan = "\n".join(lines)
    assert index in plan, plan
    assert any(condition in line for line in lines if "Index Cond" in line), plan
    assert "Sort" not in plan, plan
