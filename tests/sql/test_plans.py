"""The statements that run for each event, or over everyone, find their rows by an index.

Seen as they ran, also those inside the functions.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from handlers.adapters.statements import text
from handlers.core.operations.audience import Audience
from handlers.core.operations.hello import Hello
from handlers.core.operations.visibility import Visibility
from tests.sql.tabs import GRACE, NODE, T0, at
from tests.support.databases import copied
from tests.support.plans import Crowd
from tests.support.statements import NO_LIMIT, asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg

# So many that the planner has a choice: people who watch, what is due, and what was.
CROWD = [
    """
    insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
        select 'user-' || n, 'site', $1::timestamptz, $1,
               jsonb_build_object('gateway.example/live', jsonb_build_object(
                   'tab-' || n, jsonb_build_object('at', extract(epoch from $1::timestamptz))))
          from generate_series(1, 20000) n""",
    """
    insert into past_sessions
        select n, 'user-' || n, 'site', $1::timestamptz, $1 + n * interval '1 second',
               'client'::ending, interval '0'
          from generate_series(1, 20000) n""",
    """
    insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
        select $1::timestamptz + n * interval '1 second', 'online', n, 'user-' || n, 'site', $1
          from generate_series(1, 20000) n""",
    "insert into user_streams (user_id, seq)"
    " select 'user-' || n, 1 from generate_series(1, 20000) n where $1::timestamptz is not null",
    """
    insert into user_events
        select 'user-' || n, 1, 'like', '{}'::jsonb, $1, 'a1' from generate_series(1, 20000) n""",
]
GROWING = ("watching_times", "past_sessions", "presence_outbox", "user_events")


async def _fill(db: asyncpg.Connection) -> None:
    for statement in CROWD:
        await db.execute(statement, T0)
    await db.execute("vacuum analyze")


@pytest.fixture(scope="module")
def crowded_dsn(template_dsn: str) -> Iterator[str]:
    """A database with a crowd in it, and statistics of it."""
    with copied(template_dsn, "crowded", _fill) as dsn:
        yield dsn


@pytest.fixture
async def crowd(crowded_dsn: str) -> AsyncIterator[Crowd]:
    async with Crowd.of(crowded_dsn) as crowd:
        yield crowd


LONG = at(1_000_000)


def connect(tab: str, user: str, resource: str = "site", now: float = 10) -> tuple[object, ...]:
    call = "select connect($1, $2, $3, $4, $5, $6, $7, 50, null, $8)"
    return (call, user, resource, NODE, tab, f"ticket-{tab}", LONG, GRACE, at(now))


def disconnect(tab: str, user: str, now: float = 20) -> tuple[object, ...]:
    call = "select disconnect($1, $2, $3, 'client', $4, $5, $6, $7)"
    return (call, user, NODE, tab, f"ticket-{tab}", LONG, GRACE, at(now))


ONE = (["user-7"], [NODE], ["tab-7"])
forget = ("select forget($1, $2, $3, $4, $5, $6)", *ONE, ["swept"], GRACE, at(100))
doubt = ("select suspect($1, $2, $3, $4)", *ONE, [True])
watch = (
    "select watch($1, $2, $3, $4, $5, p_now => $6)",
    "user-7",
    NODE,
    "tab-7",
    "stream",
    GRACE,
    at(20),
)
kick = ("select end_connections($1, null, $2, $3, $4)", "user-7", [NODE], ["tab-7"], at(20))
finalize = ("select finalize($1, $2)", 100, at(60))
sweep = ("select sweep($1, $2)", 100, at(100))

BONUS, LANE = (uuid.UUID(int=n) for n in (1, 2))


def drop(audience: str, resource: str | None = None) -> tuple[object, ...]:
    call = (
        "select create_bonus($1, '{}', $2, $3, array(select user_id from watching_times),"
        " '0', '1 minute', null, null, p_now => $4)"
    )
    return (call, BONUS, audience, resource, at(10))


# A page, and its report with the next one.
page = ("select broadcast_page($1, 1, $2, 100, 100000, p_now => $3)", BONUS, LANE, at(11))
next_page = (
    "select broadcast_page($1, 1, $2, 100, 100000, 1, 1, 100, p_now => $3)",
    *(BONUS, LANE, at(12)),
)

AS_IT_COMES = ("set plan_cache_mode = auto",)

# claim -> what happens, the last of it looked at
HAPPENINGS: dict[str, list[tuple[object, ...]]] = {
    "connect opens": [connect("new", "new")],
    "connect joins": [connect("b", "user-7")],
    "connect opens beside": [connect("b", "user-7", "stream")],
    "connect continues": [disconnect("tab-7", "user-7"), connect("b", "user-7", now=30)],
    "connect makes room": [disconnect("tab-7", "user-7"), connect("b", "user-7", now=90)],
    "disconnect closes": [disconnect("tab-7", "user-7")],
    "disconnect leaves": [connect("b", "user-7"), disconnect("b", "user-7")],
    "disconnect of an unknown connection": [disconnect("unknown", "user-7")],
    "watch moves": [watch],
    "forget": [forget],
    "forget of an unknown connection": [forget, forget],
    "suspect": [doubt],
    "end_connections": [kick],
    # How much is due decides its plan each time: for half of a table it may well read all.
    "finalize": [AS_IT_COMES, disconnect("tab-7", "user-7"), finalize],
    "finalize of nothing": [AS_IT_COMES, ("select finalize($1, $2)", 100, T0)],
    "sweep": [sweep],
    "sweep goes on": [sweep, sweep],
    "push": [drop("everyone"), page, next_page],
    "push to a resource": [drop("resource", "site"), page, next_page],
    "push to listed users": [drop("users"), page, next_page],
    "act": [("select act($1, $2, $3, $4, p_now => $5)", "act", "a2", "like", "{}", at(20))],
    "hello": [asked(Hello("user-7", NODE, "tab-7", None, None, None, *NO_LIMIT))],
    "hello, hidden": [
        asked(Hello("user-7", NODE, "tab-7", None, None, None, *NO_LIMIT, visible=False, change=1))
    ],
    "visibility": [asked(Visibility("user-7", NODE, "tab-7", False, 1, *NO_LIMIT))],
    "audience": [asked(Audience("user-7", "site", True, *NO_LIMIT))],
    "audience of few": [asked(Audience("user-7", "stream", True, *NO_LIMIT))],
    "devices": [(text("connections"), "user-7")],
    "watch_time": [(text("watch_time"), "user-7")],
    "online": [(text("online"), None, None, "user-5", "site", 100)],
    "online of a resource": [(text("online"), "stream", None, "", "", 100)],
}


@pytest.mark.parametrize("claim", HAPPENINGS)
async def test_rows_are_found_by_an_index(crowd: Crowd, claim: str) -> None:
    *before, (query, *args) = HAPPENINGS[claim]
    for earlier, *earlier_args in before:
        await crowd.does(str(earlier), *earlier_args)
    nodes = await crowd.does(str(query), *args)
    tables = {str(node.get("Relation Name")) for node in nodes if "Scan" in node["Node Type"]}
    read_whole = [
        (node["Node Type"], node["Relation Name"])
        for node in nodes
        if node["Node Type"] == "Seq Scan" and node["Relation Name"].startswith(GROWING)
    ]
    assert any(table.startswith(GROWING) for table in tables), f"seen were only {tables}"
    assert not read_whole


async def test_a_sequential_scan_would_be_seen(crowd: Crowd) -> None:
    nodes = await crowd.does("select watched('user-7', null, $1), max(id) from watching_times", T0)
    assert ("Seq Scan", "watching_times") in [
        (node["Node Type"], node.get("Relation Name")) for node in nodes
    ]


@pytest.mark.parametrize("claim", ["push", "push to a resource", "push to listed users"])
async def test_a_push_begins_where_the_last_one_ended_and_reads_its_page(
    crowd: Crowd, claim: str
) -> None:
    *before, (query, *args) = HAPPENINGS[claim]
    for earlier, *earlier_args in before:
        await crowd.does(str(earlier), *earlier_args)
    nodes = await crowd.does(str(query), *args)
    table = "offers" if claim == "push to listed users" else "watching_times"
    (read,) = [
        (node["Index Cond"], node["Actual Rows"])
        for node in nodes
        if node.get("Relation Name") == table
        and "user_id" in node.get("Index Cond", "")
        and ">" in node["Index Cond"]
    ]
    assert read[1] == 100


async def test_settling_joins_nothing_of_unknown_size(crowd: Crowd) -> None:
    """The planner expects one row of each step, and a loop over two of them is quadratic."""
    close, *args = disconnect("tab-7", "user-7")
    await crowd.does(str(close), *args)
    conditions = [
        str(condition)
        for node in await crowd.does(*finalize)
        for name, condition in node.items()
        if name.endswith((" Cond", " Filter"))
    ]
    assert conditions
    assert not [condition for condition in conditions if ".place = " in condition]


async def test_a_sweep_begins_where_the_last_one_ended(crowd: Crowd) -> None:
    """The cursor is a condition of the index: the last page costs what the first one costs."""
    await crowd.does(*sweep)
    conditions = [node.get("Index Cond", "") for node in await crowd.does(*sweep)]
    assert any("ROW((user_id)::text, (resource)::text) >" in one for one in conditions), conditions


async def test_a_sweep_reads_no_more_than_its_page(crowd: Crowd) -> None:
    read = [
        node["Actual Rows"]
        for node in await crowd.does(*sweep)
        if node.get("Relation Name") == "watching_times"
    ]
    assert read == [100, 100], "their order, and then the sessions"


@pytest.mark.parametrize(
    "claim",
    [
        "connect joins",
        "connect continues",
        "disconnect closes",
        "disconnect leaves",
        "forget",
        "suspect",
        "end_connections",
    ],
)
async def test_a_session_is_written_within_its_page_and_in_no_index(
    crowd: Crowd, claim: str
) -> None:
    for query, *args in HAPPENINGS[claim]:
        assert await crowd.hot_updates(str(query), *args) == (1, 1)
