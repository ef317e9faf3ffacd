"""The clock that a rule pays: the least watch time of bonuses, and the progress towards awards."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import WRONG_TOTALS, Tab, at, finalize, forget, hello, probed, says
from tests.support import stays
from tests.support.bonuses import drop
from tests.support.campaigns import WHO_IS_DUE, begin, judge
from tests.support.databases import EMPTY
from tests.support.stays import Span, World, union
from tests.support.truth import T0

if TYPE_CHECKING:
    import asyncpg

MINUTE = 60
LENGTH = timedelta(hours=20)
WORLDS = 6
SETS = (None, ["x"], ["x", "y"])


def lacks(
    least: float, watched: float, reached_at: float | None, *, is_visible: bool = True
) -> dict[str, Any]:
    """As a bonus says it, of seconds."""
    return {
        "clock": "visible" if is_visible else "connected",
        "min_ms": least * 1_000,
        "watched_ms": round(watched * 1_000),
        "reached_at": reached_at and round(at(reached_at).timestamp() * 1_000),
    }


async def makes_campaign(
    db: asyncpg.Connection, every: float, resource: str | None = None, *, is_visible: bool = True
) -> None:
    resources = resource and [resource]
    await begin(db, at(0), every=every, resources=resources, is_visible=is_visible)


async def is_due(db: asyncpg.Connection, seconds: float) -> bool:
    """Whether ann is, now and not a moment before."""
    assert not await db.fetch(WHO_IS_DUE, at(seconds) - timedelta(microseconds=1))
    return bool(await db.fetch(WHO_IS_DUE, at(seconds)))


@pytest.mark.parametrize(("is_visible", "due"), [(False, 600), (True, 900)])
async def test_a_rule_pays_its_clock(db: asyncpg.Connection, is_visible: bool, due: float) -> None:
    """Hidden for five minutes of the first ten."""
    await makes_campaign(db, 600, is_visible=is_visible)
    await Tab("a").connect(db)
    await says(db, Tab("a"), False, 2, at(120))
    await says(db, Tab("a"), True, 3, at(420))
    assert await is_due(db, due)


async def test_a_user_is_paid_while_any_of_their_pages_is_visible(db: asyncpg.Connection) -> None:
    """Here for 15 minutes, in three sessions at most: visible in 0-4, 2-6, and from 10 on."""
    await makes_campaign(db, 600)
    await Tab("a", resource="one").connect(db)
    await Tab("b", resource="two", expires_at=at(150)).connect(db, at(120))
    await says(db, Tab("a"), False, 2, at(240))
    await Tab("b").disconnect(db, at(360))
    await finalize(db, at(420))
    await Tab("c", resource="two", expires_at=at(630)).connect(db, at(600))
    assert await is_due(db, 840)


async def test_a_rule_of_a_resource_pays_what_was_visible_there(db: asyncpg.Connection) -> None:
    await makes_campaign(db, 300, "one")
    await Tab("a", resource="one").connect(db)
    await hello(db, Tab("a"), False, 1, at(1))
    await Tab("b", resource="two").connect(db)
    await Tab("c", resource="one", expires_at=at(330)).connect(db, at(300))
    await Tab("c").disconnect(db, at(400))
    await says(db, Tab("a"), True, 2, at(500))
    assert await is_due(db, 700)


async def test_progress_counts_what_was_visible_since_the_rule_began(
    db: asyncpg.Connection,
) -> None:
    """Also of sessions that are over, and of the parts of one that was hidden often."""
    await Tab("a").connect(db, at(-100))
    await makes_campaign(db, 600)
    change, now = 2, 0
    while now < 1_000:
        await says(db, Tab("a"), change % 2 == 1, change, at(now))
        change, now = change + 1, now + 10
    assert await db.fetchval("select count(*) from past_sessions") > 1
    await Tab("a").disconnect(db, at(1_000))
    await finalize(db, at(1_100))
    progress = "select watched from campaign_progress"
    assert await db.fetchval(progress) == timedelta(seconds=500)
    await Tab("b", expires_at=at(1_230)).connect(db, at(1_200))
    assert await is_due(db, 1_300)


@pytest.mark.parametrize("resource", [None, "one"])
@pytest.mark.parametrize(("is_visible", "since"), [(False, 100), (True, 160)])
async def test_a_claim_and_the_welcome_ask_the_clock_of_the_bonus(
    db: asyncpg.Connection, resource: str | None, is_visible: bool, since: float
) -> None:
    await Tab("a", resource="one").connect(db)
    await says(db, Tab("a"), False, 2, at(10))
    await says(db, Tab("a"), True, 3, at(70))
    await drop(
        db,
        audience="everyone" if resource is None else "resource",
        resource=resource,
        min_watched=timedelta(seconds=100),
        window=timedelta(hours=1),
        visible=is_visible,
        now=at(0),
    )
    refusal = "select outcome from bonuses b, offer_of(b, 'ann', false, false, $1)"
    for now, refused in ((since - 0.001, "not_eligible"), (since, None)):
        assert await db.fetchval(refusal, at(now)) == refused
        welcome = await hello(db, Tab("a"), True, 3, at(now))
        progress = json.loads(welcome["bonuses"])[0]["progress"]
        assert progress == (refused and lacks(100, 99.999, since, is_visible=is_visible))


async def test_a_bonus_of_another_resource_asks_for_what_was_visible_there(
    db: asyncpg.Connection,
) -> None:
    """The welcome is that of the one tab, the bonus that of the other's resource."""
    await Tab("a", resource="one").connect(db)
    await Tab("b", resource="two").connect(db)
    await hello(db, Tab("b"), False, 1, at(1))
    await drop(
        db,
        audience="resource",
        resource="two",
        min_watched=timedelta(seconds=100),
        window=timedelta(hours=1),
        visible=True,
        now=at(0),
    )

    async def said(now: float) -> Any:
        return json.loads((await hello(db, Tab("a"), True, 1, at(now)))["bonuses"])[0]["progress"]

    assert await said(200) == lacks(100, 0, None), "it stands still"
    await says(db, Tab("b"), True, 2, at(200))
    assert await said(299) == lacks(100, 99, 300)
    assert await said(300) is None


async def test_a_welcome_says_both_clocks_of_its_resource(db: asyncpg.Connection) -> None:
    """Over sessions that are past and two tabs; as the reports do."""
    await Tab("a").connect(db)
    await says(db, Tab("a"), False, 2, at(10))
    await Tab("a").disconnect(db, at(40))
    await finalize(db, at(100))
    await Tab("b", expires_at=at(230)).connect(db, at(200))
    await Tab("c", resource="two", expires_at=at(230)).connect(db, at(200))
    await hello(db, Tab("b"), False, 1, at(205))
    await says(db, Tab("b"), True, 2, at(220))
    welcome = await hello(db, Tab("b"), True, 2, at(225))
    assert (welcome["watched_ms"], welcome["visible_ms"]) == (65_000, 15_000)
    for is_visible, said in ((False, 65_000), (True, 15_000)):
        who = ("ann", "site", "", "", None, at(225), is_visible, True)
        (row,) = await db.fetch(text("watch_time_by"), at(0), at(999), [], *who)
        assert row["watched_ms"] == said
    moved = await Tab("c").watch(db, "site", at(230))
    assert (moved["watched_ms"], moved["visible_ms"]) == (70_000, 20_000)


async def test_a_visible_tab_that_dies_beside_a_hidden_one_is_paid_until_it_is_found(
    db: asyncpg.Connection,
) -> None:
    """Dead after 100 s, found after 420: the clock goes back to the last evidence, 60 s."""
    await makes_campaign(db, 400)
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    await hello(db, Tab("b"), False, 1, at(1))
    visible = "select extract(epoch from watched('ann', $1, true, $2))::float8"
    assert await is_due(db, 400)
    assert await judge(db, at(400)) == 1
    await probed(db, at(60))
    await probed(db, at(61))
    await forget(db, [Tab("a")], at(420))
    for resource in ("site", None):
        assert await db.fetchval(visible, resource, at(999)) == 61
    await says(db, Tab("b"), True, 2, at(1_000))
    # The next award is for 800 s that were visible, the 320 of the dead tab not among them.
    assert await is_due(db, 1_000 + 800 - 61)


STAGED = """
create temp table staged as
    select *, row_number() over (order by md5(id::text || joined_at)) as n from past_sessions;
truncate past_sessions, watch_totals, campaign_progress;
"""
COLUMNS = "id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible"


async def test_totals_know_both_clocks_in_whatever_order_sessions_become_past(
    db: asyncpg.Connection,
) -> None:
    """One by one, or some at once; beside brute force."""
    for seed in range(WORLDS):
        dice = Random(seed)  # noqa: S311  # no secret
        await db.execute(f"{EMPTY}; drop table if exists staged")
        for resources, is_visible, is_each in product(SETS, (True, False), (True, False)):
            order: dict[str, Any] = {
                "resources": resources,
                "is_visible": is_visible,
                "is_each": is_each,
            }
            await begin(db, T0 + LENGTH / 4, every=3_600, **order)
        world = stays.generated(dice, T0, LENGTH)
        await world.store(db)
        await db.execute(STAGED)
        number = 0
        while number < len(world.stays):
            upto = number + dice.choice((1, 9))
            await db.execute(
                f"insert into past_sessions ({COLUMNS}) select {COLUMNS} from staged"  # noqa: S608
                " where n > $1 and n <= $2",
                *(number, upto),
            )
            number = upto
        assert not await db.fetch(WRONG_TOTALS)
        await progress_is_right(db, world)


async def progress_is_right(db: asyncpg.Connection, world: World) -> None:
    """Of each campaign that of what is past, since it began."""
    rows = await db.fetch(
        "select resources, is_visible, is_each, user_id, campaign_progress.watched"
        "  from campaigns join campaign_progress using (campaign_id)"
    )
    found = {(*(resources or []), *what): watched for resources, *what, watched in rows}
    wanted = {}
    past = World([one for one in world.stays if one.ended_at], world.now)
    for resources, is_visible, is_each in product(SETS, (True, False), (True, False)):
        span = (T0 + LENGTH / 4, world.now)
        clips = (past.visible() if is_visible else past).clips(span, resources)
        for user in {one.user_id for one, _ in clips}:
            parts: dict[str, list[Span]] = {}
            for one, clip in clips:
                if one.user_id == user:
                    parts.setdefault(one.resource if is_each else "", []).append(clip)
            length = sum(map(union, parts.values()), timedelta(0))
            if length:
                wanted[(*(resources or []), is_visible, is_each, user)] = length
    assert found == wanted
