"""Time belongs to a person: a minute counts once, on however many tabs and resources."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import WRONG_TOTALS, Tab, at, finalize, forget, probed
from tests.support.campaigns import begin, judge
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    import asyncpg

MINUTE = 60


async def watched(db: asyncpg.Connection, now: float, resource: str | None = None) -> float:
    """In seconds."""
    length: timedelta = await db.fetchval("select watched('ann', $1, $2)", resource, at(now))
    return length.total_seconds()


async def stays(
    db: asyncpg.Connection, name: str, resource: str, begins: float, ends: float
) -> None:
    """One tab, from when to when."""
    tab = Tab(name, resource=resource, expires_at=at(begins + 30))
    await tab.connect(db, at(begins))
    await tab.disconnect(db, at(ends))


async def test_two_tabs_on_two_resources_are_one_time(db: asyncpg.Connection) -> None:
    """As it was reported: 12.0 s, where the sum of both said 24.2."""
    await Tab("a", resource="one").connect(db, at(0))
    await Tab("b", resource="two").connect(db, at(0.2))
    assert await watched(db, 12) == 12
    assert await watched(db, 12, "one") == 12
    assert await watched(db, 12, "two") == pytest.approx(11.8)
    for name in ("a", "b"):
        await Tab(name).disconnect(db, at(12))
    assert await watched(db, 20) == 12
    await finalize(db, at(MINUTE))
    assert await watched(db, MINUTE) == 12
    assert await watched(db, MINUTE, "two") == pytest.approx(11.8)


async def test_the_least_watch_time_counts_a_second_once(db: asyncpg.Connection) -> None:
    """A bonus of at least 20 s, of any resource, was granted after 12.8."""
    await db.execute(
        "select create_bonus(gen_random_uuid(), '{}', 'everyone', null, null, '0', '1 minute',"
        " null, '20 s', p_now => $1)",
        at(0),
    )
    await Tab("a", resource="one").connect(db, at(0))
    await Tab("b", resource="two").connect(db, at(0.2))
    refusal = "select outcome from bonuses b, offer_of(b, 'ann', false, false, $1)"
    shown = "select bonuses -> 0 -> 'progress' -> 'watched_ms' from shown_offers('ann', null, $1)"
    for now, refused in ((12.8, "not_eligible"), (19.999, "not_eligible"), (20, None)):
        assert await db.fetchval(refusal, at(now)) == refused
        watched_ms = str(round(now * 1_000)) if refused else None
        assert await db.fetchval(shown, at(now)) == watched_ms


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ((0, 10), (20, 30), 20),  # one after the other
        ((0, 10), (10, 20), 20),
        ((0, 10), (5, 20), 20),  # over the edge
        ((5, 20), (0, 10), 20),
        ((0, 30), (10, 20), 30),  # one within the other
        ((10, 20), (0, 30), 30),
        ((0, 10), (0, 10), 10),
        ((0, 10), (5, 5), 10),  # of no length
        ((5, 5), (0, 10), 10),
    ],
)
@pytest.mark.parametrize("finalized", ["apart", "together", "one", "none"])
async def test_times_of_two_resources_are_united_however_they_lie(
    db: asyncpg.Connection,
    one: tuple[float, float],
    two: tuple[float, float],
    expected: float,
    finalized: str,
) -> None:
    await stays(db, "a", "one", *one)
    if finalized in ("apart", "one"):
        await finalize(db, at(100))
    await stays(db, "b", "two", *two)
    if finalized in ("apart", "together"):
        await finalize(db, at(100))
    assert await watched(db, 100) == expected
    assert await watched(db, 100, "one") == one[1] - one[0]
    assert await watched(db, 100, "two") == two[1] - two[0]
    assert not await db.fetch(WRONG_TOTALS)


async def test_an_open_session_adds_what_no_past_one_has(db: asyncpg.Connection) -> None:
    await Tab("a", resource="one").connect(db, at(0))
    await stays(db, "b", "two", 10, 20)
    await stays(db, "c", "three", 15, 25)
    await finalize(db, at(100))
    assert await db.fetchval("select count(*) from past_sessions") == 2
    assert await watched(db, 5) == 20  # a clock that went back: what is past is past
    assert await watched(db, 100) == 100


async def test_the_report_of_one_user_says_the_same(db: asyncpg.Connection) -> None:
    await db.execute(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " select 'ann', resource, now() - interval '1 hour', now(), '{\"n\": {\"c\": {}}}'"
        "   from unnest(array['one', 'two', 'three']) as resource"
    )
    row = await db.fetchrow(text("watch_time"), "ann")
    assert row["online"]
    assert 3_600_000 <= row["watched_ms"] < 2 * 3_600_000


async def test_sessions_that_are_finalized_at_once_know_of_each_other(pool: asyncpg.Pool) -> None:
    """Neither sees the other's session when it begins; the second waits, and looks again."""
    past = (
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) values ($1, 'ann', $2, $3, $4, 'client', '0')"
    )
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as third:
        transaction = first.transaction()
        await transaction.start()
        await first.execute(past, 1, "one", at(0), at(60))
        other = asyncio.create_task(second.execute(past, 2, "two", at(30), at(90)))

        async def waits() -> bool:
            return bool(
                await third.fetchval("select exists (select from pg_locks where not granted)")
            )

        await until_answered(waits)
        await transaction.commit()
        await other
        assert await watched(third, 100) == 90
        assert not await third.fetch(WRONG_TOTALS)


# ---- campaigns


async def makes_campaign(
    db: asyncpg.Connection, every: float, resource: str | None = None, begins: float = 0
) -> None:
    await begin(db, at(begins), every=every, resources=resource and [resource])


async def minutes_go_by(db: asyncpg.Connection, first: int, last: int) -> list[int]:
    """The schedule runs each minute; in which ones ann is awarded."""
    awarded = []
    for minute in range(first, last + 1):
        await finalize(db, at(minute * MINUTE))
        await judge(db, at(minute * MINUTE))
        offers = "select count(*) from offers join bonuses using (bonus_id) where created_at = $1"
        awarded += [minute] * await db.fetchval(offers, at(minute * MINUTE))
    return awarded


async def test_a_second_stream_brings_no_second_award(db: asyncpg.Connection) -> None:
    """As it was reported: in 61 minutes 7 offers, with a stream that was opened 5 minutes later."""
    await makes_campaign(db, 15 * MINUTE)
    await Tab("a", resource="one").connect(db, at(0))
    await Tab("b", resource="two", expires_at=at(400)).connect(db, at(5 * MINUTE))
    assert await minutes_go_by(db, 1, 61) == [15, 30, 45, 60]


async def test_progress_goes_on_in_the_next_session(db: asyncpg.Connection) -> None:
    """As it was reported: 14 minutes, 36 s away, 16.4 minutes were one award."""
    await makes_campaign(db, 15 * MINUTE)
    await stays(db, "a", "one", 0, 14 * MINUTE)
    await Tab("b", resource="one", expires_at=at(900)).connect(db, at(14.6 * MINUTE))
    assert await minutes_go_by(db, 1, 31) == [16, 31]


async def test_on_another_device_and_resource_too(db: asyncpg.Connection) -> None:
    await makes_campaign(db, 10 * MINUTE)
    await stays(db, "a", "one", 0, 4 * MINUTE)
    await stays(db, "b", "two", 2 * MINUTE, 6 * MINUTE)
    await Tab("c", resource="three", expires_at=at(660)).connect(db, at(10 * MINUTE))
    assert await minutes_go_by(db, 1, 30) == [14, 24]


async def test_a_rule_of_a_resource_counts_that_resource(db: asyncpg.Connection) -> None:
    """Whatever else is open: each rule has its own progress."""
    await makes_campaign(db, 10 * MINUTE, "one")
    await makes_campaign(db, 10 * MINUTE, "two")
    await stays(db, "a", "one", 0, 4 * MINUTE)
    await stays(db, "b", "two", 2 * MINUTE, 6 * MINUTE)
    await Tab("c", resource="one", expires_at=at(660)).connect(db, at(10 * MINUTE))
    assert await minutes_go_by(db, 1, 25) == [16]
    await Tab("d", resource="two", expires_at=at(1560)).connect(db, at(25 * MINUTE))
    assert await minutes_go_by(db, 26, 32) == [26, 31]


@pytest.mark.parametrize(("begins", "due"), [(0, 10), (5, 15), (25, 35)])
async def test_what_was_watched_before_a_rule_does_not_count(
    db: asyncpg.Connection, begins: int, due: int
) -> None:
    """Neither in past sessions nor in the one that is open."""
    await makes_campaign(db, 10 * MINUTE, begins=begins * MINUTE)
    await stays(db, "a", "two", 0, 8 * MINUTE)
    await Tab("b", resource="one").connect(db, at(0))
    assert await minutes_go_by(db, begins + 1, due) == [due]


async def test_who_has_left_is_awarded_when_they_are_back(db: asyncpg.Connection) -> None:
    await makes_campaign(db, 10 * MINUTE)
    await stays(db, "a", "one", 0, 10.5 * MINUTE)
    assert await minutes_go_by(db, 11, 30) == []
    await Tab("b", expires_at=at(1830)).connect(db, at(30 * MINUTE))
    assert await minutes_go_by(db, 31, 60) == [31, 40, 50, 60]


async def test_an_award_too_early_is_made_up_for(db: asyncpg.Connection) -> None:
    """A phone died after 5 minutes and was found after 12: the next is for 20 true minutes."""
    await makes_campaign(db, 10 * MINUTE)
    await Tab("a").connect(db, at(0))
    await probed(db, at(5 * MINUTE))
    assert await minutes_go_by(db, 1, 11) == [10]
    await forget(db, [Tab("a")], at(12 * MINUTE))
    await Tab("b", expires_at=at(830)).connect(db, at(14 * MINUTE))
    assert await minutes_go_by(db, 13, 40) == [29, 39]


async def test_progress_is_kept_until_a_month_after_its_campaign(db: asyncpg.Connection) -> None:
    await makes_campaign(db, 10 * MINUTE)
    await stays(db, "a", "one", 0, 4 * MINUTE)
    await finalize(db, at(10 * MINUTE))
    kept = "select array_agg(watched) from campaign_progress"
    month, prune = 30 * 24 * 60 * MINUTE, "select prune_progress(10, $1)"
    assert await db.fetchval(prune, at(2 * month)) == 0
    assert await db.fetchval(kept) == [timedelta(minutes=4)]
    await db.execute("select change_campaign(campaign_id, 'end', $1) from campaigns", at(720))
    for minute in (12, 72, 73):
        await judge(db, at(minute * MINUTE))
    settled = 73 * MINUTE
    assert await db.fetchval(prune, at(settled + month)) == 0
    assert await db.fetchval(prune, at(settled + month + 1)) == 1
    await stays(db, "b", "one", 80 * MINUTE, 84 * MINUTE)
    await finalize(db, at(90 * MINUTE))
    assert await db.fetchval(kept) is None
