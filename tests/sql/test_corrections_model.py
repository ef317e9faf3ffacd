"""Corrections and roll-ups together: whatever comes first, each report is that of the sessions.

Time passes, sessions become past, some of them are corrected, and quarter hours are rolled up or
made again, in any order. Then reports are compared with brute force on the same sessions, as they
were corrected and as they were recorded. `MODEL_EXAMPLES=5000 pytest
tests/sql/test_corrections_model.py` plays other stories each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.sql.book import Book, correct_some, reports_are_right, sums_are_right
from tests.sql.stories import how_many, play
from tests.sql.tabs import WRONG_TOTALS
from tests.support import stays
from tests.support.databases import EMPTY
from tests.support.rollups import has_swept, roll_up
from tests.support.stays import World
from tests.support.truth import T0, ZONES, some_span

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from datetime import datetime

    import asyncpg

    from tests.support.stays import Span, Stay

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
LENGTH = 30 * HOUR
SEEDS = st.integers(0, 2**32)
# A story takes a second. Of seven faults put into the SQL, four showed by the ninth story, two
# after the sixtieth.
HOW_MANY = how_many(4, 100)
STEPS = 12


@dataclass
class Database:
    runner: asyncio.Runner
    db: asyncpg.Connection

    def run(self, what: Coroutine[object, object, object]) -> None:
        self.runner.run(what)


def until(world: World, now: datetime) -> World:
    """What is recorded before then; what goes on has been visible as far as it was by then.

    A session that begins at that very moment is recorded next: a report up to then has no time of
    it, and may count it or not.
    """
    found = []
    for one in world.stays:
        if one.joined_at < now:
            is_open = one.ended_at is None or one.ended_at > now
            shown = one.visible and tuple((a, min(b, now)) for a, b in one.visible if a < now)
            found.append(replace(one, ended_at=None, visible=shown) if is_open else one)
    return World(found, now)


class Story(RuleBasedStateMachine):
    """A day of users, of which each rule plays a part."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database, self.db = database, database.db

    @initialize(seed=SEEDS)
    def begins(self, seed: int) -> None:
        dice = Random(seed)  # noqa: S311  # no secret
        self.whole = stays.generated(dice, T0, LENGTH, 6)
        self.stored: set[Stay] = set()
        self.book = Book(World([], T0))
        self.database.run(self.db.execute(f"{EMPTY}; set timezone = '{dice.choice(ZONES)}'"))
        self._moves_to(T0 + dice.randint(0, 80) * QUARTER)
        self.rolls_up(9, 0)

    @rule(quarters=st.integers(1, 60), part=st.sampled_from([0, 0.5]))
    def passes(self, quarters: int, part: float) -> None:
        self._moves_to(min(self.book.recorded.now + (quarters + part) * QUARTER, self.whole.now))

    @rule(seed=SEEDS, count=st.integers(1, 9))
    def corrects(self, seed: int, count: int) -> None:
        """Sessions of which nothing more is to come."""
        now = self.book.recorded.now
        coming = {
            one.session_id for one in self.whole.stays if one.ended_at is None or one.ended_at > now
        }
        over = [one for one in self.book.recorded.stays if one.session_id not in coming]
        if over:
            dice = Random(seed)  # noqa: S311  # no secret
            self.database.run(correct_some(self.db, dice, self.book, count, over))

    @rule(limit=st.integers(1, 40), late=st.sampled_from([0, 1, 5]))
    def rolls_up(self, limit: int, late: int) -> None:
        self.database.run(self._rolls_up(limit, late * QUARTER))

    @rule(limit=st.integers(1, 40))
    def rolls_up_a_part(self, limit: int) -> None:
        now = self.book.recorded.now
        self.database.run(has_swept(self.db, now))
        self.database.run(self.db.fetch("select roll_up($1, $2)", limit, now))

    @rule(begins=st.integers(0, 120), quarters=st.integers(1, 60))
    def rebuilds(self, begins: int, quarters: int) -> None:
        since = T0 + begins * QUARTER
        asked = (since, since + quarters * QUARTER, self.book.recorded.now)
        self.database.run(self.db.fetch("select rebuild_rollups($1, $2, $3)", *asked))

    @rule(seed=SEEDS, is_corrected=st.booleans())
    def is_reported(self, seed: int, is_corrected: bool) -> None:
        dice = Random(seed)  # noqa: S311  # no secret
        begins, ends = some_span(dice, LENGTH)
        span = (min(begins, self.book.recorded.now - HOUR), ends)
        self._reports_are_right(span, dice.choice(ZONES), is_corrected)

    def teardown(self) -> None:
        """In the end both truths, and the totals of users."""
        for is_corrected in (True, False):
            self._reports_are_right((T0 - 2 * LENGTH, T0 + LENGTH), "UTC", is_corrected)
        self.database.run(self._totals_are_right())

    def _reports_are_right(self, span: Span, zone: str, is_corrected: bool) -> None:
        world = self.book.in_force() if is_corrected else self.book.recorded
        self.database.run(reports_are_right(self.db, world, span, zone, is_corrected))

    async def _totals_are_right(self) -> None:
        await sums_are_right(self.db, self.book.in_force())
        wrong = await self.db.fetch(WRONG_TOTALS)
        assert [row for row in wrong if row["past"] or row["watched"] or row["hidden"]] == []

    async def _rolls_up(self, limit: int, late: timedelta) -> None:
        now = self.book.recorded.now
        await has_swept(self.db, now - late)
        await roll_up(self.db, now, limit)

    def _moves_to(self, now: datetime) -> None:
        world = until(self.whole, now)
        self.book.goes_on(world)
        fresh = [one for one in world.stays if one.ended_at and one not in self.stored]
        self.stored |= set(fresh)
        is_open = [one for one in world.stays if one.ended_at is None]
        self.database.run(self.db.execute("delete from watching_times"))
        self.database.run(World([*fresh, *is_open], now).store(self.db))


@HOW_MANY
def test_reports_are_those_of_the_sessions_whatever_came_first(
    shared_dsn: str, stories: int
) -> None:
    play(Story, Database, shared_dsn, stories, STEPS)
