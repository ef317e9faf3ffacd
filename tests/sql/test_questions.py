"""Questions: each user counts once, in time, and the tally is exact and told once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import T0, Tab, at
from tests.support import bonuses
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from datetime import datetime

LATE = 0.5
"""In seconds: for an answer that was given in time."""
SOON = at(1)
OPTIONS = ["yes", "no", "maybe"]


@dataclass(frozen=True)
class Question:
    """A question that is open from T0 on, for ten seconds."""

    question_id: UUID
    result_id: UUID
    bonus_id: UUID

    async def answer(
        self, db: asyncpg.Connection, user_id: str, option: int = 0, now: datetime | None = SOON
    ) -> tuple[str, int | None]:
        row = await db.fetchrow(
            "select * from answer($1, $2, $3, p_now => $4)",
            *(user_id, self.question_id, option, now),
        )
        return row["outcome"], row["chosen"]

    async def make(
        self, db: asyncpg.Connection, broadcast_id: UUID, now: datetime | None
    ) -> int | None:
        wait_ms: int | None = await db.fetchval("select make_scheduled($1, $2)", broadcast_id, now)
        return wait_ms

    async def close(self, db: asyncpg.Connection, seconds: float = 10 + LATE) -> int | None:
        return await self.make(db, self.result_id, at(seconds))

    async def tally(self, db: asyncpg.Connection) -> list[int]:
        query = "select tally_of(q) from questions q where question_id = $1"
        tally: list[int] = await db.fetchval(query, self.question_id)
        return tally


async def ask(db: asyncpg.Connection, **order: Any) -> Question:
    question = Question(uuid4(), uuid4(), uuid4())
    order = {
        **{"p_text": "Who scores?", "p_options": OPTIONS, "p_correct": 1, "p_audience": "everyone"},
        **{"p_resource": None, "p_opens_in": timedelta(0), "p_window": timedelta(seconds=10)},
        **{"p_opens_at": None, "p_reward": None, "p_claim_within": None, "p_fingerprint": "f"},
        **{"p_question_id": question.question_id, "p_result_id": question.result_id},
        **{"p_bonus_id": question.bonus_id, "p_now": T0},
        **order,
    }
    names = ", ".join(f"{name} => ${n}" for n, name in enumerate(order, 1))
    made = await db.fetchval(f"select create_question({names})", *order.values())
    assert made == "created"
    return question


async def come(db: asyncpg.Connection, *users: str, resource: str = "site") -> None:
    for user in users:
        tab = Tab(f"{user} {resource}", user, resource)
        assert await tab.connect(db) == "opened"


async def told(db: asyncpg.Connection, broadcast_id: UUID) -> dict[str, Any] | None:
    news = await db.fetchval("select news from broadcasts where broadcast_id = $1", broadcast_id)
    return None if news is None else json.loads(news)


async def test_each_user_counts_once_and_the_first_answer_stays(db: asyncpg.Connection) -> None:
    await come(db, "ann", "bob")
    question = await ask(db)
    assert await question.answer(db, "ann", 2) == ("answered", 2)
    assert await question.answer(db, "ann", 2) == ("answered", 2)
    assert await question.answer(db, "ann", 0) == ("already_answered", 2)
    assert await question.answer(db, "bob", 0) == ("answered", 0)
    assert await question.tally(db) == [1, 0, 1]


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        *((-0.001, "too_early"), (0, "answered"), (10, "answered")),
        *((10 + LATE, "answered"), (10 + LATE + 0.001, "closed")),
    ],
)
async def test_the_servers_clock_decides(
    db: asyncpg.Connection, seconds: float, outcome: str
) -> None:
    await come(db, "ann")
    question = await ask(db, p_now=at(-5), p_opens_in=timedelta(seconds=5))
    assert (await question.answer(db, "ann", now=at(seconds)))[0] == outcome


async def test_a_repeat_of_an_answer_is_acknowledged_after_the_end(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    question = await ask(db)
    await question.answer(db, "ann", 1)
    await question.close(db)
    assert await question.answer(db, "ann", 1, at(60)) == ("answered", 1)
    assert await question.answer(db, "ann", 0, at(60)) == ("already_answered", 1)


async def test_who_is_not_asked_cannot_answer(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    await come(db, "bob", resource="stream")
    question = await ask(db, p_audience="resource", p_resource="stream")
    assert await question.answer(db, "ann") == ("unknown_question", None)
    assert await question.answer(db, "nora") == ("unknown_question", None)
    assert await question.answer(db, "bob") == ("answered", 0)
    other = Question(uuid4(), uuid4(), uuid4())
    assert await other.answer(db, "bob") == ("unknown_question", None)


@pytest.mark.parametrize(
    ("user", "audience", "resource", "outcome"),
    [
        *(("ann", "users", None, None), ("bob", "users", None, "unknown")),
        *(("nora", "users", None, "unknown"), ("ann", "resource", "site", None)),
        *(("bob", "resource", "site", "unknown"), ("bob", "everyone", None, None)),
        *(("nora", "everyone", None, "unknown"), ("ann", "resource", "stream", "unknown")),
    ],
)
async def test_one_place_decides_whom_a_bonus_and_a_question_are_for(
    db: asyncpg.Connection, user: str, audience: str, resource: str | None, outcome: str | None
) -> None:
    await come(db, "ann")
    await come(db, "bob", resource="stream")
    listed = ["ann"] if audience == "users" else []
    question = await ask(db, p_audience=audience, p_resource=resource, p_user_ids=listed)
    bonus_id = await bonuses.drop(db, audience=audience, resource=resource, user_ids=listed, now=T0)
    answered, _ = await question.answer(db, user)
    claim = "select outcome from claim($1, 'c1', $2, p_now => $3)"
    claimed = await db.fetchval(claim, user, bonus_id, SOON)
    assert answered == (f"{outcome}_question" if outcome else "answered")
    assert claimed == (f"{outcome}_bonus" if outcome else "claimed")


async def test_an_option_that_there_is_not(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    question = await ask(db)
    assert await question.answer(db, "ann", 3) == ("unknown_option", None)
    assert await question.answer(db, "ann", 2) == ("answered", 2)


async def test_it_is_told_when_it_opens_and_not_before(db: asyncpg.Connection) -> None:
    question = await ask(db, p_now=at(-8), p_opens_in=timedelta(seconds=8))
    wait_ms = await question.make(db, question.question_id, at(-8))
    # A worker waits up to twice as long.
    assert wait_ms == 4_000
    assert await told(db, question.question_id) is None
    assert await question.make(db, question.question_id, T0) == 0
    news = await told(db, question.question_id)
    assert news is not None
    assert news["type"] == "question.opened"
    assert news["body"] == {
        **{"question_id": str(question.question_id), "text": "Who scores?", "options": OPTIONS},
        **{"opens_at": T0.timestamp() * 1000, "expires_at": at(10).timestamp() * 1000},
    }
    assert await question.make(db, question.question_id, at(1)) == 0, "made once"


async def test_a_worker_finds_what_is_scheduled(db: asyncpg.Connection) -> None:
    question = await ask(db)
    page = "select outcome, wait_ms, kind from broadcast_page($1, 1, $2, 10, 100, p_now => $3)"
    worker = uuid4()
    rows = [
        await db.fetchrow(page, question.question_id, worker, now) for now in (at(-2), T0, at(0.1))
    ]
    assert [tuple(row) for row in rows] == [
        *(("wait", 1_000, None), ("wait", 0, None), ("done", None, None))
    ]
    assert (await db.fetchrow(page, uuid4(), worker, T0))["outcome"] == "unknown"


async def test_the_tally_is_told_once_after_the_end(db: asyncpg.Connection) -> None:
    await come(db, "ann", "bob", "cat")
    question = await ask(db)
    for user, option in (("ann", 1), ("bob", 1), ("cat", 0)):
        await question.answer(db, user, option)
    assert await question.close(db, 10 + LATE - 0.1) == 50
    assert await told(db, question.result_id) is None
    assert await question.close(db) == 0
    news = await told(db, question.result_id)
    assert news is not None
    assert news["type"] == "question.closed"
    assert news["body"] == {
        **{"question_id": str(question.question_id), "tally": [1, 2, 0], "correct": 1}
    }
    assert await question.close(db, 11) == 0
    assert await db.fetchval("select count(*) from broadcasts") == 1


async def test_an_answer_under_way_is_counted(db: asyncpg.Connection, dsn: str) -> None:
    """The end waits for it."""
    await come(db, "ann")
    question = await ask(db)
    other = await asyncpg.connect(dsn)
    under_way = other.transaction()
    await under_way.start()
    assert await question.answer(other, "ann", now=at(10)) == ("answered", 0)
    closing = asyncio.create_task(question.close(db))
    await until_answered(
        lambda: other.fetchval("select exists (select from pg_locks where not granted)")
    )
    await under_way.commit()
    await closing
    assert await question.tally(db) == [1, 0, 0]
    await other.close()


async def test_a_thousand_answers_at_once_of_which_each_comes_twice(
    db: asyncpg.Connection, dsn: str
) -> None:
    await db.execute(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " select 'user-' || n, 'site', now(), now(), '{\"n\": {\"c\": {\"at\": 1}}}'"
        " from generate_series(1, 200) as n"
    )
    question = await ask(db, p_now=None, p_window=timedelta(hours=1))
    async with asyncpg.create_pool(dsn, min_size=8, max_size=8) as pool:
        outcomes = await asyncio.gather(
            *(question.answer(pool, f"user-{n % 200 + 1}", n % 3, None) for n in range(1_000))
        )
    first = {"answered", "already_answered"}
    assert {outcome for outcome, _ in outcomes} == first
    assert sum(await question.tally(db)) == 200
    stored = await db.fetch("select user_id, option from answers")
    chosen = {row["user_id"]: row["option"] for row in stored}
    assert all(option == chosen[f"user-{n % 200 + 1}"] for n, (_, option) in enumerate(outcomes)), (
        "each is told what counts"
    )


async def test_other_devices_are_told_what_was_answered(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    await Tab("phone", "ann").connect(db)
    question = await ask(db)
    row = await db.fetchrow(
        "select * from answer('ann', $1, 2, p_now => $2)", question.question_id, at(1)
    )
    assert json.loads(row["event"])["type"] == "question.answered"
    body = {"question_id": str(question.question_id), "option": 2}
    assert json.loads(row["event"])["body"] == body
    assert len(json.loads(row["others"])) == 2


async def test_a_user_with_one_connection_costs_no_event(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    question = await ask(db)
    await question.answer(db, "ann")
    assert await db.fetchval("select count(*) from user_events") == 0


async def test_who_was_right_is_offered_the_prize(db: asyncpg.Connection) -> None:
    await come(db, "ann", "bob", "cat")
    prize = {"p_reward": '{"coins": 5}', "p_claim_within": timedelta(minutes=1)}
    question = await ask(db, **prize)
    for user, option in (("ann", 1), ("bob", 1), ("cat", 0)):
        await question.answer(db, user, option)
    closed = at(10 + LATE)
    assert await question.make(db, question.bonus_id, closed) == 100, "not before it is closed"
    await question.close(db)
    assert await question.make(db, question.bonus_id, closed) == 0
    assert await question.make(db, question.bonus_id, closed) == 0
    offered = await db.fetch("select user_id from offers where bonus_id = $1", question.bonus_id)
    assert {row["user_id"] for row in offered} == {"ann", "bob"}


async def test_nothing_is_offered_if_none_was_right(db: asyncpg.Connection) -> None:
    await come(db, "ann")
    prize = {"p_reward": '{"coins": 5}', "p_claim_within": timedelta(minutes=1)}
    question = await ask(db, **prize)
    await question.answer(db, "ann", 0)
    await question.close(db)
    await question.make(db, question.bonus_id, at(11))
    assert await db.fetchval("select count(*) from bonuses") == 0
    assert await question.make(db, question.bonus_id, at(12)) is None, "nothing waits for it"


async def test_a_cancelled_question_takes_no_answer_and_tells_no_tally(
    db: asyncpg.Connection,
) -> None:
    await come(db, "ann", "bob")
    question, cancel_id = await ask(db), uuid4()
    await question.make(db, question.question_id, T0)
    await question.answer(db, "ann")
    cancel = "select cancel_question($1, $2, $3)"
    outcomes = [await db.fetchval(cancel, question.question_id, cancel_id, at(2)) for _ in range(2)]
    assert outcomes == ["cancelled", "already_cancelled"]
    assert (await question.answer(db, "bob"))[0] == "cancelled"
    assert await question.close(db) is None
    assert await told(db, question.result_id) is None
    news = await told(db, cancel_id)
    assert news is not None
    assert news["cancels"] == 1, "as of cancelled news"


async def test_a_question_that_is_closed_cannot_be_cancelled(db: asyncpg.Connection) -> None:
    question = await ask(db)
    cancel = "select cancel_question($1, $2, $3)"
    assert await db.fetchval(cancel, question.question_id, uuid4(), at(20)) == "closed"
    assert await db.fetchval(cancel, uuid4(), uuid4(), at(20)) is None


async def test_the_schedule_finds_what_no_worker_was_woken_for(db: asyncpg.Connection) -> None:
    question = await ask(db, p_now=None)
    orphans = text("list_orphaned_broadcasts")
    found = {row["broadcast_id"] for row in await db.fetch(orphans)}
    assert found == {question.question_id, question.result_id}
    await db.execute(text("mark_broadcast_queued"), question.question_id)
    found = {row["broadcast_id"] for row in await db.fetch(orphans)}
    assert found == {question.result_id}
    await db.execute("update scheduled_broadcasts set due_at = due_at - interval '11 seconds'")
    found = {row["broadcast_id"] for row in await db.fetch(orphans)}
    assert found == {question.question_id, question.result_id}, "overdue: its worker has died"


async def test_what_is_old_is_pruned_with_its_answers(db: asyncpg.Connection) -> None:
    await come(db, "ann", "bob")
    question = await ask(db, p_audience="users", p_user_ids=["ann", "bob", "cat"])
    for user in ("ann", "bob"):
        await question.answer(db, user)
    prune = "select prune_questions($1, $2)"
    assert await db.fetchval(prune, at(10), 100) == 0
    assert [await db.fetchval(prune, at(10.1), 1) for _ in range(3)] == [1, 1, 1]
    assert await db.fetchval(prune, at(10.1), 3) == 2
    assert await db.fetchval("select count(*) from question_users") == 0
    assert await db.fetchval("select count(*) from questions") == 0
