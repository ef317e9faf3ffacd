"""push: everyone in the audience has a page, once, whatever the workers do."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.adapters.statements import text
from handlers.core.operation import Json
from handlers.core.operations.act import Act
from tests.sql.tabs import NODE, T0, at
from tests.support import bonuses
from tests.support.statements import NO_LIMIT, asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FAST = 1_000_000
LEASE = 6
PUSH = """
select * from broadcast_page(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, p_now => $12::timestamptz)
"""


async def crowd(db: asyncpg.Connection, size: int, resource: str = "site", first: int = 1) -> None:
    """Users u00001, …, each with one connection of the same name on the resource."""
    await db.execute(
        """
        insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
            select id, $3::text, $4::timestamptz, $4,
                   jsonb_build_object($5::text, jsonb_build_object(
                       id || '@' || $3::text, jsonb_build_object('at', extract(epoch from $4))))
              from (select 'u' || lpad(n::text, 5, '0') as id
                      from generate_series($1::integer, $1::integer + $2 - 1) n) as users""",
        *(first, size, resource, T0, NODE),
    )


@asynccontextmanager
async def undone(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection, of which nothing stays."""
    db = await asyncpg.connect(dsn)
    transaction = db.transaction()
    await transaction.start()
    try:
        yield db
    finally:
        await transaction.rollback()
        await db.close()


async def leave(db: asyncpg.Connection, user_id: str) -> None:
    await db.execute(
        "update watching_times set nodes = '{}', ended_at = joined_at, ended_by = 'client',"
        " ended_within = '0' where user_id = $1",
        user_id,
    )


def names(size: int, resource: str = "site", first: int = 1) -> list[str]:
    return [f"u{n:05}@{resource}" for n in range(first, first + size)]


async def drop(
    db: asyncpg.Connection,
    audience: str = "everyone",
    resource: str | None = None,
    users: tuple[str, ...] = (),
    *,
    acknowledge: bool = False,
) -> UUID:
    """A bonus at T0, open for a minute."""
    return await bonuses.drop(
        db,
        audience=audience,
        resource=resource,
        user_ids=users,
        acknowledge=acknowledge,
        now=T0,
    )


async def news(db: asyncpg.Connection, good_for: float = 60) -> UUID:
    broadcast_id = uuid4()
    await db.execute(
        "select create_news($1, $2, 'everyone', null, $3, null, $4)",
        *(broadcast_id, '{"type": "hint", "body": {}}', timedelta(seconds=good_for), T0),
    )
    return broadcast_id


@dataclass
class Lane:
    """A worker's lane, and what it pushed: connection ids, in order."""

    db: asyncpg.Connection | asyncpg.Pool
    broadcast_id: UUID
    round: int = 1
    limit: int = 250
    per_second: int = FAST
    id: UUID = field(default_factory=uuid4)
    pushed: list[str] = field(default_factory=list)
    report: tuple[int | None, ...] = (None, None, 0, 0, 0, 0)

    async def ask(self, seconds: float | None = 1, limit: int | None = None) -> dict[str, Any]:
        """Report, and get the next page; `seconds` after T0, or now."""
        now: datetime | None = None if seconds is None else at(seconds)
        limit = self.limit if limit is None else limit
        row = await self.db.fetchrow(
            PUSH,
            *(self.broadcast_id, self.round, self.id, limit, self.per_second, *self.report, now),
        )
        self.report = (None, None, 0, 0, 0, 0)
        return dict(row)

    async def turn(self, seconds: float | None = 1) -> str:
        """Ask, and push the page."""
        row = await self.ask(seconds)
        if row["outcome"] == "page":
            tabs = tabs_of(row)
            self.pushed += tabs
            self.report = (row["shard"], row["page"], len(tabs), 0, 0, 0)
        outcome: str = row["outcome"]
        return outcome

    async def work(self, seconds: float | None = 1) -> str:
        """Until there are no more pages."""
        while (outcome := await self.turn(seconds)) in ("page", "dropped"):
            pass
        return outcome


def tabs_of(row: dict[str, Any]) -> list[str]:
    recipients = json.loads(row["recipients"])
    return [tab for _, connections, _ in recipients for _, tab in connections]


async def numbers(db: asyncpg.Connection, broadcast_id: UUID) -> dict[str, Any]:
    row = dict(await db.fetchrow(text("broadcast"), broadcast_id))
    return {key: row[key] for key in ("sent", "gone", "undelivered", "dropped", "is_done")}


def done(sent: int, **more: int) -> dict[str, Any]:
    return {"sent": sent, "gone": 0, "undelivered": 0, "dropped": 0, "is_done": True, **more}


# Who is in a page.


@pytest.mark.parametrize("size", [0, 1, 249, 250, 251, 499, 500, 501])
async def test_everyone_is_in_one_page(db: asyncpg.Connection, size: int) -> None:
    await crowd(db, size)
    lane = Lane(db, await drop(db))
    assert await lane.work() == "done"
    assert lane.pushed == names(size)
    assert await numbers(db, lane.broadcast_id) == done(size)


@pytest.mark.parametrize("size", [1_999, 2_000, 2_001, 4_000, 9_000])
@pytest.mark.parametrize("audience", ["everyone", "resource", "users"])
async def test_everyone_is_in_one_page_of_some_shard(
    db: asyncpg.Connection, size: int, audience: str
) -> None:
    await crowd(db, size)
    await crowd(db, 300, "other")
    await db.execute("analyze watching_times")
    users = tuple(name.split("@")[0] for name in names(size))
    lane = Lane(db, await drop(db, audience, "site" if audience == "resource" else None, users))
    first = await lane.ask()
    lane.pushed, lane.report = tabs_of(first), (first["shard"], first["page"], 250, 0, 0, 0)
    assert await lane.work() == "done"
    others = [] if audience == "resource" else names(300, "other")
    assert sorted(lane.pushed) == sorted([*names(size), *others])
    shards = await db.fetchval("select count(*) from broadcast_shards")
    assert first["shards"] == shards
    assert abs(shards - (size + len(others) * (audience == "everyone")) // 2_000 - 1) <= 1


@pytest.mark.parametrize(("before", "since"), [(0, 5_000), (5_000, 20_000), (20_000, -19_900)])
async def test_old_statistics_only_make_other_shards(own_dsn: str, before: int, since: int) -> None:
    """The sample is as large as the table was when it was last looked at."""
    db = await asyncpg.connect(own_dsn)
    await db.execute("alter table watching_times set (autovacuum_enabled = off)")
    await crowd(db, before)
    await db.execute("analyze watching_times")
    if since > 0:
        await crowd(db, since, first=before + 1)
    else:
        await db.execute("delete from watching_times where user_id > 'u00100'")
    lane = Lane(db, await drop(db), limit=1_000)
    assert await lane.work() == "done"
    assert lane.pushed == names(before + since)
    await db.close()


async def test_several_resources_and_devices_of_a_user_are_all_told(db: asyncpg.Connection) -> None:
    await crowd(db, 10)
    await crowd(db, 10, "stream")
    lane = Lane(db, await drop(db), limit=3)
    await lane.work()
    assert sorted(lane.pushed) == sorted(names(10) + names(10, "stream"))
    listed = Lane(db, await drop(db, "users", users=("u00003", "absent")))
    await listed.work()
    assert sorted(listed.pushed) == ["u00003@site", "u00003@stream"]


# A step, and the number that picks its lane, its user, or how long it takes. Most steps are turns.
STEPS = st.tuples(
    st.sampled_from(["turn", "dies", "waits", "leaves", *["turn"] * 8]), st.integers(0, 39)
)


@given(
    size=st.integers(0, 40),
    limit=st.integers(1, 9),
    bounds=st.sets(st.integers(1, 45)),
    lanes=st.integers(1, 4),
    steps=st.lists(STEPS, max_size=60),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_all_users_who_stay_are_told_in_any_order_of_events(  # noqa: PLR0913  # what is drawn
    dsn: str, *, size: int, limit: int, bounds: set[int], lanes: int, steps: list[tuple[str, int]]
) -> None:
    """Any shards and any number of lanes; some die in a page, and users leave meanwhile."""
    async with undone(dsn) as db:
        now = 1.0
        await crowd(db, size)
        broadcast_id = await drop(db)
        await db.execute("update broadcasts set expires_at = at + interval '1 day'")
        ends = [f"u{n:05}" for n in sorted(bounds)]
        await db.executemany(
            "insert into broadcast_shards (broadcast_id, round, shard, after_user_id,"
            " after_resource, until_user_id, until_resource) values ($1, 1, $2, $3, $4, $5, $6)",
            [
                (broadcast_id, n, after or "", "site" if after else "", until, until and "site")
                for n, (after, until) in enumerate(zip([None, *ends], [*ends, None], strict=True))
            ],
        )
        alive = [Lane(db, broadcast_id, limit=limit) for _ in range(lanes)]
        left, told = set[str](), set[str]()
        to_the_end = (("turn", n) for n in count())
        for step, pick in chain(steps, to_the_end):
            if not alive:
                break
            lane = alive[pick % len(alive)]
            match step:
                case "dies" if len(alive) > 1:  # with its page
                    alive.remove(lane)
                    told.update(lane.pushed)
                case "waits":
                    now += (1, LEASE + 1)[pick % 2]
                case "leaves" if size:
                    gone = f"u{pick % size + 1:05}"
                    left.add(gone)
                    await leave(db, gone)
                case _:
                    outcome = await lane.turn(now)
                    if outcome == "busy":
                        now += LEASE / 4
                    if outcome == "done":
                        alive.remove(lane)
                        told.update(lane.pushed)
        assert {name for name in names(size) if name.split("@")[0] not in left} <= told
        assert await db.fetchval("select bool_and(done_at is not null) from broadcast_shards")


async def test_lanes_at_once_have_pages_of_their_own(
    db: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await crowd(db, 9_000)
    broadcast_id = await drop(db)
    lanes = [Lane(pool, broadcast_id, limit=100) for _ in range(8)]

    async def work(lane: Lane) -> None:
        while await lane.work() != "done":  # the others hold what is left
            pass

    await asyncio.gather(*map(work, lanes))
    pushed = [tab for lane in lanes for tab in lane.pushed]
    assert sorted(pushed) == names(9_000)
    assert sum(bool(lane.pushed) for lane in lanes) > 1
    assert await numbers(db, broadcast_id) == done(9_000)


async def test_a_lane_passes_over_a_shard_that_another_is_just_taking(
    db: asyncpg.Connection, dsn: str
) -> None:
    await crowd(db, 5_000)
    broadcast_id = await drop(db)
    first = await Lane(db, broadcast_id).ask()
    take = "select shard from hold_shard($1, 1, gen_random_uuid(), '6 seconds', $2)"
    async with undone(dsn) as other:
        taken = await other.fetchval(take, broadcast_id, at(1))
        await db.execute("set lock_timeout = '5 s'")
        third = await db.fetchval(take, broadcast_id, at(1))
    assert len({first["shard"], taken, third}) == 3


async def test_one_lane_makes_the_shards(db: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await crowd(db, 5_000)
    broadcast_id = await drop(db)
    rows = await asyncio.gather(*(Lane(pool, broadcast_id).ask() for _ in range(8)))
    assert sum(row["shards"] is not None for row in rows) == 1


# Lanes that die, and lanes that come late.


async def test_the_page_of_a_dead_lane_goes_to_another_when_its_lease_is_over(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 20)
    dead = Lane(db, await drop(db), limit=5)
    await dead.turn(1)
    await dead.turn(2)
    other = Lane(db, dead.broadcast_id, limit=5)
    assert await other.turn(2 + LEASE) == "busy"
    assert await other.work(2.001 + LEASE) == "done"
    assert other.pushed == names(15, first=6)
    assert (await numbers(db, dead.broadcast_id))["sent"] == 20


async def test_a_lane_that_comes_too_late_only_adds_its_numbers(db: asyncpg.Connection) -> None:
    await crowd(db, 20)
    late = Lane(db, await drop(db), limit=5)
    await late.turn(1)
    other = Lane(db, late.broadcast_id, limit=5)
    await other.turn(2 + LEASE)
    assert other.pushed == late.pushed
    assert await late.turn(3 + LEASE) == "busy"
    assert await other.work(3 + LEASE) == "done"
    assert other.pushed == names(20)
    assert (await numbers(db, late.broadcast_id))["sent"] == 25


async def test_a_report_twice_counts_once_and_loses_no_page(db: asyncpg.Connection) -> None:
    """The answer to the first was lost, and with it the page that it gave."""
    await crowd(db, 20)
    lane = Lane(db, await drop(db), limit=5)
    await lane.turn()
    report = lane.report
    await lane.ask()
    lane.report = report
    assert await lane.work() == "done"
    assert lane.pushed == names(20)
    assert await numbers(db, lane.broadcast_id) == done(20)


async def test_the_last_report_twice_counts_once(db: asyncpg.Connection) -> None:
    await crowd(db, 20)
    lane = Lane(db, await drop(db), limit=5)
    await lane.turn()
    report = lane.report
    for _ in range(2):
        lane.report = report
        assert (await lane.ask(limit=0))["outcome"] == "released"
    assert (await numbers(db, lane.broadcast_id))["sent"] == 5


async def test_a_lane_whose_time_is_up_leaves_its_shard_to_the_next_at_once(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 20)
    lane = Lane(db, await drop(db), limit=5)
    await lane.turn()
    await lane.ask(limit=0)
    other = Lane(db, lane.broadcast_id)
    await other.work()
    assert other.pushed == names(15, first=6)


async def test_a_broadcast_delivered_twice_is_done_once(db: asyncpg.Connection) -> None:
    await crowd(db, 300)
    broadcast_id = await drop(db)
    first, again = Lane(db, broadcast_id), Lane(db, broadcast_id)
    await first.work()
    assert await again.work() == "done"
    assert again.pushed == []
    assert await numbers(db, broadcast_id) == done(300)


async def test_an_unknown_broadcast_is_said_to_be_so(db: asyncpg.Connection) -> None:
    assert (await Lane(db, uuid4()).ask())["outcome"] == "unknown"


# The end of the window.


async def test_users_the_window_left_out_are_counted(db: asyncpg.Connection) -> None:
    await crowd(db, 5_000)
    await crowd(db, 10, "other")
    lane = Lane(db, await drop(db, "resource", "site"))
    await lane.turn(59)
    assert await lane.work(60.001) == "over"
    assert len(lane.pushed) == 250
    assert await numbers(db, lane.broadcast_id) == done(250, dropped=4_750)


async def test_more_than_is_counted_at_once_is_dropped_all_the_same(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 10_001)
    broadcast_id = await drop(db)
    await db.execute(
        "insert into broadcast_shards (broadcast_id, round, shard, after_user_id, after_resource)"
        " values ($1, 1, 1, '', '')",
        broadcast_id,
    )
    lane = Lane(db, broadcast_id)
    assert [await lane.turn(61) for _ in range(4)] == ["dropped"] * 3 + ["over"]
    assert await numbers(db, broadcast_id) == done(0, dropped=10_001)


async def test_an_offer_that_is_over_is_told_to_no_stream(db: asyncpg.Connection) -> None:
    await crowd(db, 2)
    lane = Lane(db, await drop(db, "users", users=("u00001", "u00002")))
    assert await lane.work(61) == "over"
    assert await db.fetchval("select count(*) from user_events") == 0
    assert await numbers(db, lane.broadcast_id) == done(0, dropped=2)


async def test_a_page_is_given_out_until_the_very_end(db: asyncpg.Connection) -> None:
    await crowd(db, 10)
    lane = Lane(db, await drop(db))
    assert await lane.turn(60) == "page"


async def test_at_the_end_a_page_on_its_way_is_counted_by_its_worker(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 20)
    lane = Lane(db, await drop(db), limit=5)
    await lane.turn(59)
    other = Lane(db, lane.broadcast_id)
    assert await other.work(61) == "over"
    lane.report = (*lane.report[:2], 3, 0, 0, 2)
    assert await lane.work(61) == "over"
    assert await numbers(db, lane.broadcast_id) == done(3, dropped=17)


async def test_the_page_of_a_lane_that_died_at_the_end_is_dropped(db: asyncpg.Connection) -> None:
    await crowd(db, 20)
    lane = Lane(db, await drop(db), limit=5)
    await lane.turn(59)
    other = Lane(db, lane.broadcast_id)
    await other.work(60 + LEASE)
    assert await numbers(db, lane.broadcast_id) == done(0, dropped=20)


async def test_a_bonus_that_is_cancelled_meanwhile_is_not_offered(db: asyncpg.Connection) -> None:
    await crowd(db, 20)
    lane = Lane(db, await drop(db), limit=5)
    await lane.turn(1)
    cancel = uuid4()
    await db.fetchval("select cancel_bonus($1, $2, $3)", lane.broadcast_id, cancel, at(2))
    assert await lane.work(3) == "over"
    assert await numbers(db, lane.broadcast_id) == done(5, dropped=15)
    told = Lane(db, cancel)
    row = await told.ask(3)
    assert (row["kind"], json.loads(row["bonus"])["outcome"]) == ("cancel", "cancelled")
    assert tabs_of(row) == names(20)


async def test_listed_users_are_told_of_a_cancel_as_of_the_bonus_itself(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 2)
    bonus_id = await drop(db, "users", users=("u00001", "u00002"))
    await Lane(db, bonus_id).work()
    cancel = uuid4()
    await db.fetchval("select cancel_bonus($1, $2, $3)", bonus_id, cancel, at(2))
    row = await Lane(db, cancel).ask(3)
    assert [event for _, _, event in json.loads(row["recipients"])] == [None, None]
    assert row["broadcast"] is None


# Listed users.


async def test_an_offer_is_one_event_in_each_stream(db: asyncpg.Connection) -> None:
    await crowd(db, 3)
    users = ("u00001", "u00002", "u00003", "offline")
    lane = Lane(db, await drop(db, "users", users=users))
    row = await lane.ask()
    told = {user: event for user, _, event in json.loads(row["recipients"])}
    assert set(told) == set(users[:3])
    again = await lane.ask(2 + LEASE)
    assert {user: event for user, _, event in json.loads(again["recipients"])} == told
    events = await db.fetch("select * from user_events order by user_id")
    assert [(one["user_id"], one["seq"], one["type"]) for one in events] == [
        (user, 1, "bonus.offered") for user in sorted(users)
    ]
    assert told["u00001"]["body"]["bonus_id"] == str(lane.broadcast_id)
    assert told["u00001"]["id"] == f"bonus.{lane.broadcast_id}"


async def test_offers_while_their_users_act_leave_no_gap(
    db: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    users = tuple(f"u{n:05}" for n in range(1, 31))
    bonuses = [await drop(db, "users", users=users) for _ in range(3)]

    async def act(n: int) -> None:
        for user in users:
            await pool.fetch(*asked(Act(user, f"a{n}", "like", Json("{}"), None, *NO_LIMIT)))

    await asyncio.gather(
        *(Lane(pool, bonus_id, limit=7).work() for bonus_id in bonuses),
        *(act(n) for n in range(3)),
    )
    counts = await db.fetch("select user_id, count(*), max(seq) from user_events group by 1")
    assert {tuple(row)[1:] for row in counts} == {(6, 6)}
    assert len(counts) == 30


async def test_no_row_is_told_to_a_user_who_has_gone(db: asyncpg.Connection) -> None:
    await crowd(db, 3)
    lane = Lane(db, await drop(db, "users", users=("u00001", "u00002")))
    await leave(db, "u00001")
    await lane.work()
    assert lane.pushed == ["u00002@site"]


# Rounds.


async def answers(db: asyncpg.Connection, bonus_id: UUID) -> None:
    """u00001 acknowledges, u00002 claims."""
    await db.fetchval("select ack('u00001', $1, p_now => $2)", bonus_id, at(2))
    await db.execute("select claim('u00002', 'c1', $1, p_now => $2)", bonus_id, at(2))


@pytest.mark.parametrize("audience", ["everyone", "resource", "users"])
async def test_a_later_round_is_for_those_who_have_not_answered(
    db: asyncpg.Connection, audience: str
) -> None:
    await crowd(db, 5)
    users = tuple(name.split("@")[0] for name in names(5))
    resource = "site" if audience == "resource" else None
    lane = Lane(db, await drop(db, audience, resource, users, acknowledge=True))
    await lane.work()
    await answers(db, lane.broadcast_id)
    second = Lane(db, lane.broadcast_id, round=2, limit=2)
    await second.work(6)
    assert second.pushed == names(3, first=3)


async def test_the_worker_that_ends_a_round_calls_for_the_next(db: asyncpg.Connection) -> None:
    await crowd(db, 5)
    lane = Lane(db, await drop(db, acknowledge=True))
    await lane.turn(1)
    assert (await lane.ask(2))["repeat_in_ms"] == 5_000
    other = Lane(db, lane.broadcast_id)
    assert (await other.ask(3))["repeat_in_ms"] is None
    assert (await lane.ask(3))["repeat_in_ms"] == 4_000


async def test_a_round_that_finds_no_user_is_the_last(db: asyncpg.Connection) -> None:
    await crowd(db, 2)
    first = Lane(db, await drop(db, acknowledge=True))
    await first.work()
    for user in ("u00001", "u00002"):
        await db.execute("select ack($1, $2, p_now => $3)", user, first.broadcast_id, at(2))
    second = Lane(db, first.broadcast_id, round=2)
    assert await second.turn(6) == "page"
    assert second.pushed == []
    row = await second.ask(7)
    assert (row["outcome"], row["repeat_in_ms"]) == ("done", None)


async def test_any_worker_calls_for_a_next_round_that_is_overdue(db: asyncpg.Connection) -> None:
    await crowd(db, 5)
    lane = Lane(db, await drop(db, acknowledge=True))
    await lane.turn(1)
    await lane.ask(2)
    other = Lane(db, lane.broadcast_id)
    assert (await other.ask(2 + LEASE))["repeat_in_ms"] is None
    assert (await other.ask(2.001 + LEASE))["repeat_in_ms"] == 0
    await Lane(db, lane.broadcast_id, round=2).work(9)
    assert (await other.ask(9))["repeat_in_ms"] is None


async def test_a_lane_that_let_go_after_the_last_page_leaves_the_next_round_to_others(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 5)
    lane = Lane(db, await drop(db, acknowledge=True))
    await lane.turn(1)
    await lane.ask(2, limit=0)
    assert (await Lane(db, lane.broadcast_id).ask(3))["repeat_in_ms"] == 4_000


async def test_there_are_three_rounds_and_none_of_what_wants_no_answer(
    db: asyncpg.Connection,
) -> None:
    await crowd(db, 5)
    third = Lane(db, await drop(db, acknowledge=True), round=3)
    await third.turn()
    assert (await third.ask())["repeat_in_ms"] is None
    once = Lane(db, await drop(db))
    await once.turn()
    assert (await once.ask())["repeat_in_ms"] is None


async def test_a_later_round_that_the_window_ends_drops_no_user(db: asyncpg.Connection) -> None:
    await crowd(db, 5)
    lane = Lane(db, await drop(db, acknowledge=True))
    await lane.work(1)
    second = Lane(db, lane.broadcast_id, round=2, limit=2)
    await second.turn(6)
    assert await second.work(61) == "over"
    assert await numbers(db, lane.broadcast_id) == done(7)


async def test_a_round_after_the_window_is_none(db: asyncpg.Connection) -> None:
    await crowd(db, 5)
    lane = Lane(db, await drop(db, acknowledge=True))
    await lane.work(1)
    assert await Lane(db, lane.broadcast_id, round=2).work(61) == "over"
    assert await numbers(db, lane.broadcast_id) == done(5)


# Turns.


async def begun(lanes: list[Lane], asks: list[tuple[int, float]]) -> list[tuple[float, int]]:
    """(when pushes may begin, how many), of pages asked for by lane and time."""
    pages = []
    for n, seconds in asks:
        row = await lanes[n].ask(seconds)
        if row["outcome"] == "page":
            tabs = tabs_of(row)
            pages.append((seconds + max(0, row["wait_ms"]) / 1_000, len(tabs)))
            lanes[n].report = (row["shard"], row["page"], len(tabs), 0, 0, 0)
    return pages


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 0.4)), max_size=40))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_all_lanes_together_stay_below_the_rate(
    dsn: str, gaps: list[tuple[int, float]]
) -> None:
    """In any window there is what the rate allows, and the page that is under way."""
    async with undone(dsn) as db:
        await crowd(db, 150)
        await db.execute("delete from push_budget")
        broadcast_id = await drop(db)
        lanes = [Lane(db, broadcast_id, limit=10, per_second=100) for _ in range(5)]
        # Five shards, for five lanes at once.
        await db.execute(
            "insert into broadcast_shards (broadcast_id, round, shard, after_user_id,"
            " after_resource, until_user_id, until_resource)"
            " select $1, 1, n, 'u' || lpad((n * 30)::text, 5, '0'), 'site',"
            " 'u' || lpad((n * 30 + 30)::text, 5, '0'), 'site' from generate_series(0, 4) n",
            broadcast_id,
        )
        asks, now = [], 1.0
        for lane, gap in gaps:
            now += gap
            asks.append((lane, now))
        pages = await begun(lanes, asks)
        for first, (began, _) in enumerate(pages):
            for last, (ends, _) in enumerate(pages[first:], first):
                pushed = sum(many for _, many in pages[first : last + 1])
                assert pushed <= 100 * (ends - began + 0.002) + 10


async def test_unused_turns_are_not_made_up_for(db: asyncpg.Connection) -> None:
    await crowd(db, 500)
    lane = Lane(db, await drop(db), limit=100, per_second=100)
    await lane.turn(1)
    assert (await lane.ask(30))["wait_ms"] == 0
    assert (await lane.ask(30))["wait_ms"] == 1_000


async def test_a_page_has_its_turn_soon_or_is_not_given_out(db: asyncpg.Connection) -> None:
    """Else its lease would be over before it begins."""
    await crowd(db, 500)
    broadcast_id = await drop(db)
    lane = Lane(db, broadcast_id, limit=100, per_second=100)
    waits = []
    for _ in range(4):
        row = await lane.ask()
        waits.append((row["outcome"], row["wait_ms"]))
        lane.report = (row["shard"], row["page"], 100, 0, 0, 0)
    assert waits == [("page", 0), ("page", 1_000), ("wait", 1_000), ("wait", 1_000)]
    assert (await lane.ask(2))["outcome"] == "page"


async def test_news_give_way_to_a_bonus(db: asyncpg.Connection) -> None:
    await crowd(db, 500)
    bonus = Lane(db, await drop(db), limit=100, per_second=1_000)
    hint = Lane(db, await news(db), limit=100, per_second=1_000)
    assert await bonus.turn(1) == "page"
    row = await hint.ask(1)
    assert (row["outcome"], row["wait_ms"]) == ("wait", 100)
    assert await bonus.turn(1.05) == "page"
    assert (await hint.ask(1.1))["outcome"] == "wait"
    assert await bonus.work(1.3) == "done"
    row = await hint.ask(3)
    assert (row["outcome"], json.loads(row["news"])["type"]) == ("page", "hint")
    assert json.loads(row["broadcast"]) == {"seq": 2, "follows": 1}


async def test_who_waits_holds_nothing_up(db: asyncpg.Connection) -> None:
    """A lane that waits longer than its lease has lost its shard to the worker that came first."""
    await crowd(db, 20)
    hint = Lane(db, await news(db), limit=5)
    await hint.turn(1)
    await db.execute("update push_budget set free_at = $1", at(20.9))
    assert await hint.turn(2) == "wait"
    other = Lane(db, hint.broadcast_id, limit=5)
    assert await other.turn(21) == "page"
    assert await hint.turn(21.1) == "busy"
    assert [await other.turn(22 + n) for n in range(4)] == ["page", "page", "done", "done"]
    assert hint.pushed + other.pushed == names(20)


# The stream of broadcasts.


async def test_broadcasts_made_at_once_are_in_one_stream_without_a_gap(
    db: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    audiences = [("everyone", None), ("resource", "site"), ("resource", "stream")]

    async def make(pool: asyncpg.Pool, n: int) -> None:
        async with pool.acquire() as one:
            if n % 4 == 3:
                await news(one)
            else:
                await drop(one, *audiences[n % 4])

    await asyncio.gather(*(make(pool, n) for n in range(40)))
    rows = await db.fetch("select * from broadcasts order by seq")
    assert [row["seq"] for row in rows] == list(range(1, 41))
    last = dict[tuple[str, str | None], int]()
    for row in rows:
        audience = (row["audience"], row["resource"])
        assert row["follows"] == last.get(audience, 0)
        last[audience] = row["seq"]


async def test_who_is_listed_takes_no_place_in_it(db: asyncpg.Connection) -> None:
    await drop(db)
    listed = await drop(db, "users", users=("ann",))
    await drop(db)
    rows = await db.fetch("select broadcast_id, seq from broadcasts order by seq nulls first")
    assert [row["seq"] for row in rows] == [None, 1, 2]
    assert rows[0]["broadcast_id"] == listed


# Orphaned broadcasts.


async def unqueued(db: asyncpg.Connection) -> list[tuple[UUID, int]]:
    return [
        (row["broadcast_id"], row["round"])
        for row in await db.fetch(text("list_orphaned_broadcasts"))
    ]


async def fresh(db: asyncpg.Connection, *, queued_ago: float | None) -> UUID:
    """A bonus made twenty seconds ago by the real clock."""
    broadcast_id = await drop(db)
    await db.execute(
        "update broadcasts set at = now() - interval '20 s', expires_at = now() + interval '1 min',"
        " queued_at = now() - $1::interval",
        timedelta(seconds=queued_ago) if queued_ago is not None else None,
    )
    return broadcast_id


async def test_what_is_not_in_the_queue_is_found(db: asyncpg.Connection) -> None:
    broadcast_id = await fresh(db, queued_ago=None)
    assert await unqueued(db) == [(broadcast_id, 1)]
    await db.execute(text("mark_broadcast_queued"), broadcast_id)
    assert await unqueued(db) == []


async def test_the_newest_is_left_to_its_creator(db: asyncpg.Connection) -> None:
    await fresh(db, queued_ago=None)
    await db.execute("update broadcasts set at = now() - interval '9 seconds'")
    assert await unqueued(db) == []


async def test_what_was_queued_and_never_begun_is_found(db: asyncpg.Connection) -> None:
    broadcast_id = await fresh(db, queued_ago=16)
    assert await unqueued(db) == [(broadcast_id, 1)]


async def test_what_everybody_died_on_is_found_and_nothing_else(db: asyncpg.Connection) -> None:
    await crowd(db, 500)
    broadcast_id = await fresh(db, queued_ago=16)
    lane = Lane(db, broadcast_id)
    await lane.turn(None)
    assert await unqueued(db) == []
    await db.execute("update broadcast_shards set held_until = now() - interval '16 seconds'")
    assert await unqueued(db) == [(broadcast_id, 1)]
    await lane.work(None)
    assert await unqueued(db) == []


async def test_what_is_over_is_left_alone(db: asyncpg.Connection) -> None:
    await fresh(db, queued_ago=None)
    await db.execute("update broadcasts set expires_at = now() - interval '1 second'")
    assert await unqueued(db) == []
