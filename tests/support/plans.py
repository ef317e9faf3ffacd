"""The plans of what runs in a database, also inside functions: the server tells each to the client.

https://www.postgresql.org/docs/current/auto-explain.html, 2026-11-24.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Crowd:
    """The crowd's database; what runs here tells its plans."""

    def __init__(self, db: asyncpg.Connection) -> None:
        self._db = db
        self._said: list[str] = []
        db.add_log_listener(lambda _db, message: self._said.append(message.message))

    @classmethod
    @asynccontextmanager
    async def of(cls, dsn: str) -> AsyncIterator[Crowd]:
        """What is done to it is undone at the end."""
        db = await asyncpg.connect(dsn)
        transaction = db.transaction()
        await transaction.start()
        crowd = cls(db)
        await crowd.begin()
        yield crowd
        await transaction.rollback()
        await db.close()

    async def begin(self) -> None:
        await self._db.execute(
            "load 'auto_explain';"
            "set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;"
            "set auto_explain.log_analyze = on; set auto_explain.log_format = json;"
            "set client_min_messages = log;"
            # A function's statement is planned for whatever parameters after its fifth call.
            "set plan_cache_mode = force_generic_plan"
        )

    async def does(self, query: str, *args: object) -> list[dict[str, Any]]:
        """Every node of every plan that ran."""
        self._said.clear()
        await self._db.fetch(query, *args)
        # A plan is told when its portal makes room for the next, and to us at the loop's next turn.
        await self._db.execute("select")
        await asyncio.sleep(0)
        plans = [json.loads(said[said.index("{") :])["Plan"] for said in self._said if "{" in said]
        return [node for plan in plans for node in _nodes(plan)]

    async def hot_updates(self, query: str, *args: object) -> tuple[int, int]:
        """(rows of watching_times updated, those of them within their page and in no index)"""
        count = (
            "select pg_stat_get_xact_tuples_updated('watching_times'::regclass),"
            " pg_stat_get_xact_tuples_hot_updated('watching_times'::regclass)"
        )
        before = await self._db.fetchrow(count)
        await self._db.fetch(query, *args)
        after = await self._db.fetchrow(count)
        return after[0] - before[0], after[1] - before[1]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)
