"""Payouts: each once, corrected by name, told to the user, and the stock stays whole."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.sql.tabs import T0, Tab, at
from tests.support.bonuses import drop
from tests.support.campaigns import begin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAYOUT: dict[str, Any] = {
    "payout_id": "p1",
    "state": "fulfilled",
    "reason": None,
    "give_back": False,
}
REJECTED: dict[str, Any] = {"state": "rejected", "reason": "no account", "give_back": True}


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def granted(db: asyncpg.Connection, *user_ids: str, **bonus: Any) -> UUID:
    """A bonus that these users have claimed."""
    bonus_id = await drop(db, reward='{"text": "5 coins"}', now=T0, **bonus)
    for user_id in user_ids:
        await Tab(f"{user_id} 1", user_id).connect(db, T0)
        assert await claim(db, bonus_id, user_id) == "claimed"
    return bonus_id


async def claim(db: asyncpg.Connection, bonus_id: UUID, user_id: str) -> str:
    sql = "select outcome from claim($1, $2, $3, p_now => $4)"
    outcome: str = await db.fetchval(sql, user_id, f"c-{bonus_id}", bonus_id, at(1))
    return outcome


async def pay(
    db: asyncpg.Connection, bonus_id: UUID, user_id: str = "ann", now: float = 5, **payout: Any
) -> dict[str, Any]:
    given = PAYOUT | {"corrects": None, "author": "payouts"} | payout
    names = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(given, 4))
    sql = f"select * from record_payout($1, $2, p_now => $3, {names})"  # noqa: S608
    return dict(await db.fetchrow(sql, bonus_id, user_id, at(now), *given.values()))


async def left(db: asyncpg.Connection, bonus_id: UUID) -> int:
    sql = "select coalesce(sum(remaining), 0) from bonus_stock where bonus_id = $1"
    count: int = await db.fetchval(sql, bonus_id)
    return count


async def ledger(db: asyncpg.Connection, user_id: str = "ann") -> list[dict[str, Any]]:
    entries = await db.fetchval("select entries from ledger_of($1, p_now => $2)", user_id, at(9))
    return [dict(one) for one in json.loads(entries)]


async def written(db: asyncpg.Connection) -> list[int]:
    tables = ("payouts", "ledger", "user_events")
    return [await db.fetchval(f"select count(*) from {table}") for table in tables]  # noqa: S608


async def test_a_payout_is_in_the_ledger_and_in_the_stream(db: asyncpg.Connection) -> None:
    bonus_id = await granted(db, "ann")
    row = await pay(db, bonus_id, **REJECTED | {"give_back": False})
    assert (row["outcome"], row["in_force"], row["gave_back"]) == ("recorded", None, False)
    event = json.loads(row["event"])
    assert (event["type"], event["seq"]) == ("bonus.rejected", 2)
    assert event["body"] == {
        "bonus_id": str(bonus_id),
        "reward": {"text": "5 coins"},
        "reason": "no account",
    }
    assert json.loads(row["others"]) == [["gateway.example/live", "ann 1"]]
    assert [(one["entry"], one["reason"]) for one in await ledger(db)][:2] == [
        ("rejected", "no account"),
        ("claimed", None),
    ]


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(db: asyncpg.Connection) -> None:
    bonus_id = await granted(db, "ann")
    first, before = await pay(db, bonus_id), await written(db)
    again = await pay(db, bonus_id, now=6)
    assert again["outcome"] == "repeated"
    same = ("gave_back", "recorded_at", "epoch", "event", "others")
    assert [again[name] for name in same] == [first[name] for name in same]
    assert await written(db) == before


@pytest.mark.parametrize(
    "other", [REJECTED, {"reason": "as said"}, {"corrects": "p0"}, REJECTED | {"give_back": False}]
)
async def test_a_payout_of_the_same_id_that_says_something_else_is_a_conflict(
    db: asyncpg.Connection, other: dict[str, Any]
) -> None:
    bonus_id = await granted(db, "ann")
    await pay(db, bonus_id)
    before = await written(db)
    assert (await pay(db, bonus_id, **other))["outcome"] == "conflict"
    assert await written(db) == before


async def test_one_payout_id_may_pay_several_grants(db: asyncpg.Connection) -> None:
    bonus_id = await granted(db, "ann", "bob")
    outcomes = [(await pay(db, bonus_id, user_id))["outcome"] for user_id in ("ann", "bob")]
    assert outcomes == ["recorded", "recorded"]


async def test_what_was_decided_is_changed_only_by_who_names_it(db: asyncpg.Connection) -> None:
    bonus_id = await granted(db, "ann")
    assert (await pay(db, bonus_id, corrects="p0"))["outcome"] == "already_decided"
    await pay(db, bonus_id)
    second = REJECTED | {"payout_id": "p2", "give_back": False}
    refused = await pay(db, bonus_id, **second)
    assert (refused["outcome"], refused["in_force"]) == ("already_decided", "p1")
    assert (await pay(db, bonus_id, **second, corrects="p1"))["outcome"] == "recorded"
    third = await pay(db, bonus_id, payout_id="p3", corrects="p1")
    assert (third["outcome"], third["in_force"]) == ("already_decided", "p2")
    # The first one again, late: it was recorded, and is not in force.
    assert (await pay(db, bonus_id))["outcome"] == "repeated"
    assert [one["entry"] for one in await ledger(db)][:3] == ["rejected", "fulfilled", "claimed"]
    (state,) = [row["state"] for row in await grants(db)]
    assert state == "rejected"


@pytest.mark.parametrize("user_id", ["bob", "zoe"])
async def test_without_a_grant_there_is_no_payout(db: asyncpg.Connection, user_id: str) -> None:
    bonus_id = await granted(db, "ann")
    assert (await pay(db, bonus_id, user_id))["outcome"] == "unknown"
    assert (await pay(db, uuid4()))["outcome"] == "unknown"


async def test_what_is_given_back_can_be_claimed_once_more(db: asyncpg.Connection) -> None:
    bonus_id = await granted(db, "ann", stock=1)
    for user_id in ("bob", "cyd"):
        await Tab(f"{user_id} 1", user_id).connect(db, T0)
    assert await claim(db, bonus_id, "bob") == "sold_out"
    assert (await pay(db, bonus_id, **REJECTED))["gave_back"] is True
    assert (await pay(db, bonus_id, **REJECTED))["gave_back"] is True, "the same answer"
    assert await left(db, bonus_id) == 1, "given back once"
    outcomes = [await claim(db, bonus_id, user_id) for user_id in ("bob", "cyd")]
    assert outcomes == ["claimed", "sold_out"]
    late = await pay(db, bonus_id, payout_id="p2", corrects="p1")
    assert late["outcome"] == "given_back", "bob has it"


@pytest.mark.parametrize(
    ("end", "gave_back"), [("open", True), ("expired", False), ("cancelled", False)]
)
async def test_nothing_goes_back_to_a_bonus_that_is_over(
    db: asyncpg.Connection, end: str, *, gave_back: bool
) -> None:
    bonus_id = await granted(db, "ann", stock=3)
    if end == "cancelled":
        await db.execute("select cancel_bonus($1, gen_random_uuid(), $2)", bonus_id, at(2))
    ends_at = await db.fetchval("select expires_at from bonuses")
    now = (ends_at - T0) / timedelta(seconds=1) + (0.001 if end == "expired" else 0)
    row = await pay(db, bonus_id, now=now if end != "cancelled" else 5, **REJECTED)
    assert (row["outcome"], row["gave_back"]) == ("recorded", gave_back)
    assert await left(db, bonus_id) == 2 + gave_back


async def test_a_bonus_without_a_stock_takes_nothing_back(db: asyncpg.Connection) -> None:
    bonus_id = await granted(db, "ann")
    assert (await pay(db, bonus_id, **REJECTED))["gave_back"] is False
    assert await left(db, bonus_id) == 0


async def test_at_once_one_payout_wins_and_the_stock_stays_whole(
    db: asyncpg.Connection, dsn: str
) -> None:
    """Four programs reject the same eight grants, each by ids of its own, while others claim."""
    users = [f"u{n}" for n in range(8)]
    bonus_id = await granted(db, *users, stock=8)
    late = [f"late {n}" for n in range(12)]
    for user_id in late:
        await Tab(f"{user_id} 1", user_id).connect(db, T0)

    async def reject(program: int) -> list[str]:
        own = await asyncpg.connect(dsn)
        order = users if program % 2 else users[::-1]
        rows = [
            await pay(own, bonus_id, one, **REJECTED | {"payout_id": f"{program} {one}"})
            for one in order
        ]
        await own.close()
        return [row["outcome"] for row in rows]

    async def claims() -> list[str]:
        own = await asyncpg.connect(dsn)
        outcomes = [await claim(own, bonus_id, one) for one in late]
        await own.close()
        return outcomes

    *decided, outcomes = await asyncio.gather(*(reject(n) for n in range(4)), claims())
    assert Counter(chain.from_iterable(decided)) == {"recorded": 8, "already_decided": 24}
    granted_later = outcomes.count("claimed")
    assert granted_later + await left(db, bonus_id) == 8


async def test_an_erased_user_gets_no_new_stream(db: asyncpg.Connection) -> None:
    bonus_id = await granted(db, "ann")
    await pay(db, bonus_id)
    erasure_id = await db.fetchval("select create_erasure('ann', 'ops', false)")
    while not await db.fetchval("select erase_part($1, 100)", erasure_id):
        pass
    assert (await pay(db, bonus_id))["outcome"] == "unknown"
    (grant,) = await grants(db)
    assert grant["user_id"].startswith("erased-")
    second = REJECTED | {"payout_id": "p2", "corrects": "p1"}
    row = await pay(db, bonus_id, grant["user_id"], **second)
    assert (row["outcome"], row["event"], row["others"]) == ("recorded", None, None)
    assert await db.fetchval("select count(*) from user_streams") == 0


async def test_payouts_go_with_their_grants(db: asyncpg.Connection) -> None:
    for user_id in ("ann", "bob"):
        await pay(db, await granted(db, user_id), user_id)
    first = await db.fetchval("select bonus_id from claims where user_id = 'ann'")
    await db.execute(
        "update bonuses set opens_at = 'epoch', expires_at = $2 where bonus_id = $1", first, T0
    )
    await db.execute("select close_bonuses(10, $1)", at(5))
    pruned = "select grants from prune('1 hour', '1 hour', '1 day', 100, $1)"
    assert await db.fetchval(pruned, T0 + timedelta(days=1, seconds=30)) == 1
    assert [row["user_id"] for row in await db.fetch("select user_id from payouts")] == ["bob"]


WANTED = ("bonus_id", "rule_id", "user_id", "state", "begins", "ends")


async def grants(
    db: asyncpg.Connection, after: tuple[int, int] = (0, 0), limit: int = 100, **wanted: Any
) -> list[asyncpg.Record]:
    every = {"begins": None, "ends": None} | wanted
    call = (
        "select * from find_grants($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, '-infinity'),"
        " coalesce($8::timestamptz, 'infinity'), $9)"
    )
    return list(await db.fetch(call, *after, *(every.get(name) for name in WANTED), limit))


async def test_filters_find_exactly_what_they_say(db: asyncpg.Connection) -> None:
    """Compared with all grants, read one page of two rows after the other."""
    rule_id = await begin(db, T0, every=3_600)
    made = [
        await granted(db, "ann", "bob", "cyd"),
        await granted(db, "ann", "cyd", rule_id=rule_id),
        await granted(db, "bob"),
    ]
    await pay(db, made[0], "ann")
    await pay(db, made[1], "cyd", **REJECTED)
    every = [dict(row) for row in await grants(db)]
    rules = {bonus_id: rule_id if bonus_id == made[1] else None for bonus_id in made}
    wishes: list[dict[str, Any]] = [
        {"bonus_id": made[0]},
        {"bonus_id": made[0], "user_id": "cyd"},
        {"user_id": "ann"},
        {"user_id": "ann", "state": "fulfilled"},
        {"rule_id": rule_id},
        {"rule_id": rule_id, "user_id": "ann"},
        {"state": "pending"},
        {"state": "rejected"},
        {"bonus_id": made[1], "rule_id": rule_id, "state": "rejected"},
        {"user_id": "zoe"},
        {"begins": at(1), "ends": at(2)},
        {"begins": at(2)},
        {"ends": at(1)},
    ]
    for wanted in wishes:
        right = [
            (row["bonus_id"], row["user_id"])
            for row in every
            if all(
                row[name] == wanted[name]
                for name in ("bonus_id", "user_id", "state")
                if name in wanted
            )
            and wanted.get("rule_id", rules[row["bonus_id"]]) == rules[row["bonus_id"]]
            and wanted.get("begins", T0) <= at(1) < wanted.get("ends", at(2))
        ]
        assert await read_all(db, **wanted) == right, wanted


async def read_all(db: asyncpg.Connection, **wanted: Any) -> list[tuple[UUID, str]]:
    found, after = [], (0, 0)
    while rows := await grants(db, after, 2, **wanted):
        assert after < (rows[-1]["xid"], rows[-1]["grant_id"]), "each page gets on"
        after = rows[-1]["xid"], rows[-1]["grant_id"]
        found += [(row["bonus_id"], row["user_id"]) for row in rows if row["is_match"]]
    return found


async def test_a_search_that_finds_nothing_gets_on(db: asyncpg.Connection) -> None:
    """It looks at 5,000 grants, and says how far it came."""
    await db.execute(
        "insert into bonuses (bonus_id, reward, audience, opens_at, expires_at, created_at)"
        " values ($1, '{}', 'everyone', $2, $3, $2)",
        *(UUID(int=1), T0, at(60)),
    )
    await db.execute(
        "insert into claims (bonus_id, user_id, claim_id, claimed_at)"
        " select $1, n::text, 'c', $2 from generate_series(1, 5001) n",
        *(UUID(int=1), T0),
    )
    await pay(db, UUID(int=1), "5001")
    (first,) = await grants(db, state="fulfilled")
    assert (first["is_match"], first["is_cut"]) == (False, True)
    (second,) = await grants(db, (first["xid"], first["grant_id"]), state="fulfilled")
    assert (second["user_id"], second["is_match"], second["is_cut"]) == ("5001", True, False)


async def test_a_filtered_reader_misses_no_late_commit(
    db: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    """Ann's claim begins first and ends last: the reader of a bonus waits with those behind it."""
    bonus_id = await granted(db)
    for user_id in ("ann", "bob"):
        await Tab(f"{user_id} 1", user_id).connect(db, T0)
    held = other.transaction()
    await held.start()
    assert await claim(other, bonus_id, "ann") == "claimed"
    assert await claim(db, bonus_id, "bob") == "claimed"
    wishes: list[dict[str, Any]] = [{"bonus_id": bonus_id}, {"state": "pending"}]
    for wanted in (*wishes, {"user_id": "bob"}):
        assert await grants(db, **wanted) == []
    await held.commit()
    for wanted in wishes:
        assert [row["user_id"] for row in await grants(db, **wanted)] == ["ann", "bob"]
