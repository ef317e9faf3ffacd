"""act, hello, claim, award: order, idempotency, stock."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.adapters.statements import text
from handlers.core.operation import Json
from handlers.core.operations.act import Act
from handlers.core.operations.claim import Claim
from handlers.core.operations.connect import Connect
from handlers.core.operations.hello import Hello
from handlers.core.operations.maintenance import Prune
from handlers.services.bonuses import CancelBonus
from tests.support import bonuses
from tests.support.bonuses import create_bonus
from tests.support.campaigns import begin, judge
from tests.support.statements import NO_LIMIT, asked

NODE = "gateway.example/live"


async def come(db: asyncpg.Connection, user_id: str = "ann", resource: str = "site") -> None:
    """One connection of a user, named after them."""
    await db.fetchval(
        *asked(
            Connect(
                *(user_id, resource, NODE, f"{user_id}-1", f"ticket-{user_id}-{resource}"),
                *(datetime.now(UTC) + timedelta(minutes=1), timedelta(seconds=30), 50, None),
            )
        )
    )


async def act(
    db: asyncpg.Connection, action_id: str, body: object = None, user_id: str = "ann"
) -> dict[str, Any]:
    statement = Act(user_id, action_id, "like", Json(json.dumps(body or {})), None, *NO_LIMIT)
    row = await db.fetchrow(*asked(statement))
    return {**row, "event": json.loads(row["event"]), "others": json.loads(row["others"])}


async def hello(
    db: asyncpg.Connection, since: int | None = None, epoch: str | None = None
) -> dict[str, Any]:
    row = await db.fetchrow(*asked(Hello("ann", NODE, "ann-1", since, epoch, None, *NO_LIMIT)))
    return {
        **row,
        "epoch": str(row["epoch"]),
        "events": json.loads(row["events"]),
        "bonuses": json.loads(row["bonuses"]),
    }


async def drop(  # noqa: PLR0913  # each is one thing a bonus may have
    db: asyncpg.Connection,
    *,
    audience: str = "everyone",
    resource: str | None = None,
    users: tuple[str, ...] = (),
    opens_in: float = 0,
    window: float = 60,
    stock: int | None = None,
    min_watched: timedelta | None = None,
    now: datetime | None = None,
) -> UUID:
    return await bonuses.drop(
        db,
        reward='{"coins": 5}',
        audience=audience,
        resource=resource,
        user_ids=users,
        opens_in=timedelta(seconds=opens_in),
        window=timedelta(seconds=window),
        stock=stock,
        min_watched=min_watched,
        now=now,
    )


async def claim(
    db: asyncpg.Connection, bonus_id: UUID, claim_id: str = "c1", user_id: str = "ann"
) -> str:
    outcome: str = await db.fetchval(*asked(Claim(user_id, claim_id, bonus_id, *NO_LIMIT)))
    return outcome


async def test_actions_are_numbered_without_gaps(db: asyncpg.Connection) -> None:
    assert [(await act(db, f"a{n}"))["event"]["seq"] for n in range(3)] == [1, 2, 3]


async def test_the_same_action_again_is_the_same_event(db: asyncpg.Connection) -> None:
    first, again = await act(db, "a1", {"x": 1}), await act(db, "a1", {"x": 1})
    assert (again["outcome"], again["event"]) == ("repeated", first["event"])


async def test_an_action_id_with_other_content_is_a_conflict(db: asyncpg.Connection) -> None:
    await act(db, "a1", {"x": 1})
    assert (await act(db, "a1", {"x": 2}))["outcome"] == "conflict"
    assert await db.fetchval("select count(*) from user_events") == 1


async def test_two_users_have_streams_of_their_own(db: asyncpg.Connection) -> None:
    await act(db, "a1", user_id="ann")
    assert (await act(db, "a1", user_id="bob"))["event"]["seq"] == 1


async def test_actions_at_once_leave_no_gap(pool: asyncpg.Pool) -> None:
    ids = [f"a{n % 40}" for n in range(80)]
    answers = await asyncio.gather(*(act(pool, one) for one in ids))
    assert {answer["event"]["seq"] for answer in answers} == set(range(1, 41))


async def test_an_action_names_the_connections_on_every_resource(db: asyncpg.Connection) -> None:
    await come(db)
    await come(db, resource="stream")
    assert (await act(db, "a1"))["others"] == [[NODE, "ann-1"], [NODE, "ann-1"]]


async def test_the_first_hello_is_a_snapshot(db: asyncpg.Connection) -> None:
    await come(db)
    await act(db, "a1", {"x": 1})
    welcome = await hello(db)
    assert (welcome["recovered"], welcome["seq"], welcome["connections"]) == (False, 1, 1)
    assert [event["body"] for event in welcome["events"]] == [{"x": 1}]
    assert welcome["joined_at"] <= welcome["server_now"]


async def test_hello_returns_exactly_what_was_missed(db: asyncpg.Connection) -> None:
    epoch = (await hello(db))["epoch"]
    for n in range(5):
        await act(db, f"a{n}")
    welcome = await hello(db, since=3, epoch=epoch)
    assert welcome["recovered"] is True
    assert [event["seq"] for event in welcome["events"]] == [4, 5]


@pytest.mark.parametrize(
    ("missed", "recovered"), [(0, True), (99, True), (100, True), (101, False)]
)
async def test_hello_recovers_at_most_a_hundred_events(
    db: asyncpg.Connection, missed: int, recovered: bool
) -> None:
    epoch = (await hello(db))["epoch"]
    await act(db, "first")
    for n in range(missed):
        await act(db, f"a{n}")
    welcome = await hello(db, since=1, epoch=epoch)
    assert welcome["recovered"] is recovered
    assert len(welcome["events"]) == min(missed, 100)


async def test_a_reply_to_hello_fits_in_one_message(db: asyncpg.Connection) -> None:
    epoch = (await hello(db))["epoch"]
    for n in range(12):
        await act(db, f"a{n}", {"x": "é" * 5_000})
    welcome = await hello(db, since=0, epoch=epoch)
    assert welcome["recovered"] is False
    assert [event["seq"] for event in welcome["events"]] == [9, 10, 11, 12]


@pytest.mark.parametrize(("since", "epoch"), [(1, "another"), (9, None), (1, None)])
async def test_another_epoch_or_a_future_seq_is_not_recovered(
    db: asyncpg.Connection, since: int, epoch: str | None
) -> None:
    await act(db, "a1")
    assert (await hello(db, since, epoch or (await hello(db))["epoch"] * (since == 9)))[
        "recovered"
    ] is False


async def test_what_was_pruned_is_not_recovered(db: asyncpg.Connection) -> None:
    epoch = (await hello(db))["epoch"]
    for n in range(3):
        await act(db, f"a{n}")
    await db.execute("delete from user_events where seq = 2")
    assert (await hello(db, since=1, epoch=epoch))["recovered"] is False
    assert (await hello(db, since=2, epoch=epoch))["recovered"] is True


async def test_a_claim_is_granted_once_and_logged(db: asyncpg.Connection) -> None:
    await come(db)
    bonus_id = await drop(db)
    assert await claim(db, bonus_id) == "claimed"
    assert await claim(db, bonus_id, "c1") == "claimed"
    assert await claim(db, bonus_id, "c2") == "already_claimed"
    assert await db.fetch("select entry, user_id from ledger order by id") == [
        ("created", None),
        ("claimed", "ann"),
    ]
    (event,) = (await hello(db))["events"]
    assert event["type"] == "bonus.claimed"
    assert event["body"] == {"bonus_id": str(bonus_id), "reward": {"coins": 5}}


async def test_a_claim_id_used_for_an_action_is_a_conflict(db: asyncpg.Connection) -> None:
    await come(db)
    await act(db, "c1")
    assert await claim(db, await drop(db), "c1") == "conflict"


@pytest.mark.parametrize(
    ("begun_ago", "outcome"),
    [(-1, "too_early"), (0, "claimed"), (10.4, "claimed"), (10.6, "expired")],
)
async def test_the_window_is_the_databases(
    db: asyncpg.Connection, begun_ago: float, outcome: str
) -> None:
    await come(db)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    bonus_id = await drop(db, window=10, now=now)
    claimed_at = now + timedelta(seconds=begun_ago)
    row = await db.fetchrow(
        "select * from claim('ann', 'c', $1, p_now => $2)", bonus_id, claimed_at
    )
    assert row["outcome"] == outcome


async def test_a_cancelled_bonus_is_not_granted(db: asyncpg.Connection) -> None:
    await come(db)
    bonus_id = await drop(db)
    assert await db.fetchval(*asked(CancelBonus(bonus_id, uuid4()))) == "cancelled"
    assert await db.fetchval(*asked(CancelBonus(bonus_id, uuid4()))) == "already_cancelled"
    assert await claim(db, bonus_id) == "cancelled"
    assert await db.fetchval("select count(*) from ledger where entry = 'cancelled'") == 1


async def test_a_claim_by_a_user_it_is_not_for_is_refused(db: asyncpg.Connection) -> None:
    bonus_id = await drop(db)
    assert await claim(db, bonus_id) == "unknown_bonus", "offline"
    await come(db)
    assert await claim(db, bonus_id) == "claimed"
    elsewhere = await drop(db, audience="resource", resource="s")
    assert await claim(db, elsewhere, "c2") == "unknown_bonus"
    for_bob = await drop(db, audience="users", users=("bob",))
    assert await claim(db, for_bob, "c3") == "unknown_bonus"
    assert await claim(db, await drop(db, audience="users", users=("ann",)), "c4") == "claimed"
    assert await claim(db, await drop(db, min_watched=timedelta(hours=1)), "c5") == "not_eligible"


async def test_an_unknown_bonus_is_said_to_be_unknown(db: asyncpg.Connection) -> None:
    assert await claim(db, UUID(int=1)) == "unknown_bonus"


@pytest.mark.parametrize("stock", [1, 5, 31, 32, 33, 40])
async def test_stock_is_never_oversold_nor_undersold(pool: asyncpg.Pool, stock: int) -> None:
    users = [f"user-{n}" for n in range(48)]
    await asyncio.gather(*(come(pool, user) for user in users))
    bonus_id = await drop(pool, stock=stock)
    outcomes = await asyncio.gather(*(claim(pool, bonus_id, user_id=user) for user in users))
    assert sorted(outcomes) == ["claimed"] * stock + ["sold_out"] * (48 - stock)
    assert (await pool.fetchrow(text("bonus"), bonus_id, False))["left"] == 0


async def test_one_user_on_many_devices_is_granted_once(pool: asyncpg.Pool) -> None:
    await come(pool)
    bonus_id = await drop(pool, stock=10)
    outcomes = await asyncio.gather(*(claim(pool, bonus_id, f"c{n}") for n in range(30)))
    assert sorted(outcomes) == ["already_claimed"] * 29 + ["claimed"]
    assert await pool.fetchval("select sum(remaining) from bonus_stock") == 9


async def test_hello_shows_the_bonuses_one_may_claim(db: asyncpg.Connection) -> None:
    await come(db)
    mine = await drop(db)
    soon = await drop(db, opens_in=30)
    await drop(db, audience="users", users=("bob",))
    await drop(db, audience="resource", resource="stream")
    await claim(db, mine)
    withdrawn = await drop(db, window=5)
    for bonus_id in (withdrawn, await drop(db, audience="users", users=("bob",))):
        await db.execute(*asked(CancelBonus(bonus_id, uuid4())))
    assert [(UUID(b["bonus_id"]), b["outcome"]) for b in (await hello(db))["bonuses"]] == [
        (soon, None),
        (mine, "claimed"),
        (withdrawn, "cancelled"),
    ]


async def test_a_bonus_made_twice_is_one_bonus(db: asyncpg.Connection) -> None:
    bonus_id = uuid4()
    for _ in range(2):
        await db.execute(*create_bonus(bonus_id, stock=5))
    assert await db.fetchval("select sum(remaining) from bonus_stock") == 5
    assert await db.fetchval("select count(*) from ledger") == 1


async def test_an_action_is_measured_as_it_is_stored(db: asyncpg.Connection) -> None:
    """1e308 is five characters in a message and 309 digits in a reply."""
    body = json.dumps({"n": [1e308] * 60})
    row = await db.fetchrow(*asked(Act("ann", "a1", "like", Json(body), None, *NO_LIMIT)))
    assert (len(body) < 500, row["outcome"]) == (True, "too_large")
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute(*create_bonus(uuid4(), reward=body))


async def test_a_claim_whose_event_is_pruned_is_still_granted(db: asyncpg.Connection) -> None:
    await come(db)
    bonus_id = await drop(db)
    await claim(db, bonus_id)
    await db.execute("delete from user_events")
    row = await db.fetchrow(*asked(Claim("ann", "c1", bonus_id, *NO_LIMIT)))
    assert (row["outcome"], row["event"]) == ("claimed", None)


async def make_campaign(db: asyncpg.Connection, every: timedelta) -> datetime:
    """A campaign, and when it begins."""
    started = datetime.now(UTC)
    await begin(db, started, every=every.total_seconds())
    return started


async def award(db: asyncpg.Connection, now: datetime) -> list[str]:
    """One run; who was awarded by it."""
    await judge(db, now, limit=1)
    awarded = await db.fetch(
        "select user_id from offers join bonuses using (bonus_id) where created_at = $1"
        " order by user_id",
        now,
    )
    return [row["user_id"] for row in awarded]


async def test_watching_is_awarded_once_per_interval(db: asyncpg.Connection) -> None:
    await come(db)
    await come(db, "bob")
    started = await make_campaign(db, timedelta(minutes=15))
    for minutes, awarded in (
        (14.9, []),
        (15, ["ann", "bob"]),
        (15.5, []),
        (46, ["ann", "bob"]),  # two intervals at once are one award
        (46.5, []),
    ):
        assert await award(db, started + timedelta(minutes=minutes)) == awarded
    assert await db.fetchval("select count(*) from offers") == 4


async def test_a_run_that_ends_early_is_gone_on_with(db: asyncpg.Connection) -> None:
    """No user is passed over for ever, though each run has time for one page."""
    for n in range(6):
        await come(db, f"user-{n}")
    started = await make_campaign(db, timedelta(minutes=1))
    for n in range(1, 4):
        await db.execute("select judge_campaigns(2, null, $1)", started + timedelta(minutes=n))
    users = await db.fetch("select user_id from offers order by user_id")
    assert [row["user_id"] for row in users] == [f"user-{n}" for n in range(6)]


async def test_a_bonus_is_to_be_queued_until_it_is(db: asyncpg.Connection) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=1)
    forgotten = await drop(db, window=3600, now=long_ago)
    await drop(db)  # somebody is making it
    assert await db.fetch(text("list_orphaned_broadcasts")) == [(forgotten, "offer", 1)]
    await db.execute(text("mark_broadcast_queued"), forgotten)
    assert await db.fetch(text("list_orphaned_broadcasts")) == []


async def sweep(db: asyncpg.Connection, limit: int) -> dict[str, Any]:
    row = await db.fetchrow(text("sweep"), limit)
    return {**row, "users": [one[0] for one in json.loads(row["connections"])]}


async def grow_old(db: asyncpg.Connection) -> None:
    """Everybody has been here for five minutes."""
    await db.execute(
        "update watching_times set nodes = with_connection('{}', $1, user_id || '-1',"
        " jsonb_build_object('at', extract(epoch from now()) - 300))",
        NODE,
    )


async def test_a_sweep_looks_at_everyone_in_turn(db: asyncpg.Connection) -> None:
    for user in ("ann", "bob", "cat"):
        await come(db, user)
    await grow_old(db)
    pages = [await sweep(db, 2) for _ in range(3)]
    assert [page["users"] for page in pages] == [["ann", "bob"], ["cat"], ["ann", "bob"]]
    assert [page["has_more"] for page in pages] == [True, False, True]


async def test_a_sweep_of_no_sessions_is_a_cycle_too(db: asyncpg.Connection) -> None:
    assert (await sweep(db, 2))["users"] == []


@pytest.mark.parametrize("asked", [0, 1, 2])
async def test_a_cycle_counts_when_every_page_of_it_was_asked_for(
    db: asyncpg.Connection, asked: int
) -> None:
    for user in ("ann", "bob", "cat"):
        await come(db, user)
    pages = [await sweep(db, 2) for _ in range(2)]
    for page in pages[:asked]:
        await db.execute("select finish_sweep_page($1, $2)", page["cycle_started_at"], page["page"])
    probed_since = await db.fetchval("select probed_since from sweep_cursor")
    assert (probed_since == pages[0]["cycle_started_at"]) is (asked == 2)


async def test_prune_keeps_what_is_still_needed(db: asyncpg.Connection) -> None:
    await act(db, "old")
    await act(db, "new")
    await db.execute("update user_events set at = at - interval '2 days' where action_id = 'old'")
    await db.execute(
        "insert into used_tickets values ('old', now() - interval '3 minutes'),"
        " ('new', now() - interval '1 minute')"
    )
    day = timedelta(days=1)
    pruned = await db.fetchrow(*asked(Prune(day, day, day, 100)))
    assert {name: count for name, count in pruned.items() if count} == {"tickets": 1, "events": 1}
    assert await db.fetchval("select ticket_id from used_tickets") == "new"


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sampled_from(["act", "again", "drop out", "hello"]), max_size=25))
async def test_a_client_that_drops_out_ends_where_one_that_stayed_is(
    db: asyncpg.Connection, story: list[str]
) -> None:
    """Whatever was missed, hello {since} gives exactly that."""
    await db.execute("truncate user_events, user_streams")
    epoch = (await hello(db))["epoch"]
    here, mine, taken = True, [], 0
    for step in story:
        if step == "act" or (step == "again" and not taken):
            taken += 1
            event = (await act(db, f"a{taken}"))["event"]
            mine += [event] * here
        elif step == "again":
            await act(db, f"a{taken}")
        else:
            here = step == "hello"
            welcome = await hello(db, since=len(mine), epoch=epoch)
            assert welcome["recovered"] is True
            mine += welcome["events"] * here
    mine += (await hello(db, since=len(mine), epoch=epoch))["events"]
    assert [event["seq"] for event in mine] == list(range(1, taken + 1))
