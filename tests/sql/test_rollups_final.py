"""What is rolled up is final: whatever is found out later, the sums of its quarters stay.

Users come, move, hide, go, or die without a report, for half a day; the sweep asks some of them,
page by page, and does not always come to the end. What was rolled up on the way must be what the
sessions say at the end. `WORLDS=500 .venv/bin/python -m pytest tests/sql/test_rollups_final.py`
plays more.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.sql.tabs import Tab, finalize

if TYPE_CHECKING:
    import asyncpg

WORLDS = int(os.environ.get("WORLDS", "3"))
# The longest that a deployment may have.
GRACE = timedelta(minutes=10)
T0 = datetime(2026, 3, 28, 20, tzinfo=UTC)
TWO_HOURS, SECOND = timedelta(hours=2), timedelta(seconds=1)
LENGTH = 12 * timedelta(hours=1)
DIFFERENT = """
with made as (
    select * from rollups_between($1, (select rolled_up_to from rollup_state), $2, false)
    union all select * from rollups_between($1, (select rolled_up_to from rollup_state), $2, true)
)
(select 'kept', * from (table rollups except table made) as gone)
union all (select 'right', * from (table made except table rollups) as missing)
"""


@dataclass
class Played:
    """A tab that is listed, as far as its user knows."""

    tab: Tab
    opened_at: datetime
    is_dead: bool = False
    changes: int = 0


@dataclass
class World:
    db: asyncpg.Connection
    dice: Random
    now: datetime = T0
    tabs: dict[str, Played] = field(default_factory=dict)
    made: int = 0

    async def plays(self) -> None:
        await self.db.execute("update line_limits set wait_for_lost = '40 minutes'")
        while self.now < T0 + LENGTH:
            self.now += self.dice.choice((20 * SECOND, 300 * SECOND, 900 * SECOND)) * (
                self.dice.random()
            )
            await self.dice.choice((self.comes, self.goes, self.goes, self.moves, self.hides))()
            await self.ends_the_old()
            if self.dice.random() < 0.6:
                await self.sweeps()
            if self.dice.random() < 0.5:
                await finalize(self.db, self.now)
            await self.db.execute("select roll_up($1, $2)", self.dice.randint(1, 9), self.now)

    def some(self) -> Played | None:
        alive = [one for one in self.tabs.values() if not one.is_dead]
        return self.dice.choice(alive) if alive else None

    async def comes(self) -> None:
        for _ in range(self.dice.randint(1, 3)):
            self.made += 1
            user, resource = self.dice.choice("abcd"), self.dice.choice("xyz")
            tab = Tab(f"tab-{self.made}", user, resource, expires_at=self.now + 30 * SECOND)
            await self.db.execute(
                "select connect($1, $2, $3, $4, $5, $6, $7, p_now => $8)",
                *(user, resource, tab.node, tab.name, f"ticket-{tab.name}", tab.expires_at),
                *(GRACE, self.now),
            )
            self.tabs[tab.name] = Played(tab, self.now)

    async def goes(self) -> None:
        if (one := self.some()) is None:
            return
        how = self.dice.choice(("client", "lost", "nothing"))
        await self.ends(one, how)

    async def ends(self, one: Played, how: str) -> None:
        if how == "nothing":
            one.is_dead = True
            return
        await self.db.execute(
            "select disconnect($1, $2, $3, $4, $5, $6, p_grace => $7, p_now => $8)",
            *(one.tab.user_id, one.tab.node, one.tab.name, how, f"ticket-{one.tab.name}"),
            *(one.tab.expires_at, GRACE, self.now),
        )
        del self.tabs[one.tab.name]

    async def ends_the_old(self) -> None:
        """API Gateway ends them, and does not always say so."""
        for one in [*self.tabs.values()]:
            if not one.is_dead and one.opened_at < self.now - TWO_HOURS:
                await self.ends(one, self.dice.choice(("expired", "nothing")))

    async def moves(self) -> None:
        if one := self.some():
            await self.db.execute(
                "select watch($1, $2, $3, $4, $5, p_now => $6)",
                *(one.tab.user_id, one.tab.node, one.tab.name, self.dice.choice("xyz")),
                *(GRACE, self.now),
            )

    async def hides(self) -> None:
        """Or is shown; the first report may come late, and tells of all the time before it."""
        if one := self.some():
            one.changes += 1
            await self.db.execute(
                "select visibility($1, $2, $3, $4, $5, p_now => $6)",
                *(one.tab.user_id, one.tab.node, one.tab.name, self.dice.random() < 0.4),
                *(one.changes, self.now),
            )

    async def sweeps(self) -> None:
        """A page or more; what does not answer is suspect."""
        for _ in range(self.dice.randint(1, 5)):
            page = await self.db.fetchrow("select * from sweep(3, $1)", self.now)
            gone: list[tuple[str, str, str, str]] = []
            silent: list[tuple[str, str, str, bool]] = []
            for user, node, name, is_expired, is_suspect in json.loads(page["connections"]):
                answers = self.dice.random() < 0.7
                if is_expired:
                    gone.append((user, node, name, "expired"))
                elif answers and (name not in self.tabs or self.tabs[name].is_dead):
                    gone.append((user, node, name, "swept"))
                elif answers == is_suspect:
                    silent.append((user, node, name, not answers))
            if gone:
                await self.db.execute(
                    "select forget($1, $2, $3, $4, $5, $6)", *columns(gone), GRACE, self.now
                )
            if silent:
                await self.db.execute("select suspect($1, $2, $3, $4)", *columns(silent))
            if self.dice.random() < 0.03:
                return  # it dies before it says that the page is done
            await self.db.execute(
                "select finish_sweep_page($1, $2, $3)",
                *(page["cycle_started_at"], page["page"], self.now),
            )
            if not page["has_more"]:
                return


def columns(
    rows: list[tuple[str, str, str, str]] | list[tuple[str, str, str, bool]],
) -> list[object]:
    return [list(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_what_is_rolled_up_stays_right(db: asyncpg.Connection, seed: int) -> None:
    dice = Random(seed)  # noqa: S311  # no secret
    zone = dice.choice(("UTC", "Europe/Berlin", "Asia/Kolkata"))
    await db.execute(f"set timezone = '{zone}'")
    world = World(db, dice)
    await world.plays()
    assert await db.fetchval("select count(*) from rollups") > 50
    assert await db.fetch(DIFFERENT, T0 - TWO_HOURS, world.now) == []
