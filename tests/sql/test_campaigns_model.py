"""What a campaign awards is what its rules say of the sessions: random stories, by brute force.

Its users come and go on several tabs and streams, also many at once; it is paused, edited and ended
meanwhile. At each judging every user who is online has what they have reached, no user ever has
less than before, and an hour after the end all have what they have reached.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.tabs import Tab, at, finalize, says
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
AWARDED = """
select user_id, milestone, awarded[milestone]
  from campaign_progress, generate_series(1, 12) as milestone
 where campaign_id = $1 and awarded[milestone] > 0
"""
PROGRESS = "select watched_ms from campaign_progress_of($1, $2, $3)"
EDIT = "select outcome, what from edit_campaign($1, $2, $3, $4, null, $5, $6, $7)"


@dataclass
class Campaign:
    """What its producer has ordered, and when it has counted."""

    resources: list[str] | None
    is_visible: bool
    is_each: bool
    milestones: list[dict[str, Any]]
    begins: datetime
    ends: datetime | None
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

    def watched(self, sessions: list[asyncpg.Record], now: datetime) -> timedelta:
        """How long a user with these sessions has watched for it."""
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
                    part = (max(begins, whole[0], starts), min(ends, whole[1], stops))
                    if part[0] < part[1]:
                        group = session["resource"] if self.is_each else ""
                        parts.setdefault(group, []).append(part)
        return sum((union(spans) for spans in parts.values()), timedelta(0))

    def reached(self, watched: timedelta) -> dict[int, int]:
        """How often each milestone is reached after so long."""
        reached = {}
        for one in self.milestones:
            times = watched // timedelta(seconds=one["watched_seconds"])
            if times:
                reached[one["milestone"]] = times if one["repeats"] else 1
        return reached


class Story:
    def __init__(self, db: asyncpg.Connection, dice: Random) -> None:
        self.db, self.dice, self.number = db, dice, 0
        self.tabs: list[tuple[Tab, int]] = []
        self.campaign = Campaign(
            resources=dice.choice((None, ["x"], ["x", "y"])),
            is_visible=dice.random() < 0.4,
            is_each=dice.random() < 0.3,
            milestones=[self.milestone(n, 200.0 * n) for n in range(1, dice.randint(2, 6))],
            begins=at(dice.choice((0, 5, 7.5)) * MINUTE),
            ends=dice.choice((None, at(50 * MINUTE + 30))),
        )
        self.awarded: dict[tuple[str, int], int] = {}

    def milestone(self, number: int, length: float) -> dict[str, Any]:
        return {
            "milestone": number,
            "watched_seconds": length + self.dice.choice((0, 0.25)),
            "repeats": self.dice.random() < 0.3,
            "reward": {"n": number},
            "claim_within_seconds": 60,
        }

    async def play(self) -> None:
        one = self.campaign
        one.id = await begin(
            self.db,
            at(0),
            resources=one.resources,
            is_visible=one.is_visible,
            is_each=one.is_each,
            starts_at=one.begins,
            ends_at=one.ends,
            milestones=json.dumps(one.milestones),
        )
        for step in range(1, STEPS):
            await self.users_do(step * MINUTE)
            await self.producer_does(at(step * MINUTE + 58))
            await self.is_judged(step * MINUTE + 59)
        await self.ends(STEPS * MINUTE)

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
        changed = self.dice.choice(wanted)
        if takes_back:
            match self.dice.choice(("later", "gone", "other", "shorter")):
                case "later":
                    changed["watched_seconds"] += 0.5
                case "gone":
                    wanted.remove(changed)
                case "other":
                    changed["reward"] = {"n": -1}
                case "shorter":
                    changed["claim_within_seconds"] = 59
        elif len(wanted) < 12 and self.dice.random() < 0.5:
            wanted.append(self.milestone(len(wanted) + 1, self.dice.uniform(100, 2_000)))
        else:
            changed["watched_seconds"] *= 0.75
        ends = self.dice.choice((one.ends, now + timedelta(minutes=30)))
        order = (one.resources, one.is_visible, one.is_each, ends, json.dumps(wanted), now)
        stored = "select c, array_agg(m order by milestone) from campaigns c join"
        stored += " campaign_milestones m using (campaign_id) group by c"
        before = await self.db.fetch(stored)
        outcome, what = await self.db.fetchrow(EDIT, one.id, *order)
        if takes_back:
            assert (outcome, what) == ("would_take_back", f"milestone {changed['milestone']}")
            assert await self.db.fetch(stored) == before
        else:
            assert outcome == "edited"
            one.milestones, one.ends = wanted, ends

    async def is_judged(self, second: int, *, is_settled: bool = False) -> None:
        now = at(second)
        await finalize(self.db, now)
        sessions: dict[str, list[asyncpg.Record]] = {user: [] for user in USERS}
        for row in await self.db.fetch("select * from sessions"):
            sessions[row["user_id"]].append(row)
        await judge(self.db, now, limit=self.dice.choice((2, 100)))
        for user, theirs in sessions.items():
            if is_settled or any(one["ended_at"] is None for one in theirs):
                for milestone, times in self.campaign.reached(
                    self.campaign.watched(theirs, now)
                ).items():
                    had = self.awarded.get((user, milestone), 0)
                    self.awarded[user, milestone] = max(had, times)
            told = await self.db.fetchval(PROGRESS, self.campaign.id, user, now)
            assert told == round(self.campaign.watched(theirs, now) / timedelta(milliseconds=1))
        found = {(user, n): nth for user, n, nth in await self.db.fetch(AWARDED, self.campaign.id)}
        assert found == self.awarded, second

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


@pytest.mark.parametrize("seed", range(8))
async def test_all_is_awarded_that_was_reached_and_nothing_else(
    db: asyncpg.Connection, seed: int
) -> None:
    await Story(db, Random(seed)).play()  # noqa: S311  # a story, not a secret
