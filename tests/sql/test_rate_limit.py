"""What one user can cost: by what their messages lead to, and who is kept out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from tests.sql.tabs import T0, Tab, at
from tests.support.bonuses import create_bonus

if TYPE_CHECKING:
    from datetime import datetime

GAP, BURST, KEEP_OUT = timedelta(milliseconds=200), 50, timedelta(minutes=1)
LIMIT = "'200 ms', 50, '1 minute', p_now => $1"
HOUR = timedelta(hours=1)
KINDS = ("message", "claim", "ack")


async def spend(
    db: asyncpg.Connection,
    now: datetime,
    burst: int = BURST,
    keep_out: timedelta = KEEP_OUT,
    *,
    kind: str = "message",
) -> int:
    call = "select spend('ann', $1, $2, $3, $4, p_kind => $5)"
    wait_ms: int = await db.fetchval(call, GAP, burst, keep_out, now, kind)
    return wait_ms


async def ahead(db: asyncpg.Connection, now: datetime = T0) -> float:
    """How many units ann has taken and not paid for, with messages of one kind."""
    free_at = await db.fetchval("select max(free_at) from user_limits where user_id = 'ann'")
    units: float = (free_at - now) / GAP
    return round(units, 2)


async def costs(db: asyncpg.Connection, call: str, now: datetime = T0) -> float:
    """The units that a message takes."""
    await db.execute("delete from user_limits")
    await db.fetchrow(f"select * from {call}", now)  # noqa: S608
    return await ahead(db, now)


async def come(db: asyncpg.Connection, tabs: int) -> None:
    for n in range(tabs):
        assert await Tab(f"tab-{n}").connect(db) in ("opened", "joined")


# What it costs.


@pytest.mark.parametrize(
    ("tabs", "size", "units"),
    [(1, 10, 1), (5, 10, 1), (6, 10, 1.2), (50, 10, 10), (1, 16_000, 1), (4, 16_000, 3.98)],
)
async def test_an_act_costs_by_the_connections_that_are_told_and_by_its_bytes(
    db: asyncpg.Connection, tabs: int, size: int, units: float
) -> None:
    await come(db, tabs)
    body = f'{{"t": "{"x" * (size - 9)}"}}'
    assert await costs(db, f"act('ann', 'a1', 'like', '{body}', null, {LIMIT})") == units


async def test_an_act_that_comes_again_costs_as_much_again(db: asyncpg.Connection) -> None:
    await come(db, 10)
    call = f"act('ann', 'a1', 'like', '{{}}', null, {LIMIT})"
    assert [await costs(db, call) for _ in range(3)] == [2, 2, 2]


async def test_an_act_that_is_refused_tells_no_connection_and_costs_one_unit(
    db: asyncpg.Connection,
) -> None:
    await come(db, 10)
    await costs(db, f"act('ann', 'a1', 'like', '{{}}', null, {LIMIT})")
    assert await costs(db, f"act('ann', 'a1', 'love', '{{}}', null, {LIMIT})") == 1


async def test_a_claim_costs_by_the_connections_that_are_told(db: asyncpg.Connection) -> None:
    await come(db, 10)
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, stock=1, now=T0))
    claim = f"claim('ann', 'c1', '{bonus}', {LIMIT})"
    assert [await costs(db, claim) for _ in range(2)] == [2, 2]
    assert await costs(db, f"claim('ann', 'c2', '{bonus}', {LIMIT})") == 1, "already claimed"
    assert await costs(db, f"claim('ann', 'c3', gen_random_uuid(), {LIMIT})") == 1


async def test_asking_for_what_is_sold_out_costs_by_the_connections_that_are_told(
    db: asyncpg.Connection,
) -> None:
    await come(db, 10)
    await Tab("b", "bob").connect(db)
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, stock=1, now=T0))
    await db.execute("select claim('bob', 'c1', $1, p_now => $2)", bonus, T0)
    claim = f"claim('ann', 'c1', '{bonus}', {LIMIT})"
    assert [await costs(db, claim) for _ in range(2)] == [2, 2]


async def test_a_welcome_costs_by_its_bytes(db: asyncpg.Connection) -> None:
    await come(db, 1)
    hello = f"hello('ann', 'gateway.example/live', 'tab-0', null, null, null, {LIMIT})"
    assert await costs(db, hello) == 1
    for n in range(3):
        body = f'{{"t": "{"x" * 15_000}"}}'
        await db.execute(f"select act('ann', 'a{n}', 'like', '{body}', p_now => $1)", T0)
    assert 2.7 < await costs(db, hello) < 2.9


async def test_a_ledger_costs_by_its_bytes(db: asyncpg.Connection) -> None:
    await come(db, 1)
    ledger = f"ledger_of('ann', null, {LIMIT})"
    assert await costs(db, ledger) == 1
    for _ in range(20):
        bonus = uuid4()
        await db.execute(*create_bonus(bonus))
        await db.execute("update bonuses set reward = jsonb_build_object('t', repeat('x', 4000))")
    assert 4.9 < await costs(db, ledger) < 5.2


async def test_a_move_that_leaves_a_past_session_costs_four_units(db: asyncpg.Connection) -> None:
    await come(db, 1)
    to = "watch('ann', 'gateway.example/live', 'tab-0', '{}', '30 seconds', " + LIMIT + ")"
    assert await costs(db, to.format("stream")) == 4
    assert await costs(db, to.format("stream")) == 1, "it is there already"
    await Tab("a", resource="site").connect(db)
    await Tab("b", resource="stream").connect(db)
    assert await costs(db, to.format("site")) == 1, "both sessions go on"


async def test_a_message_that_is_refused_for_what_it_says_costs_by_its_size(
    db: asyncpg.Connection,
) -> None:
    assert await costs(db, "reject('ann', 8, '200 ms', 50, '1 minute', $1)") == 8
    row = await db.fetchrow("select * from reject('ann', 1, '200 ms', 5, '1 minute', $1)", T0)
    assert row == ("slow_down", 1_000)


@pytest.mark.parametrize("size", [10, 1_000, 16_000])
async def test_one_user_costs_no_more_than_the_formula_says(
    db: asyncpg.Connection, size: int
) -> None:
    """However cleverly they wait: docs/explanation/security.md."""
    await come(db, 50)
    now, told, sent, seconds = T0, 0, 0, 60
    act = "select * from act('ann', $1, 'like', $2, null, $3, $4, p_now => $5)"
    body = f'{{"t": "{"x" * size}"}}'
    while now <= at(seconds):
        row: Any = await db.fetchrow(act, uuid4().hex, body, GAP, BURST, now)
        now += timedelta(milliseconds=row["wait_ms"])
        if row["outcome"] == "acted":
            told += 50
            sent += 50 * len(row["event"])
    dearest = max(50 / 5, 50 * (size + 300) / 16_384)
    units = BURST + seconds / GAP.total_seconds() + dearest
    assert told <= 5 * units
    assert sent <= 16_384 * units
    assert max(told / 5, sent / 16_384) > 0.8 * units, "and so much can be had"


async def test_a_user_who_claims_costs_no_more_than_the_formula_says_once_again(
    db: asyncpg.Connection,
) -> None:
    """Claims of what is sold out tell all connections."""
    await come(db, 50)
    await Tab("b", "bob").connect(db)
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, stock=1, window=HOUR, now=T0))
    await db.execute("select claim('bob', 'c1', $1, p_now => $2)", bonus, T0)
    now, told, seconds = T0, 0, 60
    claim = "select outcome, wait_ms from claim('ann', $1, $2, $3, $4, p_now => $5)"
    while now <= at(seconds):
        row: Any = await db.fetchrow(claim, uuid4().hex, bonus, GAP, BURST, now)
        now += timedelta(milliseconds=row["wait_ms"])
        told += 50 if row["outcome"] == "sold_out" else 0
    units = BURST + seconds / GAP.total_seconds() + 50 / 5
    assert 0.8 * units < told / 5 <= units


# Claims come first.


async def test_a_claim_waits_for_no_other_message_of_its_user(db: asyncpg.Connection) -> None:
    waits_ms = [await spend(db, T0) for _ in range(2 * BURST)]
    assert (waits_ms[BURST - 1], waits_ms[BURST]) == (0, 400)
    await db.execute("select charge('ann', $1, 1000)", GAP)
    assert [await spend(db, T0, kind="claim") for _ in range(BURST)] == [0] * BURST


async def test_a_claim_does_not_wait_for_the_lock_of_another_message(
    db: asyncpg.Connection, dsn: str
) -> None:
    """Such as a read that takes its time."""
    await come(db, 1)
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, now=T0))
    other = await asyncpg.connect(dsn)
    async with other.transaction():
        await other.execute(f"select ledger_of('ann', null, {LIMIT})", T0)
        await db.execute("set lock_timeout = '1ms'")
        claim = f"select outcome from claim('ann', 'c1', '{bonus}', {LIMIT})"  # noqa: S608
        assert await db.fetchval(claim, T0) == "claimed"
    await other.close()


@pytest.mark.parametrize(("after", "wait_ms"), [(0, 400), (0.199, 201), (0.2, 0)])
async def test_a_claim_waits_for_the_claims_of_its_user(
    db: asyncpg.Connection, after: float, wait_ms: int
) -> None:
    for _ in range(BURST):
        assert await spend(db, T0, kind="claim") == 0
    # What is refused counts, too.
    assert await spend(db, at(after), kind="claim") == wait_ms


async def test_claims_leave_the_other_messages_their_limit(db: asyncpg.Connection) -> None:
    for _ in range(BURST):
        await spend(db, T0, kind="claim")
    assert [await spend(db, T0) for _ in range(BURST)] == [0] * BURST


async def test_a_claim_pays_for_what_it_leads_to(db: asyncpg.Connection) -> None:
    await spend(db, T0, kind="claim")
    await db.execute("select charge('ann', $1, 10, 'claim')", GAP)
    waits_ms = [await spend(db, T0, kind="claim") for _ in range(BURST - 9)]
    assert waits_ms == [0] * (BURST - 10) + [400]


async def test_claims_do_not_make_up_for_refused_messages(db: asyncpg.Connection) -> None:
    """Or a user who sends without an end would only have to claim now and then."""
    for _ in range(2 * BURST):
        assert await spend(db, T0) >= 0
    assert await spend(db, T0, kind="claim") == 0
    assert await spend(db, T0) < 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_who_is_kept_out_is_so_with_claims_and_all_else(
    db: asyncpg.Connection, kind: str
) -> None:
    """Whichever they kept sending."""
    while (wait_ms := await spend(db, T0, kind=kind)) >= 0:
        pass
    assert wait_ms == -60_000
    for other in KINDS:
        assert await spend(db, T0, kind=other) == -60_000
    assert await Tab("late", expires_at=at(60)).connect(db) == "kept_out"
    for other in KINDS:
        assert await spend(db, at(60), kind=other) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_clock_that_goes_back_holds_no_claim_up(db: asyncpg.Connection, kind: str) -> None:
    """Whatever was kept sending before."""
    while await spend(db, T0, kind=kind) >= 0:
        pass
    assert [await spend(db, T0 - HOUR, kind="claim") for _ in range(BURST)] == [0] * BURST


async def test_a_claim_is_let_through_behind_acknowledgements_and_reads(
    db: asyncpg.Connection,
) -> None:
    await come(db, 1)
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, now=T0))
    for n in range(120):
        call = f"ack('ann', '{bonus}', {LIMIT})" if n % 2 else f"ledger_of('ann', null, {LIMIT})"
        row: Any = await db.fetchrow(f"select * from {call}", T0)  # noqa: S608
    assert row["outcome"] == "slow_down"
    claim = f"select outcome from claim('ann', 'c1', '{bonus}', {LIMIT})"  # noqa: S608
    assert await db.fetchval(claim, T0) == "claimed"


# Acknowledgements, which clients send by themselves.


async def test_acknowledgements_take_nothing_from_what_their_user_does(
    db: asyncpg.Connection,
) -> None:
    """Such as those of twenty tabs that are shown three bonuses at once."""
    await come(db, 1)
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, now=T0))
    ack = f"select outcome from ack('ann', '{bonus}', {LIMIT})"  # noqa: S608
    outcomes = [await db.fetchval(ack, T0) for _ in range(60)]
    assert outcomes == ["acked"] * BURST + ["slow_down"] * 10
    assert [await spend(db, T0) for _ in range(BURST)] == [0] * BURST
    assert await db.fetchval(ack, at(60)) == "acked"


# Who is kept out.


async def keep_out(db: asyncpg.Connection, now: datetime = T0, burst: int = BURST) -> int:
    """Send until it happens. Returns for how long that is, in milliseconds."""
    while (wait_ms := await spend(db, now, burst)) >= 0:
        pass
    return -wait_ms


async def test_a_user_who_is_kept_out_costs_no_write(db: asyncpg.Connection) -> None:
    assert await keep_out(db) == 60_000
    before = await db.fetchrow("select xmin, * from user_limits")
    assert [await spend(db, at(n)) for n in range(3)] == [-60_000, -59_000, -58_000]
    assert await db.fetchrow("select xmin, * from user_limits") == before


@pytest.mark.parametrize(("after", "is_out"), [(0, True), (59.999, True), (60, False)])
async def test_a_user_is_kept_out_for_as_long_as_told_and_then_all_is_well(
    db: asyncpg.Connection, after: float, is_out: bool
) -> None:
    await keep_out(db)
    now = at(after)
    ticket = Tab("late", expires_at=now + KEEP_OUT)
    assert await ticket.connect(db, now) == ("kept_out" if is_out else "opened")
    assert await Tab("b", "bob").connect(db) == "opened"
    waits_ms = [await spend(db, now) for _ in range(BURST)]
    assert all(wait_ms < 0 for wait_ms in waits_ms) if is_out else set(waits_ms) == {0}


async def test_a_handshake_that_was_refused_opens_nothing_when_its_event_comes_again(
    db: asyncpg.Connection,
) -> None:
    await keep_out(db)
    ticket = Tab("a", expires_at=at(120))
    assert await ticket.connect(db) == "kept_out"
    assert await ticket.connect(db, at(61)) == "refused"


async def test_a_user_who_waits_is_not_kept_out(db: asyncpg.Connection) -> None:
    """Each refusal is heeded: the next message comes when it was allowed."""
    now, waits = T0, 0
    for _ in range(500):
        wait_ms = await spend(db, now, burst=3)
        assert wait_ms >= 0
        waits += wait_ms > 0
        now += timedelta(milliseconds=wait_ms)
    assert waits > 100


async def test_a_user_whose_last_message_was_dear_is_not_kept_out_for_it(
    db: asyncpg.Connection,
) -> None:
    await spend(db, T0)
    await db.execute("select charge('ann', $1, 1000)", GAP)
    waits_ms = [await spend(db, T0) for _ in range(BURST)]
    assert all(wait_ms > 0 for wait_ms in waits_ms)
    assert await spend(db, T0) < 0


async def test_a_user_is_kept_out_no_shorter_than_they_would_have_to_wait(
    db: asyncpg.Connection,
) -> None:
    await spend(db, T0)
    await db.execute("select charge('ann', $1, 1000)", GAP)
    assert await keep_out(db) == (1_000 + BURST) * 200
    assert await spend(db, at((1_000 + BURST) / 5)) == 0


@pytest.mark.parametrize("back", [timedelta(minutes=2), HOUR, 10_000 * HOUR])
async def test_a_clock_that_goes_back_locks_no_user_out(
    db: asyncpg.Connection, back: timedelta
) -> None:
    await keep_out(db)
    now = T0 - back
    assert await Tab("a", expires_at=now + KEEP_OUT).connect(db, now) == "opened"
    assert [await spend(db, now) for _ in range(BURST)] == [0] * BURST


async def test_a_clock_that_goes_back_a_little_prolongs_it_by_as_much(
    db: asyncpg.Connection,
) -> None:
    """A message may have waited for its turn, so a row of a moment ago is no row of the future."""
    await keep_out(db)
    assert await spend(db, at(-30)) == -90_000


async def test_prune_leaves_a_user_who_is_kept_out(db: asyncpg.Connection) -> None:
    now = await db.fetchval("select clock_timestamp()")
    await db.execute("select spend('ann', '200 ms', 1, '1 hour', $1)", now)
    for _ in range(2):
        await db.execute("select spend('ann', '200 ms', 1, '1 hour', $1)", now)
    await db.execute(
        "delete from user_limits where free_at < clock_timestamp() - interval '1 minute'"
    )
    assert await spend(db, now + HOUR / 2) < 0
