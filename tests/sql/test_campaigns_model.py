"""What a campaign awards is what its rules say of the sessions: random stories, by brute force.

Its users come and go on several tabs and streams, also many at once; it is paused, edited and ended
meanwhile. At each judging every user who is online has what they have reached and its limits let
them have, no user ever has less than before, and an hour after the end all have what they have
reached. Some stories last minutes, others days, in time zones whose clocks change meanwhile.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.sql.tabs import T0, Tab, at, finalize, says
from tests.support.campaigns import begin, judge
from tests.support.stays import union

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from tests.support.stays import Span

MINUTE = 60
STEPS = 70
USERS = tuple(f"u{n}" for n in range(6))
STREAMS = "xyz"
FOREVER = at(10**8)
WHOLE = timedelta(milliseconds=1)
AWARDED = """
select user_id, milestone, awarded[milestone]
  from campaign_progress, generate_series(1, 12) as milestone
 where campaign_id = $1 and awarded[milestone] > 0
"""
TOLD = """
select user_id, told from campaign_progress join broadcasts on broadcast_id = told_by
 where campaign_id = $1 and at = $2
"""
PROGRESS = "select watched_ms from campaign_progress_of($1, $2, $3)"
EDIT = """
select outcome, what
  from edit_campaign($1, $2, $3, $4, null, $5, $6, p_timezone => $7, p_limits => $8, p_now => $9)
"""
# A midnight that is missing, one that comes twice, half an hour, a change of half an hour, an hour.
PLACES = (
    ("America/Havana", datetime(2026, 3, 5, 3, tzinfo=UTC)),
    ("Atlantic/Azores", datetime(2026, 10, 22, 20, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 5, 1, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 2, 7, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 3, 27, 9, tzinfo=UTC)),
)


@dataclass
class Campaign:
    """What its producer has ordered, and when it has counted."""

    resources: list[str] | None
    is_visible: bool
    is_each: bool
    milestones: list[dict[str, Any]]
    begins: datetime
    ends: datetime | None
    timezone: str | None = None
    limits: dict[str, float] = field(default_factory=dict)
    paused: list[list[datetime]] = field(default_factory=list)
    id: UUID | None = None

    def spans(self) -> list[Span]:
        """When minutes count."""
        spans, since = [], self.begins
        for begins, ends in self.paused:
            spans.append((since, begins))
            since = ends
        spans.append((since, self.ends or FOREVER))
        return [
            (max(begins, self.begins), min(ends, self.ends or FOREVER))
            for begins, ends in spans
            if max(begins, self.begins) < min(ends, self.ends or FOREVER)
        ]

    def day(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.timezone or "UTC")).date()

    def watched(
        self, sessions: list[asyncpg.Record], now: datetime, within: Span | None = None
    ) -> timedelta:
        """How long a user with these sessions has watched for it; also only `within`."""
        since, until = within or (T0, FOREVER)
        parts: dict[str, list[Span]] = {}
        for session in sessions:
            if self.resources and session["resource"] not in self.resources:
                continue
            whole = (session["joined_at"], session["ended_at"] or now)
            shown = [whole]
            if self.is_visible and session["visible"] is not None:
                shown = [(one.lower, one.upper or now) for one in session["visible"]]
            for begins, ends in shown:
                for starts, stops in self.spans():
                    part = (
                        max(begins, whole[0], starts, since),
                        min(ends, whole[1], stops, until),
                    )
                    if part[0] < part[1]:
                        group = session["resource"] if self.is_each else ""
                        parts.setdefault(group, []).append(part)
        return sum((union(spans) for spans in parts.values()), timedelta(0))

    def daily(self, sessions: list[asyncpg.Record], now: datetime) -> list[timedelta]:
        """How long on each of its days."""
        zone, first = ZoneInfo(self.timezone or "UTC"), self.day(self.begins)
        days = [first + timedelta(n) for n in range((self.day(now) - first).days + 2)]
        midnights = [datetime.combine(day, time(), zone).astimezone(UTC) for day in days]
        return [self.watched(sessions, now, one) for one in itertools.pairwise(midnights)]

    def reached(self, sessions: list[asyncpg.Record], now: datetime) -> dict[int, int]:
        """How often a user with these sessions has reached each milestone."""
        watched, daily, reached = self.watched(sessions, now), self.daily(sessions, now), {}
        for one in self.milestones:
            length = timedelta(seconds=one["watched_seconds"])
            if one["days"] is None:
                times = watched // length
            else:
                rows = itertools.groupby(day >= length for day in daily)
                times = sum(len(list(row)) // one["days"] for is_reached, row in rows if is_reached)
            if times:
                reached[one["milestone"]] = times if one["repeats"] else 1
        return reached

    def steps(self, watched: timedelta) -> int:
        """To how many quarters of milestones a user has come, of each beyond the one before."""
        plain = [one for one in self.milestones if one["days"] is None]
        lengths = [timedelta(seconds=one["watched_seconds"]) for one in plain if not one["repeats"]]
        repeats = [timedelta(seconds=one["watched_seconds"]) for one in plain if one["repeats"]]
        count = sum(4 * watched // length for length in repeats)
        for before, length in itertools.pairwise([timedelta(0), *sorted(lengths)]):
            count += sum(before < length * n / 4 <= watched for n in range(1, 5))
        return count

    def may_have(self, had: list[datetime], now: datetime) -> int:
        """How many awards a user may have now who has had some then."""
        limits, most = self.limits, len(self.milestones)
        if "per_user" in limits:
            most = min(most, int(limits["per_user"]) - len(had))
        if "per_day" in limits:
            today = sum(self.day(one) == self.day(now) for one in had)
            most = min(most, int(limits["per_day"]) - today)
        if limits.get("cool_down_seconds"):
            cool_down = timedelta(seconds=limits["cool_down_seconds"])
            most = min(most, int(not had or now - had[-1] >= cool_down))
        return max(0, most)


class Story:
    """Steps of a minute, or of so many, from then on."""

    def __init__(
        self,
        db: asyncpg.Connection,
        dice: Random,
        minutes: int = 1,
        timezone: str | None = None,
        begins: datetime = T0,
    ) -> None:
        self.db, self.dice, self.number = db, dice, 0
        self.step, self.begin = minutes * MINUTE, round((begins - T0).total_seconds())
        self.tabs: list[tuple[Tab, int]] = []
        self.campaign = Campaign(
            resources=dice.choice((None, ["x"], ["x", "y"])),
            is_visible=dice.random() < 0.4,
            is_each=dice.random() < 0.3,
            milestones=[],
            begins=at(self.begin + dice.choice((0, 5, 7.5)) * self.step),
            ends=dice.choice((None, self.late(50.5 * self.step))),
            timezone=timezone,
        )
        self.campaign.limits = self.limits()
        self.campaign.milestones += [
            self.milestone(n, 200.0 * n * minutes) for n in range(1, dice.randint(2, 6))
        ]
        self.awarded: dict[tuple[str, int], int] = {}
        self.awards: dict[str, list[datetime]] = {user: [] for user in USERS}
        self.told = dict.fromkeys(USERS, timedelta(0))

    def late(self, second: float) -> datetime:
        """So many seconds after the begin, or later: it is not settled before the story ends."""
        return at(self.begin + max(second, STEPS * self.step - 2_400))

    def limits(self) -> dict[str, float]:
        every = {"per_user": 4, "per_day": 2, "in_all": 13, "cool_down_seconds": 2.5 * self.step}
        if self.campaign.timezone is None:
            del every["per_day"]
        return {name: most for name, most in every.items() if self.dice.random() < 0.25}

    def milestone(self, number: int, length: float) -> dict[str, Any]:
        days = self.dice.choice((None, 1, 2, 3)) if self.campaign.timezone else None
        if days is not None:
            length = self.dice.choice((0.5, 3, 6, 20)) * 3_600
        return {
            "milestone": number,
            "watched_seconds": length + self.dice.choice((0, 0.25)),
            "days": days,
            "repeats": self.dice.random() < 0.3,
            "reward": {"n": number},
            "claim_within_seconds": 60,
        }

    async def play(self) -> None:
        one = self.campaign
        one.id = await begin(
            self.db,
            at(self.begin),
            resources=one.resources,
            is_visible=one.is_visible,
            is_each=one.is_each,
            starts_at=one.begins,
            ends_at=one.ends,
            milestones=json.dumps(one.milestones),
            timezone=one.timezone,
            limits=json.dumps(one.limits),
        )
        for step in range(1, STEPS):
            begins = self.begin + step * self.step
            await self.users_do(begins)
            await self.producer_does(at(begins + self.step - 2))
            await self.is_judged(begins + self.step - 1)
        await self.ends(self.begin + STEPS * self.step)

    async def users_do(self, second: int) -> None:
        if self.dice.random() < 0.1:  # a storm: all leave at once, and most are back soon
            for tab, _ in self.tabs:
                await tab.disconnect(self.db, at(second + 1), "lost")
            lost, self.tabs = self.tabs, []
            for tab, _ in lost:
                if self.dice.random() < 0.8:
                    back = second + self.dice.choice((5, 25))
                    await self.comes(tab.user_id, tab.resource, back)
        for _ in range(self.dice.randint(0, 3)):
            second += self.dice.randint(1, 8)
            if self.dice.random() < 0.5 or not self.tabs:
                await self.comes(self.dice.choice(USERS), self.dice.choice(STREAMS), second)
            else:
                await self.changes(self.dice.randrange(len(self.tabs)), second)

    async def comes(self, user: str, stream: str, second: int) -> None:
        self.number += 1
        tab = Tab(f"t{self.number}", user, stream, expires_at=at(second + 20))
        await tab.connect(self.db, at(second))
        self.tabs.append((tab, 1))

    async def changes(self, index: int, second: int) -> None:
        tab, change = self.tabs[index]
        how = self.dice.choice(("leaves", "leaves", "looks", "moves"))
        if how == "leaves":
            await tab.disconnect(self.db, at(second), self.dice.choice(("client", "lost")))
            del self.tabs[index]
        elif how == "looks":
            await says(self.db, tab, change % 2 == 0, change + 1, at(second))
            self.tabs[index] = (tab, change + 1)
        else:
            await tab.watch(self.db, self.dice.choice(STREAMS), at(second))

    async def producer_does(self, now: datetime) -> None:
        one = self.campaign
        if self.dice.random() < 0.12:
            await self.pauses_or_resumes(now)
        if self.dice.random() < 0.12 and (one.ends is None or now < one.ends):
            await self.edits(now)

    async def pauses_or_resumes(self, now: datetime) -> None:
        one = self.campaign
        is_paused = bool(one.paused) and one.paused[-1][1] == FOREVER
        call = "select change_campaign($1, $2, $3)"
        outcome = await self.db.fetchval(call, one.id, "resume" if is_paused else "pause", now)
        if one.ends is not None and now >= one.ends:
            assert outcome == "over"
            return
        assert outcome == "changed"
        if is_paused:
            one.paused[-1][1] = now
        else:
            one.paused.append([now, FOREVER])

    async def edits(self, now: datetime) -> None:
        """To more, which is done; or to less, which is refused and changes nothing."""
        one = self.campaign
        wanted = [dict(milestone) for milestone in one.milestones]
        takes_back = self.dice.random() < 0.5 and now >= one.begins
        changed, limits = self.dice.choice(wanted), dict(one.limits)
        what = f"milestone {changed['milestone']}"
        if takes_back:
            what = self.takes_back(wanted, changed, limits) or what
        else:
            self.gives(wanted, changed, limits)
        second = (now - at(self.begin)).total_seconds() + 30 * self.step
        ends = self.dice.choice((one.ends, self.late(second)))
        order = (
            *(one.resources, one.is_visible, one.is_each, ends),
            *(json.dumps(wanted), one.timezone, json.dumps(limits), now),
        )
        stored = "select c, array_agg(m order by milestone) from campaigns c join"
        stored += " campaign_milestones m using (campaign_id) group by c"
        before = await self.db.fetch(stored)
        outcome = await self.db.fetchrow(EDIT, one.id, *order)
        if takes_back:
            assert tuple(outcome) == ("would_take_back", what)
            assert await self.db.fetch(stored) == before
        else:
            assert outcome["outcome"] == "edited"
            one.milestones, one.ends, one.limits = wanted, ends, limits

    def takes_back(
        self, wanted: list[dict[str, Any]], changed: dict[str, Any], limits: dict[str, float]
    ) -> str | None:
        """The limit that it narrows; None: it is the milestone."""
        match self.dice.choice(("later", "gone", "other", "shorter", "days", "limit")):
            case "later":
                changed["watched_seconds"] += 0.5
            case "gone":
                wanted.remove(changed)
            case "other":
                changed["reward"] = {"n": -1}
            case "shorter":
                changed["claim_within_seconds"] = 59
            case "days":
                changed["days"] = 2 if changed["days"] is None else changed["days"] + 1
            case "limit":
                name = self.dice.choice(("per_user", "in_all", "cool_down_seconds"))
                if name == "cool_down_seconds":
                    limits[name] = limits.get(name, 0) + 1
                else:
                    limits[name] = limits.get(name, 1_001) - 1
                return f"limits.{name}"
        return None

    def gives(
        self, wanted: list[dict[str, Any]], changed: dict[str, Any], limits: dict[str, float]
    ) -> None:
        match self.dice.choice(("more", "earlier", "fewer days", "wider")):
            case "more" if len(wanted) < 12:
                length = self.dice.uniform(100, 2_000) * self.step / MINUTE
                wanted.append(self.milestone(len(wanted) + 1, length))
            case "fewer days" if (changed["days"] or 1) > 1:
                changed["days"] -= 1
            case "wider" if limits:
                name = self.dice.choice(list(limits))
                if self.dice.random() < 0.5:
                    del limits[name]
                elif name == "cool_down_seconds":
                    limits[name] *= 0.75
                else:
                    limits[name] += 1
            case _:
                changed["watched_seconds"] *= 0.75

    async def is_judged(self, second: int, *, is_settled: bool = False) -> None:
        now = at(second)
        await finalize(self.db, now)
        sessions: dict[str, list[asyncpg.Record]] = {user: [] for user in USERS}
        for row in await self.db.fetch("select * from sessions"):
            sessions[row["user_id"]].append(row)
        await judge(self.db, now, limit=self.dice.choice((2, 100)))
        due: dict[tuple[str, int], int] = {}
        hears: dict[str, timedelta] = {}
        for user, theirs in sessions.items():
            is_here = any(one["ended_at"] is None for one in theirs)
            if is_settled or is_here:
                due |= self.due(user, theirs, now)
            if is_here and not is_settled:
                hears |= self.hears(user, theirs, now)
            told = await self.db.fetchval(PROGRESS, self.campaign.id, user, now)
            assert told == round(self.campaign.watched(theirs, now) / WHOLE)
        found = {(user, n): nth for user, n, nth in await self.db.fetch(AWARDED, self.campaign.id)}
        fresh = {key: nth for key, nth in found.items() if nth != self.awarded.get(key)}
        left = self.campaign.limits.get("in_all", 10**6) - sum(map(len, self.awards.values()))
        if len(due) <= left:
            assert fresh == due, second
        heard = {user: until for user, until in await self.db.fetch(TOLD, self.campaign.id, now)}
        assert heard == hears if len(due) < left else heard.items() <= hears.items()
        self.told |= heard
        # Which of them have it is up to the schedule.
        assert fresh.items() <= due.items()
        assert len(fresh) == min(left, len(due))
        self.awarded |= fresh
        assert found == self.awarded
        for user, _ in fresh:
            self.awards[user].append(now)

    def hears(
        self, user: str, sessions: list[asyncpg.Record], now: datetime
    ) -> dict[str, timedelta]:
        """How far a user is told to be, if they have come to another step and may have more."""
        watched = self.campaign.watched(sessions, now)
        if not self.campaign.may_have(self.awards[user], now):
            return {}
        if self.campaign.steps(watched) <= self.campaign.steps(self.told[user]):
            return {}
        return {user: watched}

    def due(
        self, user: str, sessions: list[asyncpg.Record], now: datetime
    ) -> dict[tuple[str, int], int]:
        """What a user has reached and may have now, and how often they have reached it."""
        reached = self.campaign.reached(sessions, now)
        fresh = [
            one
            for one in self.campaign.milestones
            if reached.get(one["milestone"], 0) > self.awarded.get((user, one["milestone"]), 0)
            and (one["repeats"] or (user, one["milestone"]) not in self.awarded)
        ]
        fresh.sort(key=lambda one: (one["days"] or 0, one["watched_seconds"], one["milestone"]))
        may_have = self.campaign.may_have(self.awards[user], now)
        return {(user, one["milestone"]): reached[one["milestone"]] for one in fresh[:may_have]}

    async def ends(self, second: int) -> None:
        one = self.campaign
        if one.ends is None or one.ends > at(second):
            await self.db.execute("select change_campaign($1, 'end', $2)", one.id, at(second))
            one.ends = at(second)
        await self.is_judged(second + 3_600)
        await self.is_judged(second + 3_660, is_settled=True)
        await self.is_judged(second + 7_200)
        assert await self.db.fetchval("select settled_at from campaigns") == at(second + 3_660)
        offered = await self.db.fetch(
            "select user_id, milestone from offers join bonuses using (bonus_id)"
        )
        # Several times at once are one award.
        counted = {key: offered.count(key) for key in self.awarded}
        assert set(offered) == set(self.awarded)
        assert all(1 <= counted[key] <= times for key, times in self.awarded.items())
        assert len(offered) == sum(map(len, self.awards.values()))


@pytest.mark.parametrize("seed", range(6))
async def test_all_is_awarded_that_was_reached_and_nothing_else(
    db: asyncpg.Connection, seed: int
) -> None:
    await Story(db, Random(seed)).play()  # noqa: S311  # a story, not a secret


@pytest.mark.parametrize(("timezone", "begins"), PLACES)
async def test_days_in_a_row_are_those_of_the_time_zone(
    db: asyncpg.Connection, timezone: str, begins: datetime
) -> None:
    await Story(db, Random(timezone), 150, timezone, begins).play()  # noqa: S311  # a story, not a secret
