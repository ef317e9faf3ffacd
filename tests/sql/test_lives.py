"""Generated lives: what is told and paid of each person, beside what they did and what passed.

Each life is some tabs of one user: on several devices and resources, over each other or one after
the other, hidden, shown, moved, closed, cut, or dead without a report. A storm cuts all of them at
once. They are played into the SQL functions on one clock, with a sweep, a finalize and the awards
each minute. Then the tables are compared with sums that know nothing of how they were made.

`LIVES=100000 pytest -v tests/sql/test_lives.py` plays as many, each time other ones, and names each
cohort of 2,000 that passed; without it they are few, and always the same. `LIVES_SEED=7` plays the
same ones again, and with it `LIVES_FROM=40000` goes on after the first 40,000.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count, pairwise
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import pytest

from tests.sql.presence_world import merged
from tests.sql.tabs import GRACE, WRONG_TOTALS, Tab, finalize, forget, probed, says
from tests.support.campaigns import begin, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import asyncpg

LIVES = int(os.environ.get("LIVES", "0"))
FROM = int(os.environ.get("LIVES_FROM", "0"))
SEED = os.environ.get("LIVES_SEED", str(random.random() if LIVES else 0))  # noqa: S311  # no secret
# So many share a clock.
COHORT = min(LIVES or 150, 2_000)
COHORTS = range(FROM // COHORT, -(-(LIVES or COHORT) // COHORT))

SECOND = 1_000
MINUTE = 60 * SECOND
LENGTH = 100 * MINUTE
WAIT = 5 * MINUTE
RESOURCES = ("one", "two", "three")
NODES = ("one.example/live", "two.example/live")
# Both changes of a clock that knows summer, a new month, and any day.
BEGINNINGS = ("2026-03-29T00:20", "2026-10-25T00:20", "2026-02-28T23:20", "2026-06-10T12:00")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
CHECKED_EACH = 30 * MINUTE
# How often a tab is hidden or shown; so often that its session is divided, at most.
FLIPS = (*[0] * 12, *[1, 2, 3] * 2, 5, 25)
MILLISECOND = timedelta(milliseconds=1)
PAID = """
select p.user_id, right(p.campaign_id::text, 1)::integer, coalesce(p.awarded[1], 0),
       (select count(*) from offers o join bonuses b using (bonus_id)
         where o.user_id = p.user_id and b.rule_id = p.campaign_id)
  from campaign_progress p
"""

Ending = Literal["client", "lost", "nothing"]
ENDINGS: tuple[Ending, ...] = ("client", "client", "lost", "nothing")
Times = list[tuple[int, int]]


@dataclass(eq=False)
class Stay:
    """One tab, from its $connect to its true end; in milliseconds since the cohort began."""

    tab: Tab
    begins: int
    ends: int
    moves: list[tuple[int, str]]
    says: Ending
    is_born_hidden: bool
    flips: list[int]
    """When it is shown, or hidden."""
    found_at: int | None = None
    """When the sweep found it gone, if it said nothing."""

    def times(self, until: int, *, is_visible: bool = False) -> Iterator[tuple[str, int, int]]:
        """(resource, from when, to when)"""
        edges = [(self.begins, self.tab.resource), *self.moves, (self.ends, "")]
        for (begins, resource), (ends, _) in pairwise(edges):
            for a, b in self._shown() if is_visible else [(begins, ends)]:
                if max(a, begins) < min(b, ends, until):
                    yield resource, max(a, begins), min(b, ends, until)

    def _shown(self) -> Times:
        edges = [*([] if self.is_born_hidden else [self.begins]), *self.flips, self.ends]
        return list(zip(edges[::2], edges[1::2], strict=False))


@dataclass(frozen=True)
class Rule:
    number: int
    every: int
    resource: str | None
    created_at: int
    is_visible: bool = False


@dataclass(eq=False)
class Cohort:
    dice: random.Random
    begins_at: datetime
    stays: dict[str, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    rules: list[Rule] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=count)

    def at(self, moment: int) -> datetime:
        return self.begins_at + timedelta(milliseconds=moment)

    def ms(self, moment: datetime | None, now: int) -> int:
        return now if moment is None else (moment - self.begins_at) // MILLISECOND

    def makes_lives(self, lives: int) -> None:
        storm = self.dice.randrange(LENGTH)
        for n in range(lives):
            user = f"user-{n:06}"
            for _ in range(self.dice.choice((1, 1, 2, 3, 5))):
                begins = self.dice.randrange(LENGTH)
                longest = self.dice.choice((2, 40, 200, 1_200, 6_000)) * SECOND
                stay = self._stay(user, begins, begins + self.dice.randrange(longest))
                if stay.begins < storm < stay.ends:
                    self._cut(stay, storm)
        self.rules = [
            Rule(1, 15 * MINUTE, None, 0),
            Rule(2, 5 * MINUTE, "one", 0),
            Rule(3, 4 * MINUTE, None, 30 * MINUTE),
            Rule(4, 7 * MINUTE, "two", 30 * MINUTE),
            Rule(5, 4 * MINUTE, None, 0, is_visible=True),
            Rule(6, 3 * MINUTE, "one", 30 * MINUTE, is_visible=True),
        ]

    def _stay(self, user: str, begins: int, ends: int, resource: str | None = None) -> Stay:
        dice = self.dice
        tab = Tab(
            f"tab-{next(self.names)}",
            user,
            resource or dice.choice(RESOURCES),
            dice.choice(NODES),
            self.at(begins + 30 * SECOND),
        )

        def moments(how_many: tuple[int, ...]) -> list[int]:
            return sorted(
                dice.sample(range(begins, ends), k=min(ends - begins, dice.choice(how_many)))
            )

        says: Literal["client", "lost", "nothing"] = dice.choice(
            ("client", "client", "lost", "nothing")
        )
        stay = Stay(
            tab,
            begins,
            ends,
            [(at, dice.choice(RESOURCES)) for at in moments((0, 0, 0, 1, 3))],
            says,
            dice.choice((True, False, False)),
            moments(FLIPS),
        )
        self.stays[user].append(stay)
        return stay

    def _cut(self, stay: Stay, storm: int) -> None:
        """Its line is lost; most are back soon, and go on where they were."""
        back = storm + self.dice.randrange(2 * MINUTE)
        *_, (resource, _, _) = stay.times(storm)
        if back < stay.ends:
            self._stay(stay.tab.user_id, back, stay.ends, resource)
        stay.ends, stay.says = storm, self.dice.choice(("lost", "nothing"))
        stay.moves = [move for move in stay.moves if move[0] < storm]
        stay.flips = [at for at in stay.flips if at < storm]

    # The truth.

    def truth(self, user: str, until: int, gap: int = 0, *, is_visible: bool = False) -> int:
        """How long they watched anything; on a resource, times that are `gap` apart are one."""
        by_resource: dict[str, Times] = defaultdict(list)
        for stay in self.stays[user]:
            for resource, begins, ends in stay.times(until, is_visible=is_visible):
                by_resource[resource].append((begins, ends + gap))
        times = [(b, e - gap) for own in by_resource.values() for b, e in merged(own)]
        return length(times)

    def undetected(self, user: str, now: int) -> int:
        """For how long tabs that were gone counted as open."""
        return sum(
            (stay.found_at or now) - stay.ends
            for stay in self.stays[user]
            if stay.says == "nothing" and stay.ends < now
        )


def length(times: Iterable[tuple[int, int]]) -> int:
    return sum(ends - begins for begins, ends in merged(times))


class Player:
    """Plays a cohort into the SQL functions, and compares."""

    def __init__(self, db: asyncpg.Connection, cohort: Cohort) -> None:
        self.db, self.cohort = db, cohort
        self._steps: list[tuple[int, int, Stay, str, str]] = []
        self._silent: list[Stay] = []

    async def play(self) -> None:
        for stays in self.cohort.stays.values():
            for stay in stays:
                self._plans(stay)
        now = 0
        await self._makes_rules(now)
        while now < LENGTH + 6_000 * SECOND + 2 * WAIT:
            now += MINUTE
            await self._plays_until(now)
            await self._makes_rules(now)
            await self._sweeps(now)
            await finalize(self.db, self.cohort.at(now), 100_000)
            await judge(self.db, self.cohort.at(now), 100_000)
            if now % CHECKED_EACH == 0:
                await self._compares(now, is_over=False)
        assert not await self.db.fetchval("select count(*) from watching_times")
        await self._compares(now, is_over=True)
        assert not await self.db.fetch(WRONG_TOTALS)

    def _plans(self, stay: Stay) -> None:
        # It says so at once, or nothing: then it is visible.
        changes = [stay.begins] * stay.is_born_hidden + stay.flips
        first = 1 if stay.is_born_hidden else 2
        steps = [
            (stay.begins, "connect", ""),
            *((at, "watch", to) for at, to in stay.moves),
            *((at, "visibility", str(n)) for n, at in enumerate(changes, first)),
        ]
        if stay.says != "nothing":
            steps.append((stay.ends, "disconnect", stay.says))
            if self.cohort.dice.random() < 0.2:
                late = stay.ends + self.cohort.dice.randrange(3 * MINUTE)
                steps.append((late, "disconnect", stay.says))
        for at, what, how in steps:
            heappush(self._steps, (at, next(self.cohort.names), stay, what, how))

    async def _plays_until(self, now: int) -> None:
        while self._steps and self._steps[0][0] < now:
            at, _, stay, what, how = heappop(self._steps)
            moment = self.cohort.at(at)
            if what == "connect":
                await stay.tab.connect(self.db, moment)
                if stay.says == "nothing":
                    self._silent.append(stay)
            elif what == "watch":
                await stay.tab.watch(self.db, how, moment)
            elif what == "visibility":
                change = int(how)
                await says(self.db, stay.tab, change % 2 != stay.is_born_hidden, change, moment)
            else:
                await stay.tab.disconnect(self.db, moment, how)

    async def _makes_rules(self, now: int) -> None:
        """At its moment: a session that is finalized before a rule is there adds nothing to it."""
        for rule in self.cohort.rules:
            if rule.created_at == now:
                await begin(
                    self.db,
                    self.cohort.at(rule.created_at),
                    every=rule.every / SECOND,
                    resources=rule.resource and [rule.resource],
                    is_visible=rule.is_visible,
                    campaign_id=UUID(int=rule.number),
                )

    async def _sweeps(self, now: int) -> None:
        gone = [s for s in self._silent if s.ends < now and s.begins <= now - MINUTE]
        if gone:
            await forget(self.db, [stay.tab for stay in gone], self.cohort.at(now))
        for stay in gone:
            stay.found_at = now
        self._silent = [stay for stay in self._silent if stay.found_at is None]
        await probed(self.db, self.cohort.at(now))

    async def _compares(self, now: int, *, is_over: bool) -> None:
        said = await self.db.fetch(
            "select one, milliseconds(watched(one, null, false, $2)),"
            " milliseconds(watched(one, null, true, $2)) from unnest($1::text[]) as one",
            *(list(self.cohort.stays), self.cohort.at(now)),
        )
        sessions: dict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in await self.db.fetch("select * from sessions"):
            sessions[row["user_id"]].append(row)
        awards: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
        for user, rule, nth, offers in await self.db.fetch(PAID):
            awards[user][rule] = nth, offers
        for user, watched, visible in said:
            person = Person(self.cohort, user, now, sessions[user])
            person.was_told_the_truth(watched, is_over=is_over)
            person.was_told_what_was_visible(visible, watched, is_over=is_over)
            for rule in self.cohort.rules:
                person.was_paid_for_time(rule, *awards[user].get(rule.number, (0, 0)))


class Person:
    """What the tables say of one user, beside the truth."""

    def __init__(self, cohort: Cohort, user: str, now: int, rows: list[asyncpg.Record]) -> None:
        self.cohort, self.user, self.now = cohort, user, now
        self.open = [row["resource"] for row in rows if row["ended_at"] is None]
        self.times = [
            (row["resource"], cohort.ms(row["joined_at"], now), cohort.ms(row["ended_at"], now))
            for row in rows
        ]
        self.shown = [
            (row["resource"], max(begins, a), min(b, ends))
            for row, (_, begins, ends) in zip(rows, self.times, strict=True)
            for a, b in self._visible(row)
            if max(begins, a) < min(b, ends)
        ]
        self.uncertain = sum((row["ended_within"] or timedelta()) // MILLISECOND for row in rows)
        # The truth. Within the grace a user was there all the while.
        self.here = cohort.truth(user, now)
        self.here_or_back_soon = cohort.truth(user, now, GRACE // MILLISECOND)
        self.seen = cohort.truth(user, now, is_visible=True)
        self.seen_or_back_soon = cohort.truth(user, now, GRACE // MILLISECOND, is_visible=True)
        self.undetected = cohort.undetected(user, now)
        # A cycle each minute is evidence for what is a minute old.
        silent = sum(stay.says == "nothing" for stay in cohort.stays[user])
        self.without_evidence = silent * 2 * MINUTE

    def _visible(self, row: asyncpg.Record) -> Times:
        """All the time, or when it was; what goes on up to now."""
        if row["visible"] is None:
            return [(0, self.now)]
        return [
            (self.cohort.ms(one.lower, 0), self.cohort.ms(one.upper, self.now))
            for one in row["visible"]
        ]

    def was_told_the_truth(self, watched: int, *, is_over: bool) -> None:
        assert watched == length((begins, ends) for _, begins, ends in self.times)
        assert watched <= self.now, "more than passed"
        assert watched <= self.here_or_back_soon + self.undetected
        if is_over:
            assert watched <= self.here_or_back_soon
            assert self.here <= watched + self.uncertain

    def was_told_what_was_visible(self, visible: int, watched: int, *, is_over: bool) -> None:
        """A tab that died without a report is so up to its last evidence, once it is found."""
        assert visible == length((begins, ends) for _, begins, ends in self.shown)
        assert visible <= watched
        assert visible <= self.seen_or_back_soon + self.undetected
        if is_over:
            assert visible <= self.seen_or_back_soon
            assert self.seen <= visible + self.uncertain + self.without_evidence

    def was_paid_for_time(self, rule: Rule, nth: int, offers: int) -> None:
        """Each award when it is due and not before, but for tabs that were not known to be gone."""
        progress = length(
            (max(begins, rule.created_at), ends)
            for resource, begins, ends in (self.shown if rule.is_visible else self.times)
            if rule.resource in (None, resource) and ends > rule.created_at
        )
        truth = self.seen_or_back_soon if rule.is_visible else self.here_or_back_soon
        error = self.uncertain + self.undetected
        assert offers <= nth
        assert nth * rule.every <= max(0, self.now - rule.created_at), "more than passed"
        assert nth * rule.every <= progress + error
        assert nth * rule.every <= truth + error
        if any(rule.resource in (None, resource) for resource in self.open):
            assert progress < (nth + 1) * rule.every


@pytest.mark.parametrize("number", COHORTS)
async def test_time_and_money_are_those_of_the_lives(db: asyncpg.Connection, number: int) -> None:
    print(f"cohort {number}, LIVES_SEED={SEED}")  # what a failure is played again with
    dice = random.Random(f"{number} of {SEED}")  # noqa: S311  # no secret
    begins_at = datetime.fromisoformat(BEGINNINGS[number % len(BEGINNINGS)]).replace(tzinfo=UTC)
    await db.execute(f"set timezone = '{dice.choice(ZONES)}'")
    await db.execute("update line_limits set wait_for_lost = $1", WAIT * MILLISECOND)
    cohort = Cohort(dice, begins_at)
    cohort.makes_lives(COHORT)
    await Player(db, cohort).play()
