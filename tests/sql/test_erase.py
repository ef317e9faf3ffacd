"""Erasure: a dump of the database does not contain the user's id any more, and all sums remain."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from postgres import find_binaries
from tests.sql.tabs import T0, WRONG_TOTALS, Tab, at, finalize, sessions
from tests.support import campaigns
from tests.support.bonuses import drop
from tests.support.databases import skip_without_pg_dump

if TYPE_CHECKING:
    from collections.abc import Sequence

ID = "ann of 7f3a"
HOUR = timedelta(hours=1)
# Columns that may hold an id and are in no step, with the reason.
KNOWN = {
    ("audience_samples", "users"): "how many",
    ("campaigns", "max_per_user"): "how many",
    ("erasures", "user_id"): "null once it is done",
    ("erasures", "after"): "null once it is done",
    ("erasures", "counts"): "names of tables, and numbers",
    ("rollups", "peak_users"): "how many",
    ("rollups", "peak_users_at"): "a moment",
    ("webhook_events", "data"): "ids of bonuses, grants, sessions and connections",
    ("webhook_outbox", "data"): "ids of bonuses, grants, sessions and connections",
    ("watching_times", "nodes"): "connections of a row that is the user's",
}
SUMS = {
    "past": "select count(*), sum(ended_at - joined_at) from sessions",
    "totals": "select sum(watched) from watch_totals where resource = ''",
    "ledger": "select bonus_id, entry, count(*) from ledger group by 1, 2 order by 1, 2",
    "grants": "select bonus_id, grant_id, xid, claimed_at from claims order by grant_id",
    "payouts": "select bonus_id, state, count(*) from payouts group by 1, 2 order by 1, 2",
    "audit": "select author, operation, count(*) from audit group by 1, 2 order by 1, 2",
    "acks": "select bonus_id, count(*) from acks group by 1 order by 1",
    "answers": "select question_id, option, count(*) from answers group by 1, 2 order by 1, 2",
    "offers": "select bonus_id, count(*), min(expires_at) from offers group by 1 order by 1",
}


async def live(db: asyncpg.Connection, user_id: str = ID) -> None:
    """Leave traces of a user in every table that can have some."""
    old = Tab(f"old {user_id == ID}", user_id, "stream")
    await old.connect(db, T0)
    await old.disconnect(db, at(60))
    await finalize(db, at(3600))
    await db.execute(
        "select create_correction(gen_random_uuid(), user_id, id, 0, array[joined_at],"
        " array[joined_at + interval '30 seconds'], 'asked by ' || user_id, user_id || ' and bob',"
        " 'digest') from past_sessions where user_id = $1",
        user_id,
    )
    await db.execute(
        "insert into audit (author, operation, subject, reason)"
        " select 'ops', 'create_correction', correction_id::text, reason from corrections"
        " where user_id = $1",
        user_id,
    )
    for resource in ("site", "stream"):
        tab = Tab(f"{resource} {user_id == ID}", user_id, resource, expires_at=later(1))
        assert await tab.connect(db, None) == "opened"
    await act(db, user_id, "a1", {"likes": 2})
    bonus_id = await drop(db, user_ids=[user_id, "cyd"], acknowledge=True, fingerprint="digest")
    await drop(db, user_ids=[user_id], fingerprint="digest")
    await db.execute("select ack($1, $2)", user_id, bonus_id)
    await claim(db, user_id, f"claim of {user_id}", bonus_id)
    payout = (
        "select record_payout($1, $2, 'for ' || $2, 'rejected', $2 || ' left', false, null, 'ops')"
    )
    await db.execute(payout, bonus_id, user_id)
    await answer(db, user_id)
    await db.execute("insert into question_users select question_id, $1 from answers", user_id)
    await db.execute("select create_draw(gen_random_uuid(), '{}', null, null, null, 1, '1 minute')")
    await db.execute(
        "insert into audit (author, operation, subject, reason)"
        " values ('ops', 'kick_user', $1, 'spam by ' || $1)",
        user_id,
    )
    await db.execute(
        "insert into webhook_events (seq, event_id, type, user_id, at, recorded_at, data)"
        " select count(*) + 1, gen_random_uuid(), 'user.online', $1, now(), now(), '{}'"
        " from webhook_events",
        user_id,
    )
    await db.execute(
        "insert into webhook_outbox (type, user_id, at, data)"
        " values ('user.kicked', $1, now(), '{}')",
        user_id,
    )
    await db.execute("insert into award_progress values (gen_random_uuid(), $1, '1 h')", user_id)
    await db.execute("insert into awards values (gen_random_uuid(), $1, 1)", user_id)
    progress = "insert into campaign_progress values (gen_random_uuid(), $1, '1 h', '{1}')"
    await db.execute(progress, user_id)
    await db.execute(
        "insert into user_limits (user_id, free_at, counted_at, kind)"
        " values ($1, now(), now(), 'message')",
        user_id,
    )


async def name(db: asyncpg.Connection) -> None:
    """Where others name the user, and where work stands that goes through all users."""
    said = {"to": ID, "all": [ID, f"{ID} and bob"], ID: 1}
    await act(db, "bob", "b1", said)
    await drop(db, reward=json.dumps(said))
    listed = ["bob", ID]
    await campaigns.begin(db, datetime.now(UTC), 60, test_user_ids=listed, fingerprint="digest")
    await db.execute(
        "insert into award_rules (reward, every, claim_within, created_at)"
        " values ($1, '1 hour', '1 minute', now())",
        json.dumps(said),
    )
    news_id = UUID(int=7)
    await db.execute(
        "select create_news($1, $2, 'everyone', null, '1 hour', 'f')", news_id, json.dumps(said)
    )
    await db.execute(
        "insert into broadcast_shards (broadcast_id, round, shard, after_user_id, after_resource,"
        " until_user_id, until_resource) values ($1, 1, 1, '', '', $2, 'site'), ($1, 1, 2, $2,"
        " 'site', null, null)",
        *(news_id, ID),
    )
    await db.execute(
        "insert into payouts"
        " values ($1, 'cyd', 1, 'p1', 'rejected', $2, false, false, 'ops', now())",
        *(news_id, ID),
    )
    await db.execute(
        "insert into reveals values (gen_random_uuid(), $1, '', '', gen_random_uuid(), 'everyone',"
        " null, 1, now(), now() - interval '1 second', 'digest', now())",
        json.dumps(said),
    )
    await db.execute("update sweep_cursor set user_id = $1, resource = 'site'", ID)
    await db.execute(
        "insert into sweep_pages values (now(), 1, '', '', $1, 'site', now()),"
        " (now(), 2, $1, 'site', 'zoe', 'site', now())",
        ID,
    )
    await db.execute(
        "insert into corrections (correction_id, session_id, user_id, resource, revision, times,"
        " reason, author, at, last_month)"
        " values (gen_random_uuid(), 7, 'cyd', 'site', 1, '{}', $1, 'ops', now(), now()),"
        " (gen_random_uuid(), 8, 'cyd', 'site', 1, '{}', 'ops', $1, now(), now())",
        ID,
    )


def later(hours: float) -> datetime:
    return datetime.now(UTC) + hours * HOUR


async def act(db: asyncpg.Connection, user_id: str, action_id: str, body: object) -> None:
    await db.execute("select act($1, $2, 'like', $3, $3)", user_id, action_id, json.dumps(body))


async def claim(db: asyncpg.Connection, user_id: str, claim_id: str, bonus_id: UUID) -> None:
    row = await db.fetchrow("select * from claim($1, $2, $3)", user_id, claim_id, bonus_id)
    assert row["outcome"] == "claimed"


async def answer(db: asyncpg.Connection, user_id: str) -> None:
    """A question that names the user, and their answer."""
    question_id = uuid4()
    await db.execute(
        "select create_question($1, $2, array[$2, 'bob'], 0, 'everyone', null, '0', '1 minute',"
        " null, jsonb_build_object('to', $2), '1 minute', gen_random_uuid(), gen_random_uuid(),"
        " 'digest')",
        *(question_id, user_id),
    )
    outcome = await db.fetchval("select outcome from answer($1, $2, 1)", user_id, question_id)
    assert outcome == "answered"


async def begin(db: asyncpg.Connection, *, keep_mentions: bool = False) -> UUID:
    call = "select create_erasure($1, 'ops', $2)"
    erasure_id: UUID = await db.fetchval(call, ID, keep_mentions)
    return erasure_id


async def part(db: asyncpg.Connection, erasure_id: UUID, limit: int = 1000) -> bool:
    is_done: bool = await db.fetchval("select erase_part($1, $2)", erasure_id, limit)
    return is_done


async def erase(db: asyncpg.Connection, limit: int = 1000, **options: bool) -> dict[str, Any]:
    erasure_id = await begin(db, **options)
    while not await part(db, erasure_id, limit):
        pass
    row = await db.fetchrow("select * from erasures where erasure_id = $1", erasure_id)
    return dict(row) | {"counts": json.loads(row["counts"])}


async def sums(db: asyncpg.Connection) -> dict[str, Sequence[asyncpg.Record]]:
    return {name: await db.fetch(sql) for name, sql in SUMS.items()}


def dump(dsn: str) -> str:
    place = urlsplit(dsn)
    return subprocess.run(
        [
            *[find_binaries().tool("pg_dump"), "--data-only", "--host", str(place.hostname)],
            *["--port", str(place.port), "--username", str(place.username), place.path[1:]],
        ],
        env=os.environ | {"PGPASSWORD": unquote(place.password or "")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


async def test_every_column_that_may_hold_an_id_is_known(db: asyncpg.Connection) -> None:
    found = await db.fetch(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and not c.relispartition and a.attnum > 0 and not a.attisdropped"
        " and (a.attname like '%user%' or a.atttypid in ('jsonb'::regtype, 'json'::regtype))"
    )
    steps = await db.fetch("select * from user_tables()")
    handled = {
        (step["name"], word)
        for step in steps
        for word in re.findall(r"\w+", f"{step['finds'] or 'user_id'} {step['sets']}")
    }
    assert {tuple(row) for row in found} - handled - set(KNOWN) == set()


async def test_each_step_is_of_a_table_and_its_columns(db: asyncpg.Connection) -> None:
    for step in await db.fetch("select * from user_tables()"):
        columns = ", ".join(step["keys"]) or "1"
        await db.execute(f"select {columns} from {step['name']} limit 0")  # noqa: S608


async def test_a_dump_does_not_contain_the_id_and_all_sums_remain(
    db: asyncpg.Connection, dsn: str
) -> None:
    skip_without_pg_dump()
    for user_id in (ID, "bob"):
        await live(db, user_id)
    await name(db)
    await db.execute("select end_connections($1, null, '{}', '{}')", ID)
    before, events = await sums(db), await db.fetchval("select count(*) from presence_events")
    steps = {row["name"] for row in await db.fetch("select name from user_tables()")}
    assert ID in dump(dsn)
    erasure = await erase(db)
    left = [line for line in dump(dsn).splitlines() if ID in line]
    assert [line for line in left if f"{ID} and bob" not in line] == []
    assert set(erasure["counts"]) == steps, "each was needed"
    after = await sums(db)
    # Ending a session adds to what has been watched.
    grown = {"past", "totals"}
    assert [after[of] for of in SUMS if of not in grown] == [
        before[of] for of in SUMS if of not in grown
    ]
    assert await db.fetchval("select count(*) from presence_events") == events
    assert not await db.fetch(WRONG_TOTALS)
    assert len(await sessions(db, erasure["pseudonym"])) == 3
    assert len(await sessions(db, "bob")) == 3
    assert (erasure["author"], erasure["user_id"]) == ("ops", None)
    # What the pseudonym has left is finalized as any session is, and each event comes once.
    await finalize(db, later(1))
    told = await db.fetch(
        "select session_id, type, user_id, count(*) from presence_events where user_id <> 'bob'"
        " group by 1, 2, 3 order by 1, 2"
    )
    assert [(row["type"], row["count"]) for row in told] == [("online", 1), ("offline", 1)] * 3
    assert {row["user_id"] for row in told} == {erasure["pseudonym"]}


async def test_it_can_stop_after_any_part_and_go_on(db: asyncpg.Connection) -> None:
    """One row at a time; after each, all sums are as before."""
    await live(db)
    await erase_sessions_first(db)
    for n in range(3):
        await act(db, ID, f"x{n}", {})
    before = await sums(db)
    erasure_id = await begin(db)
    parts = 0
    while not await part(db, erasure_id, limit=1):
        assert await sums(db) == before
        assert await begin(db) == erasure_id, "the same erasure is under way"
        parts += 1
    assert parts > 25
    assert await part(db, erasure_id), "done is done"
    assert await sums(db) == before
    assert not await db.fetch("select from past_sessions where user_id = $1", ID)


async def erase_sessions_first(db: asyncpg.Connection) -> None:
    """So that sums of open sessions, which grow, are out of the way."""
    await db.execute("select end_sessions($1, null)", ID)


async def test_a_second_erasure_changes_nothing(db: asyncpg.Connection) -> None:
    await live(db)
    first, second = await erase(db), await erase(db)
    assert first["pseudonym"] != second["pseudonym"]
    assert second["counts"] == {}


async def test_a_user_who_comes_back_is_a_new_one(db: asyncpg.Connection) -> None:
    await live(db)
    erasure_id = await begin(db)
    while not await db.fetchval("select step >= 9 from erasures"):
        await part(db, erasure_id)
    assert await Tab("new", ID, expires_at=later(1)).connect(db, None) == "opened"
    await act(db, ID, "a1", {"likes": 1})
    while not await part(db, erasure_id):
        pass
    assert len(await sessions(db, ID)) == 1
    assert await db.fetchval("select seq from user_streams where user_id = $1", ID) == 1
    assert await db.fetchval("select watched($1, null, now()) < '1 minute'", ID)


async def test_a_user_can_act_between_any_two_parts(db: asyncpg.Connection) -> None:
    """The old stream ends and the new one begins at once: no number is given twice."""
    for n in range(5):
        await act(db, ID, f"old {n}", {})
    erasure_id = await begin(db)
    is_done, n = False, 0
    while not is_done:
        is_done = await part(db, erasure_id, limit=2)
        await act(db, ID, f"new {n}", {})
        n += 1
    seqs = [row["seq"] for row in await db.fetch("select seq from user_events order by seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert await db.fetchval("select seq from user_streams") == len(seqs)


async def test_what_a_line_still_sends_after_it_changes_nothing_old(db: asyncpg.Connection) -> None:
    """It could not be closed: its session is over, and its end comes late."""
    await live(db)
    erasure = await erase(db)
    before = await sessions(db, erasure["pseudonym"])
    tab = Tab("site True", ID, expires_at=later(1))
    assert not await tab.disconnect(db, None)
    moved = await tab.watch(db, "stream", None)
    assert moved["outcome"] == "not_connected"
    assert await sessions(db, erasure["pseudonym"]) == before
    assert {row["ended_by"] for row in before} == {"client", "kicked"}
    assert await sessions(db, ID) == []


async def test_an_event_that_is_being_recorded_comes_once(db: asyncpg.Connection, dsn: str) -> None:
    """The erasure waits for a finalize that is under way; both would move the same rows."""
    await live(db)
    erasure_id = await begin(db)
    while not await db.fetchval("select step = 3 from erasures"):
        await part(db, erasure_id)
    other = await asyncpg.connect(dsn)
    under_way = other.transaction()
    await under_way.start()
    await finalize(other, later(1))
    await db.execute("set lock_timeout = '50ms'")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await part(db, erasure_id)
    await under_way.commit()
    await other.close()
    while not await part(db, erasure_id):
        pass
    events = await db.fetch("select session_id, type, user_id from presence_events")
    assert len({tuple(row)[:2] for row in events}) == len(events) == 6
    assert ID not in {row["user_id"] for row in events}


async def test_every_user_stays_in_one_shard(db: asyncpg.Connection) -> None:
    for n, user_id in enumerate(("aaa", ID, "ann", "bob")):
        await Tab(f"t{n}", user_id, expires_at=later(1)).connect(db, None)
    await name(db)
    await erase(db)
    shards = await db.fetch("select * from broadcast_shards order by shard")
    assert shards[0]["until_user_id"] == shards[1]["after_user_id"] != ID
    inside = await db.fetch(
        "select w.user_id, array_agg(s.shard) as shards from watching_times w, broadcast_shards s"
        " where (w.user_id, w.resource) > (s.after_user_id, s.after_resource) and (s.until_user_id"
        " is null or (w.user_id, w.resource) <= (s.until_user_id, s.until_resource)) group by 1"
    )
    assert {row["user_id"]: row["shards"] for row in inside} == {
        user: [1 if user < ID else 2] for user in ("aaa", "ann", "bob")
    }


@pytest.mark.parametrize("earlier", [["aaa"], []])
async def test_the_sweep_goes_on_behind_the_user(
    db: asyncpg.Connection, earlier: list[str]
) -> None:
    """A cycle that has to begin again is no evidence that anyone is there."""
    for n, user_id in enumerate([*earlier, ID, "bob"]):
        await Tab(f"t{n}", user_id).connect(db, T0)
    begun = await db.fetchrow("select * from sweep($1)", len(earlier) + 1)
    await erase(db)
    await db.execute("select finish_sweep_page($1, $2)", begun["cycle_started_at"], begun["page"])
    page = await db.fetchrow("select * from sweep(10)")
    assert [one[0] for one in json.loads(page["connections"])] == ["bob"]
    probed = await db.fetchval("select probed_since from sweep_cursor")
    assert probed == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("user_id", "value", "without"),
    [
        ("ann", {"to": "ann", "ann": ["ann", {"x": "ann"}]}, {"to": "", "": ["", {"x": ""}]}),
        ("ann", {"to": "anna", "text": "for ann", "n": 1}, None),
        ("7", {"n": 7, "s": "77"}, None),
        ("7", {"s": "7"}, {"s": ""}),
        (": ", {"a": "b"}, None),
        (", ", ["a", "b"], None),
        ('say "hi"\\\n', {"a": 'say "hi"\\\n'}, {"a": ""}),
        ("null", {"a": None}, None),
        ("é", "é", ""),
    ],
)
async def test_a_mention_is_a_text_that_is_the_id(
    db: asyncpg.Connection, user_id: str, value: object, without: object
) -> None:
    call = "select mentions($1, $2), without_mentions($1, $2)"
    is_mentioned, changed = await db.fetchrow(call, json.dumps(value), user_id)
    assert is_mentioned is (without is not None)
    assert json.loads(changed) == (value if without is None else without)


async def test_mentions_stay_where_they_are_to_be_kept(db: asyncpg.Connection) -> None:
    """And nothing but mentions stays."""
    for user_id in (ID, "bob"):
        await live(db, user_id)
    await name(db)
    steps = await db.fetch("select name, finds from user_tables()")
    mentions = {row["name"] for row in steps if "mentions(" in (row["finds"] or "")}
    erasure = await erase(db, keep_mentions=True)
    assert set(erasure["counts"]) == {
        row["name"] for row in steps if "mentions(" not in (row["finds"] or "")
    }
    for table in {row["name"] for row in steps}:
        query = f"select count(*) from {table} as one where one::text like $1"  # noqa: S608
        assert bool(await db.fetchval(query, f"%{ID}%")) is (table in mentions), table
    assert await db.fetchval("select state ->> 'to' from user_streams where user_id = 'bob'") == ID


async def test_an_offer_stays_and_tells_no_stream(db: asyncpg.Connection) -> None:
    """Its page comes after the erasure; at its end the ledger has an entry for it."""
    bonus_id = await drop(db, user_ids=[ID, "bob"])
    await erase(db)
    call = "select * from broadcast_page($1, 1, $2, 100, 100000)"
    await db.fetchrow(call, bonus_id, UUID(int=1))
    assert [row["user_id"] for row in await db.fetch("select user_id from user_streams")] == ["bob"]
    await db.execute("select close_bonuses(10, $1)", later(1))
    expired = "select count(*) from ledger where entry = 'expired' and user_id like 'erased-%'"
    assert await db.fetchval(expired) == 1


async def test_no_other_role_erases(own_dsn: str) -> None:
    owner = await asyncpg.connect(own_dsn)
    await owner.execute("create role stranger_to_erasures; set role stranger_to_erasures")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("select erase_part(gen_random_uuid(), 1)")
    await owner.execute("reset role; drop role stranger_to_erasures")
    await owner.close()
