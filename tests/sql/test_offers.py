"""What a viewer is told is what they can have: the order of a welcome, its pages, its progress."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from handlers.core.operations.ack import Ack
from handlers.core.operations.bonuses import ListOffers
from handlers.core.operations.claim import Claim
from handlers.core.operations.hello import Hello
from tests.sql.tabs import NODE, Tab, at, says
from tests.support.bonuses import drop
from tests.support.statements import NO_LIMIT, asked

if TYPE_CHECKING:
    import asyncpg

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
async def ann(db: asyncpg.Connection) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert await Tab("tab", expires_at=soon).connect(db, None) == "opened"


async def claims(db: asyncpg.Connection, bonus_id: UUID) -> asyncpg.Record:
    return await db.fetchrow(*asked(Claim("ann", uuid4().hex, bonus_id, *NO_LIMIT)))


async def welcome(db: asyncpg.Connection) -> tuple[list[UUID], bool]:
    row = await db.fetchrow(*asked(Hello("ann", NODE, "tab", None, None, None, *NO_LIMIT)))
    shown = [UUID(one["bonus_id"]) for one in json.loads(row["bonuses"])]
    return shown, row["has_more_bonuses"]


async def pages(db: asyncpg.Connection) -> list[list[UUID]]:
    read: list[list[UUID]] = []
    after = None
    while after is not None or not read:
        row = await db.fetchrow(*asked(ListOffers("ann", after, *NO_LIMIT)))
        after = row["next"]
        read.append([UUID(one["bonus_id"]) for one in json.loads(row["bonuses"])])
    return read


WAITING: dict[str, dict[str, Any]] = {
    "claimed": {},
    "upcoming": {"opens_in": timedelta(minutes=5)},
    "sold out": {"stock": 1},
    "not yet": {"min_watched": HOUR},
}


@pytest.mark.parametrize("kind", WAITING)
@pytest.mark.parametrize("audience", [{}, {"user_ids": ["ann"]}, {"resource": "site"}])
async def test_ten_of_others_never_hide_the_eleventh_that_can_be_claimed(
    db: asyncpg.Connection, kind: str, audience: dict[str, Any]
) -> None:
    """They expire before it, and filled all places."""
    if "resource" in audience:
        audience = {**audience, "audience": "resource"}
    others = [
        await drop(db, window=timedelta(minutes=n), **WAITING[kind], **audience)
        for n in range(10, 20)
    ]
    if kind == "claimed":
        assert {(await claims(db, one))["outcome"] for one in others} == {"claimed"}
    if kind == "sold out":
        await db.execute("delete from bonus_stock")
    last = await drop(db, window=HOUR, **audience)
    assert await welcome(db) == ([last, *others[:9]], True)
    assert await pages(db) == [[*others, last]]


async def test_what_can_be_claimed_comes_first_then_what_may_be_then_what_one_has(
    db: asyncpg.Connection,
) -> None:
    made = {
        kind: await drop(db, window=timedelta(minutes=10 + n), **WAITING[kind])
        for n, kind in enumerate(WAITING)
    }
    await claims(db, made["claimed"])
    await db.execute("delete from bonus_stock")
    can = await drop(db, window=HOUR)
    order = [can, made["not yet"], made["upcoming"], made["claimed"], made["sold out"]]
    assert await welcome(db) == (order, False)


@pytest.mark.parametrize(("count", "sizes"), [(20, [20]), (21, [20, 1]), (41, [20, 20, 1])])
async def test_pages_have_each_bonus_once(
    db: asyncpg.Connection, count: int, sizes: list[int]
) -> None:
    """Half of them expire in the same moment."""
    now = await db.fetchval("select now()")
    made = [
        await drop(db, window=HOUR + timedelta(seconds=n * (n % 2)), now=now) for n in range(count)
    ]
    read = await pages(db)
    assert [len(page) for page in read] == sizes
    assert sorted(one for page in read for one in page) == sorted(made)
    assert await welcome(db) == ([one for page in read for one in page][:10], True)


async def test_a_page_goes_on_though_its_last_bonus_has_become_another(
    db: asyncpg.Connection,
) -> None:
    made = [await drop(db, window=HOUR + timedelta(seconds=n)) for n in range(25)]
    row = await db.fetchrow(*asked(ListOffers("ann", None, *NO_LIMIT)))
    await claims(db, made[19])
    await db.execute("update bonuses set cancelled_at = now() where bonus_id = $1", made[18])
    following = await db.fetchrow(*asked(ListOffers("ann", row["next"], *NO_LIMIT)))
    assert [UUID(one["bonus_id"]) for one in json.loads(following["bonuses"])] == made[20:]


async def test_a_refusal_says_how_much_is_missing_and_it_is_claimable_by_itself(
    db: asyncpg.Connection,
) -> None:
    bonus_id = await drop(db, min_watched=HOUR, stock=9, now=at(0), window=4 * HOUR)
    await db.execute("update watching_times set joined_at = $1", at(0))
    ask = "select outcome, progress from claim('ann', $1, $2, p_now => $3)"
    refused = await db.fetchrow(ask, "a", bonus_id, at(600))
    assert refused["outcome"] == "not_eligible"
    said = json.loads(refused["progress"])
    moment = at(3_600).timestamp() * 1_000
    assert said == {
        "clock": "connected",
        "min_ms": 3_600_000,
        "watched_ms": 600_000,
        "reached_at": moment,
    }
    assert (await db.fetchrow(ask, "b", bonus_id, at(3_599.999)))["outcome"] == "not_eligible"
    assert (await db.fetchrow(ask, "c", bonus_id, at(3_600)))["outcome"] == "claimed"


async def test_an_offer_that_lacks_watch_time_can_be_acknowledged(db: asyncpg.Connection) -> None:
    """Its user sees it."""
    bonus_id = await drop(db, min_watched=HOUR, acknowledge=True)
    await db.execute(*asked(Ack("ann", bonus_id, *NO_LIMIT)))
    assert await db.fetchval("select count(*) from acks") == 1


async def test_a_clock_that_stands_still_has_no_moment(db: asyncpg.Connection) -> None:
    """It goes on with the page that becomes visible: later by as long as it stood."""
    await db.execute("delete from watching_times")
    await Tab("a").connect(db)
    await drop(db, min_watched=timedelta(seconds=100), visible=True, window=HOUR, now=at(0))

    async def moment(now: float) -> float | None:
        reached_at = "select p -> 'reached_at' from bonuses b, progress_of(b, 'ann', $1) as p"
        said = await db.fetchval(reached_at, at(now))
        return None if said == "null" else float(said) / 1_000 - at(0).timestamp()

    assert await moment(10) == await moment(20) == 100
    await says(db, Tab("a"), False, 2, at(30))
    assert await moment(40) is None
    await says(db, Tab("a"), True, 3, at(50))
    assert await moment(60) == 120
