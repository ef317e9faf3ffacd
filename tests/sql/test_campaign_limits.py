"""Limits, streaks, tests and announcements of campaigns, one by one.

Random stories of them are in `test_campaigns_model.py`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from handlers.core.operations.campaigns import ListCampaignsOf
from tests.sql.tabs import T0, Tab, at, finalize
from tests.support.campaigns import begin, judge, milestones
from tests.support.statements import NO_LIMIT, asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

DAY = 86_400
EVERY_TEN = json.dumps(milestones(every=600))
EDIT = """
select outcome, what
  from edit_campaign($1, null, false, false, null, null, $2, p_limits => '{"in_all": 2}',
                     p_test_user_ids => $3, p_now => $4)
"""
OFFERED = """
select o.user_id, b.milestone from offers o join bonuses b using (bonus_id) order by 1, 2
"""


async def watches(
    db: asyncpg.Connection, begins: datetime, seconds: float, user: str = "ann", stream: str = "one"
) -> None:
    """A session of so long, which is finalized."""
    tab = Tab(f"{user} {stream} {begins}", user, stream, expires_at=begins + timedelta(seconds=30))
    await tab.connect(db, begins)
    await tab.disconnect(db, begins + timedelta(seconds=seconds))
    await finalize(db, begins + timedelta(seconds=seconds + 60))


async def comes(db: asyncpg.Connection, now: datetime, user: str = "ann") -> None:
    await Tab(f"{user} {now}", user, expires_at=now + timedelta(seconds=30)).connect(db, now)


async def listed(
    db: asyncpg.Connection, now: datetime, user: str = "ann", after: UUID | None = None
) -> list[dict[str, Any]]:
    sql, *given = asked(ListCampaignsOf(user, after, *NO_LIMIT))
    row = await db.fetchrow(sql.replace(")", f", p_now => ${len(given) + 1})"), *given, now)
    found: list[dict[str, Any]] = json.loads(row["campaigns"])
    return found


def streak(seconds: float, days: int, *, repeats: bool = False) -> str:
    (one,) = milestones(seconds)
    return json.dumps([one | {"days": days, "repeats": repeats}])


async def offered(db: asyncpg.Connection) -> list[tuple[str, int]]:
    return [tuple(row) for row in await db.fetch(OFFERED)]


# The moments of midnight in a time zone, around a change of its clocks.
MIDNIGHTS = {
    "skipped": ("America/Havana", "2026-03-07T05:00Z", "2026-03-08T05:00Z"),
    "an hour earlier": ("Europe/Berlin", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
    "of half an hour": ("Asia/Kolkata", "2026-05-03T18:30Z", "2026-05-04T18:30Z"),
    "twice": ("Atlantic/Azores", "2026-10-25T00:00Z", "2026-10-26T01:00Z"),
}


@pytest.mark.parametrize("midnight", MIDNIGHTS)
@pytest.mark.parametrize(("before", "after"), [(600, 600), (599, 601), (601, 599)])
async def test_each_day_has_what_was_watched_between_its_midnights(
    db: asyncpg.Connection, midnight: str, before: float, after: float
) -> None:
    """Two sessions, each over a midnight; the day between has five minutes of both."""
    timezone, *moments = MIDNIGHTS[midnight]
    first, second = map(datetime.fromisoformat, moments)
    await begin(db, first - timedelta(hours=1), timezone=timezone, milestones=streak(600, 3))
    await watches(db, first - timedelta(seconds=before), before + 300)
    await watches(db, second - timedelta(seconds=300), 300 + after)
    now = second + timedelta(hours=1)
    await comes(db, now)
    assert await judge(db, now) == (before >= 600 and after >= 600)


async def test_a_day_without_enough_ends_a_streak(db: asyncpg.Connection) -> None:
    await begin(db, at(0), timezone="UTC", milestones=streak(600, 2))
    await watches(db, at(100), 600)
    await watches(db, at(DAY), 599)
    await watches(db, at(2 * DAY), 600)
    await comes(db, at(2 * DAY + 900))
    assert await judge(db, at(2 * DAY + 901)) == 0
    assert await judge(db, at(3 * DAY)) == 1


@pytest.mark.parametrize(("repeats", "awards"), [(False, 1), (True, 2)])
async def test_a_streak_that_repeats_needs_as_many_days_again(
    db: asyncpg.Connection, repeats: bool, awards: int
) -> None:
    await begin(db, at(0), timezone="UTC", milestones=streak(600, 2, repeats=repeats))
    made = 0
    for day in range(5):
        await watches(db, at(day * DAY + 100), 600)
        await comes(db, at(day * DAY + 2_000))
        made += await judge(db, at(day * DAY + 2_001))
    assert made == awards


@pytest.mark.parametrize("gap", [timedelta(minutes=1), timedelta(days=400)])
async def test_progress_goes_on_after_a_gap_of_any_length(
    db: asyncpg.Connection, gap: timedelta
) -> None:
    await begin(db, T0, 1_000)
    await watches(db, at(10), 600)
    now = at(610) + gap
    await comes(db, now)
    assert await judge(db, now + timedelta(seconds=399)) == 0
    assert await judge(db, now + timedelta(seconds=400)) == 1


async def test_two_devices_and_three_streams_are_one_minute_each(db: asyncpg.Connection) -> None:
    await begin(db, at(0), 600, resources=["one", "two", "three"])
    for number, stream in enumerate(("one", "one", "two", "three")):
        await Tab(f"t{number}", resource=stream).connect(db, at(0))
    assert await judge(db, at(599)) == 0
    assert await judge(db, at(600)) == 1


@pytest.mark.parametrize(
    ("limits", "made"),
    [
        ({}, [1, 1, 1, 1, 1]),
        ({"per_user": 3}, [1, 1, 1, 0, 0]),
        ({"in_all": 4}, [1, 1, 1, 1, 0]),
        ({"cool_down_seconds": 1_200}, [1, 0, 1, 0, 1]),
        ({"cool_down_seconds": 1_200.5}, [1, 0, 0, 1, 0]),
        ({"per_day": 2}, [1, 1, 0, 0, 0]),
        ({"per_day": 2, "timezone": "Etc/GMT-12"}, [0, 1, 1, 0, 0]),
    ],
)
async def test_a_limit_holds_awards_back(
    db: asyncpg.Connection, limits: dict[str, Any], made: list[int]
) -> None:
    """Every ten minutes one; where the time zone is not UTC, a day begins after fifteen."""
    start = datetime(2026, 1, 1, 11, 45, tzinfo=UTC) if "timezone" in limits else T0
    timezone = limits.get("timezone", "UTC")
    await begin(db, start, timezone=timezone, limits=json.dumps(limits), milestones=EVERY_TEN)
    await comes(db, start)
    if "timezone" in limits:  # and two that day already
        await db.execute(
            "insert into campaign_progress (campaign_id, user_id, awards, awards_of_day,"
            " last_award_at) select campaign_id, 'ann', 2, 2, $1 from campaigns",
            start,
        )
    moments = [start + timedelta(minutes=10 * n) for n in range(1, 6)]
    assert [await judge(db, now) for now in moments] == made


async def test_of_several_that_are_due_a_limit_lets_the_first_pass(db: asyncpg.Connection) -> None:
    limits, order = json.dumps({"per_user": 9, "per_day": 2}), json.dumps(milestones(60, 70, 80))
    await begin(db, at(0), timezone="UTC", limits=limits, milestones=order)
    await comes(db, at(0))
    await judge(db, at(600))
    assert await offered(db) == [("ann", 1), ("ann", 2)]
    await judge(db, at(DAY))
    assert await offered(db) == [("ann", 1), ("ann", 2), ("ann", 3)]


async def test_a_limit_that_is_widened_lets_through_what_it_held_back(
    db: asyncpg.Connection,
) -> None:
    order = milestones(60, 120)
    campaign = await begin(db, at(0), limits='{"in_all": 1}', milestones=json.dumps(order))
    await comes(db, at(0))
    assert [await judge(db, at(second)) for second in (60, 120)] == [1, 0]
    edit = "select outcome from edit_campaign($1, null, false, false, null, null, $2, p_now => $3)"
    assert await db.fetchval(edit, campaign, json.dumps(order), at(130)) == "edited"
    assert await judge(db, at(130)) == 1


async def test_a_run_that_comes_twice_awards_within_the_limit(db: asyncpg.Connection) -> None:
    await begin(db, at(0), 60, limits='{"in_all": 2}')
    for user in ("ann", "bob", "cyd"):
        await comes(db, at(0), user)
    assert await judge(db, at(60), limit=1) == 2
    assert await judge(db, at(60), limit=1) == 0


async def test_an_unknown_time_zone_is_refused_before_anything_is_written(
    db: asyncpg.Connection,
) -> None:
    order = json.dumps(milestones(60))
    there = "null, false, false, null, null, $2, p_timezone => 'Europe/Atlantis', p_now => $3"
    create = f"select create_campaign($1, {there})"
    assert await db.fetchval(create, uuid4(), order, at(0)) == "unknown_timezone"
    campaign = await begin(db, at(0), 60, starts_at=at(DAY))
    edit = f"select outcome from edit_campaign($1, {there})"  # noqa: S608  # our own words
    assert await db.fetchval(edit, campaign, order, at(10)) == "unknown_timezone"
    assert await db.fetchval("select timezone from campaigns") is None


async def test_an_end_before_the_start_is_refused(db: asyncpg.Connection) -> None:
    campaign = await begin(db, at(0), 60, starts_at=at(DAY))
    edit = "select outcome from edit_campaign($1, null, false, false, null, $2, $3, p_now => $4)"
    order = json.dumps(milestones(60))
    assert await db.fetchval(edit, campaign, at(DAY), order, at(10)) == "in_past"


async def edit(
    db: asyncpg.Connection, campaign: UUID, users: Sequence[str] | None, now: datetime
) -> tuple[str, str | None]:
    return tuple(await db.fetchrow(EDIT, campaign, json.dumps(milestones(600)), users, now))


async def test_in_a_test_only_its_users_are_judged(db: asyncpg.Connection) -> None:
    campaign = await begin(db, at(0), 600, test_user_ids=["ann"])
    for user in ("ann", "bob"):
        await comes(db, at(0), user)
    await watches(db, at(0), 700, "bob")
    assert await judge(db, at(600)) == 1
    assert await offered(db) == [("ann", 1)]
    assert await db.fetch("select user_id from campaign_progress") == [("ann",)]
    assert await listed(db, at(600), "bob") == []
    assert [one["campaign_id"] for one in await listed(db, at(600))] == [str(campaign)]


async def test_nothing_of_a_test_counts_when_it_is_for_all(db: asyncpg.Connection) -> None:
    campaign = await begin(db, at(0), 600, test_user_ids=["ann"], limits='{"in_all": 2}')
    await comes(db, at(0))
    assert await judge(db, at(600)) == 1
    assert await edit(db, campaign, None, at(700)) == ("edited", None)
    await comes(db, at(700), "bob")
    assert await judge(db, at(1_299)) == 0
    assert await judge(db, at(1_300)) == 1
    assert await offered(db) == [("ann", 1), ("ann", 1), ("bob", 1)]


async def test_each_edit_begins_a_test_again(db: asyncpg.Connection) -> None:
    campaign = await begin(db, at(0), 600, test_user_ids=["ann"])
    await comes(db, at(0))
    await edit(db, campaign, ["ann", "bob"], at(500))
    assert [await judge(db, at(second)) for second in (1_099, 1_100)] == [0, 1]


async def test_what_has_begun_for_all_becomes_no_test(db: asyncpg.Connection) -> None:
    campaign = await begin(db, at(0), 600)
    assert await edit(db, campaign, ["ann"], at(1)) == ("would_take_back", "test_user_ids")
    upcoming = await begin(db, at(0), 600, starts_at=at(DAY))
    assert await edit(db, upcoming, ["ann"], at(1)) == ("edited", None)


@pytest.mark.parametrize(("announced", "since"), [(None, 1_000), (500, 500)])
async def test_a_campaign_is_shown_from_its_announcement_on(
    db: asyncpg.Connection, announced: float | None, since: float
) -> None:
    announced_at = announced and at(announced)
    await begin(db, at(0), 600, resources=["one"], starts_at=at(1_000), announced_at=announced_at)
    await Tab("a", resource="one").connect(db, at(0))
    await comes(db, at(0), "bob")
    assert await listed(db, at(since) - timedelta(milliseconds=1)) == []
    (one,) = await listed(db, at(since))
    assert one["state"] == ("running" if announced is None else "upcoming")
    assert one["starts_at"] == at(1_000).timestamp() * 1_000
    assert [each["reward"] for each in one["milestones"]] == [{"coin": 1}]
    assert await listed(db, at(1_001), "bob") == []


async def test_a_user_reads_how_far_they_are(db: asyncpg.Connection) -> None:
    order = [*milestones(600), json.loads(streak(300, 3))[0] | {"milestone": 2}]
    await begin(db, at(0), timezone="UTC", resources=["one"], milestones=json.dumps(order))
    await watches(db, at(0), 400)
    (one,) = await listed(db, at(500))
    assert (one["watched_ms"], one["watched_today_ms"]) == (400_000, 400_000)
    await watches(db, at(DAY), 300)
    (one,) = await listed(db, at(DAY + 400))
    assert (one["watched_ms"], one["watched_today_ms"]) == (700_000, 300_000)
    assert [each["days_in_a_row"] for each in one["milestones"]] == [None, 2]
    # Today may still be reached; the day after, the row is over.
    for days, row in ((2, 2), (3, 0)):
        (one,) = await listed(db, at(days * DAY))
        assert one["milestones"][1]["days_in_a_row"] == row


async def test_a_page_of_campaigns_has_as_much_as_fits_into_a_message(
    db: asyncpg.Connection,
) -> None:
    large = [one | {"reward": {"text": "x" * 4_000}} for one in milestones(*range(60, 72))]
    made = sorted([await begin(db, at(0), milestones=json.dumps(large)) for _ in range(3)])
    found: list[UUID] = []
    after = None
    while after is not None or not found:
        sql, *given = asked(ListCampaignsOf("ann", after, *NO_LIMIT))
        row = await db.fetchrow(sql, *given)
        assert len(row["campaigns"]) < 120_000
        found += [UUID(one["campaign_id"]) for one in json.loads(row["campaigns"])]
        after = row["next"]
    assert found == made


async def test_a_campaign_is_listed_until_it_is_settled(db: asyncpg.Connection) -> None:
    campaign = await begin(db, at(0), 600, ends_at=at(700))
    await comes(db, at(0))
    await judge(db, at(700 + 3_600))
    (one,) = await listed(db, at(700 + 3_601))
    assert (one["campaign_id"], one["state"]) == (str(campaign), "over")
    await judge(db, at(700 + 3_660))
    assert await listed(db, at(700 + 3_661)) == []
