"""What webhooks are told of: each fact once, in its transaction, and only if one wants it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tests.sql.tabs import T0, Tab, at
from tests.support.bonuses import drop
from tests.support.campaigns import begin

if TYPE_CHECKING:
    import asyncpg

HOUR = timedelta(hours=1)
PAYOUT = "select (record_payout($1, 'ann', $2, $3, $4, false, $5, 'shop')).outcome"
ORDER = "select {}($1, 'https://hooks.example/', $2, $3, {})"


async def hook(
    db: asyncpg.Connection | asyncpg.Pool, *types: str, about: str | None = None
) -> UUID:
    webhook_id = uuid4()
    order = ORDER.format("create_webhook", "'', '', 20")
    assert await db.fetchval(order, webhook_id, types, about) == "created"
    return webhook_id


async def told(
    db: asyncpg.Connection | asyncpg.Pool, webhook_id: UUID, now: datetime | None = None
) -> list[tuple[Any, ...]]:
    """What the webhook has been sent until then, as (type, user, resource, data)."""
    await db.execute("select collect_webhook_events(1000, $1)", now)
    row = await db.fetchrow("select * from take_webhook($1, $1, '0', 1000, 1000)", webhook_id)
    assert row is not None
    return [
        (one["type"], one["user_id"], one["resource"], one["data"])
        for one in json.loads(row["events"])
    ]


async def types(db: asyncpg.Connection | asyncpg.Pool, webhook_id: UUID) -> list[str]:
    return [type_ for type_, *_ in await told(db, webhook_id)]


async def waiting(db: asyncpg.Connection | asyncpg.Pool) -> int:
    count: int = await db.fetchval("select count(*) from webhook_outbox")
    return count


async def kick(db: asyncpg.Connection, *tabs: Tab, session_id: int | None = None) -> None:
    ends = ([tab.node for tab in tabs], [tab.name for tab in tabs])
    await db.execute("select end_connections('ann', $1, $2, $3)", session_id, *ends)


async def claim(db: asyncpg.Connection | asyncpg.Pool, bonus_id: UUID, user: str = "ann") -> str:
    outcome: str = await db.fetchval("select (claim($1, 'c1', $2)).outcome", user, bonus_id)
    return outcome


async def fresh(db: asyncpg.Connection | asyncpg.Pool, *tabs: Tab) -> None:
    for tab in tabs:
        await tab.connect(db, None)


def soon(name: str, resource: str = "site", user: str = "ann") -> Tab:
    """A tab that connects now."""
    return Tab(name, user, resource, expires_at=datetime.now(UTC) + HOUR)


async def test_nothing_is_recorded_that_no_webhook_wants(db: asyncpg.Connection) -> None:
    await hook(db, "user.online")
    await hook(db, "user.kicked", about="elsewhere")
    await fresh(db, soon("a"))
    bonus_id = await drop(db)
    assert await claim(db, bonus_id) == "claimed"
    await db.execute(PAYOUT, bonus_id, "p1", "fulfilled", None, None)
    await kick(db, soon("a"))
    assert await waiting(db) == 0


async def test_a_kick_is_told_if_it_ended_something(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "user.kicked")
    tabs = [soon("a"), soon("b", "stream")]
    await fresh(db, *tabs)
    await kick(db, *tabs)
    await kick(db)
    assert await told(db, webhook_id) == [("user.kicked", "ann", None, {"connections": 2})]


async def test_a_kick_from_one_session_has_its_resource(db: asyncpg.Connection) -> None:
    about = [await hook(db, "user.kicked", about=resource) for resource in ("stream", "site")]
    tab = soon("a", "stream")
    await fresh(db, tab)
    session_id = await db.fetchval("select id from watching_times")
    await kick(db, tab, session_id=session_id)
    data = {"session_id": session_id, "connections": 1}
    assert await told(db, about[0]) == [("user.kicked", "ann", "stream", data)]
    assert await told(db, about[1]) == []


async def test_an_erasure_is_no_kick(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "user.kicked")
    await fresh(db, soon("a"))
    assert await db.fetchval("select end_sessions('ann', null)") == 1
    assert await told(db, webhook_id) == []


async def test_a_claim_and_its_grant_are_two_events_of_one_moment(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "bonus.granted", "bonus.claimed")
    await fresh(db, soon("a"), soon("b", user="bob"))
    bonus_id = await drop(db, stock=1, reward='{"coins": 5}')
    assert await claim(db, bonus_id) == "claimed"
    assert await claim(db, bonus_id, "bob") == "sold_out"
    claimed, granted = await told(db, webhook_id)
    assert 0 <= claimed[-1].pop("after_ms") < 60_000
    data = {"bonus_id": str(bonus_id), "reward": {"coins": 5}}
    assert [claimed[-1].items() >= data.items(), claimed[-1]] == [True, granted[-1]]
    assert [claimed[:3], granted[:3]] == [
        ("bonus.claimed", "ann", None),
        ("bonus.granted", "ann", None),
    ]


async def test_a_payout_is_told_with_what_the_payout_service_said(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "bonus.fulfilled", "bonus.rejected")
    await fresh(db, soon("a"))
    bonus_id = await drop(db, reward='{"coins": 5}', audience="resource", resource="site")
    await claim(db, bonus_id)
    for order in (
        ("p1", "rejected", "no account", None),
        ("p1", "rejected", "no account", None),  # a repeat
        ("p2", "fulfilled", None, "p1"),
        ("p3", "fulfilled", None, None),  # already decided
    ):
        await db.execute(PAYOUT, bonus_id, *order)
    grant_id = await db.fetchval("select grant_id from claims")
    both = {"bonus_id": str(bonus_id), "grant_id": grant_id, "reward": {"coins": 5}}
    rejected = {"payout_id": "p1", "reason": "no account", "revision": 1}
    assert await told(db, webhook_id) == [
        ("bonus.rejected", "ann", "site", both | rejected),
        ("bonus.fulfilled", "ann", "site", both | {"payout_id": "p2", "revision": 2}),
    ]


async def test_a_milestone_is_told_once_for_each_user_who_reaches_it(pool: asyncpg.Pool) -> None:
    webhook_id = await hook(pool, "campaign.milestone")
    campaign_id = await begin(pool, T0, 60)
    for user in ("ann", "bob"):
        await Tab(user, user, expires_at=at(30)).connect(pool, T0)
    for _ in range(2):
        await pool.execute("select judge_campaigns(10, $1, $1)", at(120))
    bonus_id = await pool.fetchval("select bonus_id from bonuses")
    data = {
        "campaign_id": str(campaign_id),
        "milestone": 1,
        "bonus_id": str(bonus_id),
        "reward": {"coin": 1},
    }
    assert sorted(await told(pool, webhook_id)) == [
        ("campaign.milestone", user, None, data) for user in ("ann", "bob")
    ]


async def test_a_bonus_is_told_when_it_opens_and_not_before(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "bonus.opened")
    bonus_id = await drop(
        db, reward='{"coins": 5}', audience="resource", resource="site", stock=9, opens_in=HOUR
    )
    assert await told(db, webhook_id) == []
    row = await db.fetchrow("select ms(opens_at), ms(expires_at) from bonuses")
    assert row is not None
    data = {
        "bonus_id": str(bonus_id),
        "audience": "resource",
        "opens_at": row[0],
        "expires_at": row[1],
        "stock": 9,
        "reward": {"coins": 5},
    }
    later = datetime.now(UTC) + HOUR
    assert await told(db, webhook_id, later) == [("bonus.opened", None, "site", data)]
    assert await waiting(db) == 0
    assert await db.fetchval("select at = opens_at from webhook_events, bonuses")


async def test_a_bonus_that_was_cancelled_before_it_opened_is_not_told(
    db: asyncpg.Connection,
) -> None:
    webhook_id = await hook(db, "bonus.opened")
    before = await drop(db, opens_in=HOUR)
    after = await drop(db)
    for bonus_id in (before, after):
        outcome = await db.fetchval("select cancel_bonus($1, gen_random_uuid())", bonus_id)
        assert outcome == "cancelled"
    (event,) = await told(db, webhook_id, datetime.now(UTC) + HOUR)
    assert event[-1]["bonus_id"] == str(after)


async def test_a_new_webhook_is_told_of_bonuses_that_open_from_then_on(
    db: asyncpg.Connection,
) -> None:
    await drop(db)
    later = await drop(db, opens_in=HOUR)
    first = await hook(db, "bonus.opened", about="elsewhere")
    second = await hook(db, "bonus.opened")
    end = datetime.now(UTC) + HOUR
    assert [event[-1]["bonus_id"] for event in await told(db, second, end)] == [str(later)]
    assert await told(db, first, end) == []


async def test_one_that_wants_it_again_is_told_once(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "bonus.opened")
    await drop(db, opens_in=HOUR)
    change = ORDER.format("change_webhook", "true")
    for wanted in (["user.online"], ["bonus.opened"]):
        assert await db.fetchval(change, webhook_id, wanted, None) == "changed"
    assert len(await told(db, webhook_id, datetime.now(UTC) + HOUR)) == 1


async def test_a_webhook_that_is_made_beside_a_bonus_is_told_when_that_opens(
    pool: asyncpg.Pool,
) -> None:
    async with pool.acquire() as maker:
        transaction = maker.transaction()
        await transaction.start()
        await drop(maker, opens_in=HOUR)
        making = asyncio.create_task(hook(pool, "bonus.opened"))
        waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        while not await pool.fetchval(waits):
            assert not making.done()
        await transaction.commit()
        webhook_id = await making
    assert len(await told(pool, webhook_id, datetime.now(UTC) + HOUR)) == 1


async def test_what_the_last_webhook_left_is_not_for_the_next(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "user.kicked")
    await fresh(db, soon("a"))
    await kick(db, soon("a"))
    await db.execute("delete from webhooks where webhook_id = $1", webhook_id)
    assert await waiting(db) == 1
    assert await types(db, await hook(db, "user.kicked")) == []


async def test_what_is_left_without_a_webhook_is_pruned(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "user.kicked")
    await fresh(db, soon("a"))
    await kick(db, soon("a"))
    later = datetime.now(UTC) + 169 * HOUR
    await db.execute("select prune_webhook_events(10, $1)", later)
    assert await waiting(db) == 1
    await db.execute("delete from webhooks where webhook_id = $1", webhook_id)
    await db.execute("select prune_webhook_events(10, $1)", later)
    assert await waiting(db) == 0


async def test_the_order_of_a_user_is_that_of_the_facts(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, "user.kicked", "bonus.fulfilled", "bonus.rejected")
    await fresh(db, soon("a"))
    bonus_id = await drop(db)
    await claim(db, bonus_id)
    wanted, corrects = [], None
    for n in range(6):
        state = ("rejected", "fulfilled")[n % 2]
        await db.execute(PAYOUT, bonus_id, f"p{n}", state, None, corrects)
        await fresh(db, soon(f"a{n}"))
        await kick(db, soon(f"a{n}"))
        corrects = f"p{n}"
        wanted += [f"bonus.{state}", "user.kicked"]
    assert await types(db, webhook_id) == wanted


OPENED, CLOSED = "connection.opened", "connection.closed"


async def test_a_connection_is_told_when_it_opens_and_when_it_closes(
    db: asyncpg.Connection,
) -> None:
    webhook_id = await hook(db, OPENED, CLOSED)
    tabs = [soon("a"), soon("b"), soon("c", "stream")]
    for tab in tabs:
        await fresh(db, tab, tab)  # the event comes twice
    for tab, ended_by in zip(tabs, ("client", "lost", "client"), strict=True):
        for _ in range(2):
            await tab.disconnect(db, None, ended_by)
    events = await told(db, webhook_id)
    ended = {"a": "client", "b": "lost", "c": "client"}
    assert [(type_, data.get("ended_by")) for type_, *_, data in events] == [
        *[(OPENED, None)] * 3,
        *[(CLOSED, ended_by) for ended_by in ended.values()],
    ]
    assert [data["connection_id"] for *_, data in events] == ["a", "b", "c"] * 2
    assert [resource for _, _, resource, _ in events] == ["site", "site", "stream"] * 2
    sessions = [data["session_id"] for *_, data in events]
    assert sessions[:3] == sessions[3:]
    assert sessions[0] == sessions[1] != sessions[2]


async def test_a_connection_that_goes_on_after_a_reload_is_another_one(
    db: asyncpg.Connection,
) -> None:
    webhook_id = await hook(db, OPENED, CLOSED, "user.online", "user.offline")
    await fresh(db, soon("a"))
    await soon("a").disconnect(db, None)
    await fresh(db, soon("b"))
    await db.execute("select finalize(10, clock_timestamp() + interval '1 hour')")
    assert sorted(await types(db, webhook_id)) == [CLOSED, OPENED, OPENED, "user.online"]


async def test_a_connection_whose_end_was_not_told_is_told_when_it_is_found_gone(
    db: asyncpg.Connection,
) -> None:
    webhook_id = await hook(db, CLOSED)
    await soon("a").connect(db, datetime.now(UTC) - HOUR)
    gone = "select forget('{ann}', array[$1], '{a}', '{swept}')"
    assert [await db.fetchval(gone, soon("a").node) for _ in range(2)] == [1, 0]
    ((type_, user, _, data),) = await told(db, webhook_id)
    assert (type_, user, data["ended_by"]) == (CLOSED, "ann", "swept")


async def test_a_kick_closes_connections_before_it_is_told(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, CLOSED, "user.kicked")
    await fresh(db, soon("a"), soon("b"))
    await kick(db, soon("a"), soon("b"))
    await soon("a").disconnect(db, None)
    assert await types(db, webhook_id) == [CLOSED, CLOSED, "user.kicked"]


async def test_a_move_to_another_resource_closes_no_connection(db: asyncpg.Connection) -> None:
    about = [await hook(db, OPENED, CLOSED, about=resource) for resource in ("site", "stream")]
    await fresh(db, soon("a"))
    assert (await soon("a").watch(db, "stream", None))["outcome"] == "opened"
    await soon("a").disconnect(db, None)
    assert await types(db, about[0]) == [OPENED]
    assert await types(db, about[1]) == [CLOSED]


async def test_a_connection_that_is_refused_is_not_told(db: asyncpg.Connection) -> None:
    webhook_id = await hook(db, OPENED)
    await soon("a").connect(db, None, most=1)
    await soon("b").connect(db, None, most=1)
    assert await types(db, webhook_id) == [OPENED]


async def test_the_end_of_a_connection_is_told_if_its_beginning_could_be(
    db: asyncpg.Connection,
) -> None:
    await fresh(db, soon("a"))
    webhook_id = await hook(db, CLOSED)
    await fresh(db, soon("b"))
    for tab in (soon("a"), soon("b")):
        await tab.disconnect(db, None)
    assert [data["connection_id"] for *_, data in await told(db, webhook_id)] == ["b"]
