"""Runs of the sweep that overlap, are late and die: what is evidence, and that none is lost.

Hypothesis plays them; the rules are those of docs/explanation/failure-detection.md. See
`test_presence_model` for `MODEL_EXAMPLES`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.sql.stories import HOW_MANY, play
from tests.sql.tabs import T0, Tab
from tests.support.databases import EMPTY

if TYPE_CHECKING:
    import asyncio

    import asyncpg

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
# After so long a run is taken for dead.
PATIENCE = 2 * MINUTE
USERS = [f"user-{n}" for n in range(7)]


@dataclass(eq=False)
class Page:
    cycle: datetime
    number: int
    has_more: bool
    users: list[str]
    listed_at: datetime


@dataclass
class Cycle:
    open: set[int] = field(default_factory=set)
    is_listed: bool = False


class Sweeps:
    """The SQL functions."""

    def __init__(self, runner: asyncio.Runner, db: asyncpg.Connection) -> None:
        self._runner, self._db = runner, db

    def empty(self) -> None:
        self._runner.run(self._db.execute(EMPTY))

    def connect(self, user: str, now: datetime) -> None:
        tab = Tab(user, user_id=user, expires_at=now + MINUTE)
        assert self._runner.run(tab.connect(self._db, now)) == "opened"

    def page(self, limit: int, now: datetime) -> Page:
        row = self._one("select * from sweep($1, $2)", limit, now)
        users = [user for user, *_ in json.loads(row["connections"])]
        return Page(row["cycle_started_at"], row["page"], row["has_more"], users, now)

    def finish(self, page: Page, now: datetime) -> None:
        self._one("select finish_sweep_page($1, $2, $3)", page.cycle, page.number, now)

    def evidence(self) -> datetime:
        since: datetime = self._one("select probed_since from sweep_cursor")[0]
        return since

    def _one(self, query: str, *args: object) -> Any:
        return self._runner.run(self._db.fetchrow(query, *args))


class Story(RuleBasedStateMachine):
    def __init__(self, sweeps: Sweeps) -> None:
        super().__init__()
        sweeps.empty()
        self.sweeps, self.now = sweeps, T0
        self.opened: dict[str, datetime] = {}
        self.asked: dict[str, datetime] = {}
        """Who was looked up, by a page that was handed out then or later."""
        self.held: list[Page] = []
        self.cycles: dict[datetime, Cycle] = {}
        """The one under way and the one before it."""
        self.expected = self.sweeps.evidence()

    @precondition(lambda self: len(self.opened) < len(USERS))
    @rule(pick=st.integers(0, len(USERS) - 1))
    def a_user_comes(self, pick: int) -> None:
        user = [user for user in USERS if user not in self.opened][pick % (7 - len(self.opened))]
        self.opened[user] = self.now
        self.sweeps.connect(user, self.now)

    @rule(seconds=st.sampled_from([1, 20, 61, 121]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(limit=st.integers(1, 3))
    def a_run_takes_a_page(self, limit: int) -> None:
        self.held.append(self.takes(limit))

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 7), again=st.booleans())
    def a_run_finishes(self, pick: int, again: bool) -> None:
        page = self.held[pick % len(self.held)]
        if not again:
            self.held.remove(page)
        self.finishes(page)

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 7))
    def a_run_dies(self, pick: int) -> None:
        del self.held[pick % len(self.held)]

    def takes(self, limit: int) -> Page:
        self.now += SECOND
        page = self.sweeps.page(limit, self.now)
        if page.cycle == self.now:
            before = max(self.cycles, default=None)
            self.cycles = {c: self.cycles[c] for c in self.cycles if c == before}
        cycle = self.cycles.setdefault(page.cycle, Cycle())
        if page.number not in cycle.open:
            assert not cycle.is_listed, "every session is listed once"
        cycle.open.add(page.number)
        cycle.is_listed |= not page.has_more
        return page

    def finishes(self, page: Page) -> None:
        self.sweeps.finish(page, self.now)
        for user in page.users:
            self.asked[user] = max(page.listed_at, self.asked.get(user, T0))
        cycle = self.cycles.get(page.cycle, Cycle())
        was_open = page.number in cycle.open
        cycle.open.discard(page.number)
        if was_open and cycle.is_listed and not cycle.open:
            self.expected = page.cycle
            self.cycles = {c: self.cycles[c] for c in self.cycles if c > page.cycle}
        self.holds()

    def holds(self) -> None:
        evidence = self.sweeps.evidence()
        assert evidence == self.expected, "no whole cycle is lost"
        for user, opened_at in self.opened.items():
            if opened_at < evidence - MINUTE:
                assert self.asked[user] >= evidence, "who counts as alive has been looked up"

    def teardown(self) -> None:
        """Whatever happened: a run alone comes to new evidence."""
        self.now += PATIENCE + SECOND
        for _ in range(2):
            begun = self.now
            has_more = True
            while has_more:
                page = self.takes(3)
                self.finishes(page)
                has_more = page.has_more
        assert self.sweeps.evidence() >= begun


@HOW_MANY
def test_no_cycle_is_lost_and_none_is_invented(shared_dsn: str, stories: int) -> None:
    play(Story, Sweeps, shared_dsn, stories)
