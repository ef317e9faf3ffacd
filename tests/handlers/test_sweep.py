"""sweep: each step, twice, at once, cut short, and with nodes that are gone."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from handlers import sweep
from handlers.adapters.database import Database, Unavailable
from handlers.adapters.gateway.api import MAX_CONCURRENT_CALLS
from handlers.adapters.statements import name as name_of
from handlers.container import Container
from handlers.core.failure_detection import MAX_UNCLEAR_ANSWERS, UNUSED_CONNECTION_ID
from handlers.core.limits import Limits
from handlers.core.metrics import ALL, METRICS, SWEEP, WITH_DATABASE
from handlers.core.operations.maintenance import Finalize, FinalizeRow, Prune, PruneRow
from handlers.core.operations.sweep import Sweep
from handlers.services import sweep as service
from handlers.services.sweep import Keep, Settings, SweepRun
from tests.support.world import Context, FakeConnections

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.core.operation import Statement
    from tests.support.world import World

MINUTE = timedelta(minutes=1)
EVENT_TYPES = "select type from presence_events order by seq"
DEAD, ALIVE = "dead.example/live", "gateway.example/live"


def run(world: World, context: Context | None = None) -> dict[str, float]:
    return sweep.handle({}, context or Context(), world.container)


def come(world: World, tab: str, user: str, node: str = ALIVE) -> None:
    event = world.event("connect", tab, user, domainName=node.partition("/")[0])
    assert world.handshake(event) == 200


def ends(world: World) -> dict[str, str | None]:
    """How each user's session ended; None while it is open."""
    rows = world.rows("select user_id, ended_by from sessions order by user_id")
    return {row["user_id"]: row["ended_by"] for row in rows}


def suspects(world: World) -> list[str]:
    rows = world.rows(
        "select user_id from watching_times w, connections(w.nodes) c"
        " where c.seen_at is not null order by 1"
    )
    return [row["user_id"] for row in rows]


def later(world: World, minutes: float) -> None:
    """It is so much longer ago that nodes were first out of reach."""
    world.rows("update unreachable_nodes set since = since - $1::interval", minutes * MINUTE)


@pytest.fixture
def two_nodes(world: World) -> World:
    """Ann and bob, each on a node of their own, for a while now; bob's dies."""
    come(world, "a1", "ann")
    come(world, "b1", "bob", DEAD)
    world.age(minutes=30)
    world.connections.dead = {DEAD}
    return world


# ---- restores


def test_a_restored_database_is_noticed_once(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(world)
    (before,) = world.rows("select epoch from stream_epoch")
    world.rows("update stream_epoch set server = 'another'")
    assert [run(world)["restores_noticed"] for _ in range(2)] == [1, 0]
    assert world.rows("select epoch from stream_epoch") != [before]
    (record,) = caplog.records
    assert "restored or copied" in record.getMessage()
    monkeypatch.setenv("DATABASE_CLUSTER", "cluster-A")
    assert [run(world)["restores_noticed"] for _ in range(2)] == [1, 0]
    monkeypatch.setenv("DATABASE_CLUSTER", "")
    assert [run(world)["restores_noticed"] for _ in range(2)] == [1, 0]


# ---- facts, logs, months


def test_due_presence_events_are_recorded_in_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FINALIZE_BATCH_SIZE", 2)
    for n in range(5):
        come(world, f"tab-{n}", f"user-{n}")
    assert run(world)["presence_events_recorded"] == 5
    assert run(world)["presence_events_recorded"] == 0


def test_a_user_who_left_is_offline_after_the_grace_and_their_session_is_archived(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(world, "a1", "ann")
    monkeypatch.setenv("GRACE_SECONDS", "0")
    world.age(minutes=2)
    world.connections.gone = {"a1"}
    run(world)
    run(world)
    assert [row["type"] for row in world.rows(EVENT_TYPES)] == ["online"], "it may be on its way"
    # The time that a lost line is waited for.
    world.rows("update presence_outbox set due_at = due_at - interval '4 seconds'")
    run(world)
    assert world.rows("select 1 from watching_times") == []
    assert [row["type"] for row in world.rows(EVENT_TYPES)] == ["online", "offline"]


def test_logs_are_pruned_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PRUNE_BATCH_SIZE", 2)
    world.rows(
        "insert into presence_events select n, 'online', n, 'ann', 'site', now(),"
        " now() - $1::interval from generate_series(1, 5) n",
        timedelta(days=7, seconds=1),
    )
    assert run(world)["pruned_presence_events"] == 5
    assert run(world)["pruned_presence_events"] == 0


@pytest.mark.parametrize(
    ("ledger", "grants", "kept"), [("7", "30", 1), ("40", "30", 1), ("7", "0", 1), ("7", "20", 0)]
)
def test_a_bonus_is_kept_for_as_long_as_a_list_shows_it(
    world: World, monkeypatch: pytest.MonkeyPatch, ledger: str, grants: str, kept: int
) -> None:
    monkeypatch.setenv("KEEP_LEDGER_DAYS", ledger)
    monkeypatch.setenv("KEEP_GRANT_DAYS", grants)
    world.rows(
        "insert into bonuses"
        " (reward, audience, opens_at, expires_at, created_at, ledger_closed_at)"
        " values ('{}', 'everyone', 'epoch', now() - interval '25 days', 'epoch', now())"
    )
    assert run(world)["pruned_bonuses"] == 1 - kept
    assert len(world.rows("select 1 from bonuses")) == kept


def test_a_run_says_how_far_behind_pruning_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PRUNE_BATCH_SIZE", 1)
    world.rows(
        "insert into acks select gen_random_uuid(), 'ann', now() - n * interval '25 hours'"
        "  from generate_series(1, 3) n"
    )
    with monkeypatch.context() as patch:
        patch.setattr(SweepRun, "_has_time", lambda self, _step: not self.numbers["pruned_acks"])
        assert 25 * 3_600 < run(world)["prune_behind_seconds"] < 27 * 3_600
    assert run(world)["prune_behind_seconds"] == 0


def test_days_of_the_ledger_are_made_once_and_dropped_when_the_setting_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(world)
    assert run(world)["days_made"] == 0
    world.rows("select * from keep_days(0, now() - interval '30 days')")
    monkeypatch.setenv("KEEP_LEDGER_DAYS", "0")
    assert run(world)["days_dropped"] == 0, "0 keeps them for ever"
    monkeypatch.setenv("KEEP_LEDGER_DAYS", "20")
    assert run(world)["days_dropped"] == 3


def test_a_run_rolls_up_what_the_cycle_before_has_made_final(world: World) -> None:
    world.rows(
        "insert into past_sessions values (1, 'ann', 'site', now() - interval '4 hours',"
        " now() - interval '190 minutes', 'client', '0')"
    )
    runs = [run(world) for _ in range(6)]
    # The first one rolls up before its sweep.
    assert [one["quarters_rolled_up"] for one in runs[:2]] == [0, service.MAX_ROLL_UPS]
    (rolled_up,) = world.rows("select sum(watched) from rollups where resource = ''")
    assert rolled_up["sum"] == 2 * timedelta(minutes=50)
    assert 2 * 3_600 < runs[-1]["rollups_behind_seconds"] < 3 * 3_600


def test_a_clock_that_jumped_removes_nothing_for_hours(world: World) -> None:
    run(world)
    world.rows("insert into acks values (gen_random_uuid(), 'ann', now() - interval '2 days')")
    world.rows("select * from keep_days(0, now() - interval '30 days')")
    world.rows("select * from keep_months(0, now() - interval '1 year')")
    world.rows("update clock_watch set seen_at = now() - interval '2 hours'")
    numbers = run(world)
    removed = ("pruned_acks", "days_dropped", "months_dropped")
    assert [numbers[name] for name in removed] == [0, 0, 0]
    world.rows("update clock_watch set steady_since = steady_since - interval '6 hours'")
    numbers = run(world)
    assert [numbers[name] for name in removed] == [1, 3, 3]


def without_months(world: World) -> None:
    for row in world.rows(
        "select relname from pg_class where relname ~ '^past_sessions_2.*[0-9]$'"
    ):
        world.rows(f"drop table {row['relname']}")


def test_months_are_made_once(world: World) -> None:
    without_months(world)
    assert run(world)["months_made"] == 3
    assert run(world)["months_made"] == 0


def test_old_months_are_dropped_when_the_setting_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rows("select * from keep_months(0, now() - interval '1 year')")
    monkeypatch.setenv("KEEP_SESSION_MONTHS", "0")
    assert run(world)["months_dropped"] == 0, "0 keeps them for ever"
    monkeypatch.setenv("KEEP_SESSION_MONTHS", "6")
    assert run(world)["months_dropped"] == 3
    assert run(world)["months_dropped"] == 0


def test_each_kind_is_kept_for_as_long_as_its_setting_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    acted = "select act($1, 'a', 'like', '{}', p_now => now() - $2 * interval '1 day')"
    came = (
        "insert into presence_events"
        " values ($1, 'online', 1, 'ann', 'site', now(), now() - $2 * interval '1 day')"
    )
    for n, days in enumerate((800, 400, 0)):
        world.rows(acted, f"user-{n}", days)
        world.rows(came, n + 1, days + 400)
    steps: tuple[tuple[dict[str, str], dict[str, int]], ...] = (
        ({"KEEP_EVENT_DAYS": "0", "KEEP_PRESENCE_EVENT_DAYS": "0"}, {}),
        ({"KEEP_STREAM_MONTHS": "1"}, {}),  # their events are there
        ({"KEEP_EVENT_DAYS": "600"}, {"events": 1, "streams": 1}),
        ({"KEEP_EVENT_DAYS": "", "KEEP_STREAM_MONTHS": ""}, {"events": 1}),
        ({"KEEP_PRESENCE_EVENT_DAYS": "1000"}, {"presence_events": 1}),
        ({"KEEP_PRESENCE_EVENT_DAYS": ""}, {"presence_events": 2}),
        ({"KEEP_STREAM_MONTHS": "24"}, {}),
        ({"KEEP_STREAM_MONTHS": "12"}, {"streams": 1}),
        ({"KEEP_STREAM_MONTHS": "1"}, {}),
    )
    for settings, removed in steps:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        numbers = run(world)
        kinds = ("events", "presence_events", "streams")
        pruned = {kind: numbers[f"pruned_{kind}"] for kind in kinds if numbers[f"pruned_{kind}"]}
        assert pruned == removed, settings
    assert len(world.rows("select from user_streams")) == 1


def test_a_report_that_locks_the_months_delays_no_other_step(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    without_months(world)
    come(world, "a1", "ann")
    world.age(minutes=2)
    world.connections.gone = {"a1"}
    report = world.run(asyncpg.connect(world.dsn))
    world.run(report.execute("begin; lock past_sessions_default in access share mode"))
    numbers = run(world)
    world.run(report.close())
    assert (numbers["months_made"], numbers["closed"]) == (0, 1)
    assert "wait for the next run" in caplog.text
    assert run(world)["months_made"] == 3


# ---- nodes


def test_a_node_that_is_unreachable_for_the_grace_is_evicted_whole(two_nodes: World) -> None:
    numbers = run(two_nodes)
    assert (numbers["unreachable_nodes"], numbers["unanswered"], numbers["closed"]) == (1, 1, 0)
    later(two_nodes, 1)
    numbers = run(two_nodes)
    assert (numbers["node_evicted"], numbers["closed"]) == (1, 1)
    assert ends(two_nodes) == {"ann": None, "bob": "node_evicted"}
    assert two_nodes.rows("select 1 from unreachable_nodes") == [], (
        "the next runs do not ask for it"
    )
    assert run(two_nodes)["unreachable_nodes"] == 0


def test_a_dead_node_is_evicted_page_by_page_even_over_several_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "EVICT_BATCH_SIZE", 2)
    come(world, "a1", "ann")
    for n in range(7):
        come(world, f"b{n}", f"bob-{n}", DEAD)
    world.age(minutes=10)
    world.connections.dead = {DEAD}
    run(world)
    later(world, 1)
    with monkeypatch.context() as patch:
        patch.setattr(SweepRun, "_has_time", lambda self, step: self.numbers["node_evicted"] < 4)
        assert run(world)["node_evicted"] == 4
    assert world.rows("select 1 from unreachable_nodes"), "it is not done yet"
    assert run(world)["node_evicted"] == 3
    assert [ended for ended in ends(world).values() if ended is None] == [None]


def test_a_node_that_comes_back_within_the_grace_keeps_its_connections(two_nodes: World) -> None:
    run(two_nodes)
    assert suspects(two_nodes) == ["bob"]
    later(two_nodes, 1)
    two_nodes.connections.dead = set()
    numbers = run(two_nodes)
    assert (numbers["unreachable_nodes"], numbers["node_evicted"], numbers["closed"]) == (0, 0, 0)
    assert (ends(two_nodes), suspects(two_nodes)) == ({"ann": None, "bob": None}, [])
    two_nodes.connections.dead = {DEAD}
    assert run(two_nodes)["node_evicted"] == 0, "the grace begins again"


def test_watched_time_on_a_dead_node_counts_up_to_the_last_evidence(two_nodes: World) -> None:
    """Two cycles found bob; then his node was gone, while the others' cycles went on."""
    two_nodes.connections.dead = set()
    run(two_nodes)
    run(two_nodes)
    two_nodes.connections.dead = {DEAD}
    run(two_nodes)
    run(two_nodes)
    run(two_nodes)
    later(two_nodes, 1)
    run(two_nodes)
    (row,) = two_nodes.rows("select * from sessions where user_id = 'bob'")
    (cursor,) = two_nodes.rows("select probed_since from sweep_cursor")
    assert row["ended_at"] < cursor["probed_since"]
    assert row["ended_at"] - row["joined_at"] >= timedelta(minutes=10)


def test_when_no_node_answers_the_run_waits_longer_before_it_evicts(two_nodes: World) -> None:
    two_nodes.connections.dead = {DEAD, ALIVE}
    assert run(two_nodes)["unreachable_nodes"] == 2
    later(two_nodes, 5)
    assert run(two_nodes)["node_evicted"] == 0
    later(two_nodes, 6)
    assert run(two_nodes)["node_evicted"] == 2


def test_a_new_connection_through_a_node_prevents_its_eviction(two_nodes: World) -> None:
    run(two_nodes)
    come(two_nodes, "c1", "cat", DEAD)
    later(two_nodes, 1)
    two_nodes.rows("update unreachable_nodes set since = now() - interval '1 minute'")
    assert run(two_nodes)["node_evicted"] == 0
    assert ends(two_nodes) == {"ann": None, "bob": None, "cat": None}


def test_a_dead_node_is_asked_a_few_times_only(world: World) -> None:
    come(world, "a1", "ann")
    for n in range(100):
        come(world, f"b{n}", f"bob-{n}", DEAD)
    world.age(minutes=10)
    world.connections.dead = {DEAD}
    assert run(world)["unanswered"] == 100
    asked = [node for node, _ in world.connections.asked if node == DEAD]
    assert MAX_UNCLEAR_ANSWERS <= len(asked) <= MAX_UNCLEAR_ANSWERS + MAX_CONCURRENT_CALLS
    world.connections.asked = []
    run(world)
    asked = [tab for node, tab in world.connections.asked if node == DEAD]
    assert asked == [UNUSED_CONNECTION_ID] * MAX_UNCLEAR_ANSWERS, (
        "its connections are not asked for"
    )


def test_a_node_that_only_throttles_keeps_its_connections(world: World) -> None:
    for n in range(100):
        come(world, f"a{n}", f"ann-{n}")
    world.age(minutes=10)
    world.connections.throttled = {f"a{n}" for n in range(100)}
    numbers = run(world)
    assert (numbers["unanswered"], numbers["unreachable_nodes"]) == (100, 0)
    assert len(world.connections.asked) <= MAX_UNCLEAR_ANSWERS + MAX_CONCURRENT_CALLS
    assert len(suspects(world)) == 100
    world.connections.throttled = set()
    assert run(world)["unanswered"] == 0
    assert (suspects(world), set(ends(world).values())) == ([], {None})


def test_a_run_without_any_answer_stops_after_a_few_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE_SIZE", 1)
    for n in range(15):
        come(world, f"a{n}", f"ann-{n}")
    world.age(minutes=10)
    world.connections.dead = {ALIVE}
    assert run(world)["unanswered"] == service.MAX_UNCLEAR_PAGES
    world.connections.dead, world.connections.asked = set(), []
    run(world)
    asked = {tab for _, tab in world.connections.asked} - {UNUSED_CONNECTION_ID}
    assert len(asked) == 5, "the next run goes on from there"


def test_a_connection_without_an_answer_does_not_weaken_the_evidence_for_others(
    world: World,
) -> None:
    come(world, "a1", "ann")
    come(world, "b1", "bob")
    world.age(minutes=30)
    world.connections.throttled = {"b1"}
    run(world)
    run(world)
    world.connections.throttled, world.connections.gone = set(), {"a1", "b1"}
    run(world)
    rows = world.rows("select ended_at - joined_at as lasted from sessions order by user_id")
    ann, bob = (round(row["lasted"] / MINUTE) for row in rows)
    assert (ann, bob) == (30, 0)


def test_an_answer_after_a_suspicion_is_evidence_again(world: World) -> None:
    come(world, "a1", "ann")
    world.age(minutes=30)
    world.connections.throttled = {"a1"}
    run(world)
    world.connections.throttled = set()
    run(world)
    run(world)
    world.connections.gone = {"a1"}
    run(world)
    (row,) = world.rows("select ended_at - joined_at as lasted from sessions")
    assert round(row["lasted"] / MINUTE) == 30


# ---- time


class Waning(Context):
    """So much of the time is gone with each look at it."""

    def __init__(self, per_look_ms: int) -> None:
        super().__init__()
        self.per_look_ms = per_look_ms

    def get_remaining_time_in_millis(self) -> int:
        self.remaining_ms -= self.per_look_ms
        return self.remaining_ms


def test_pages_that_do_not_fit_in_the_time_are_left_to_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE_SIZE", 1)
    for n in range(20):
        come(world, f"a{n}", f"ann-{n:02}")
    world.age(minutes=10)
    first = run(world, Waning(1_000))
    assert 0 < first["asked"] < 20
    second = run(world)
    assert first["asked"] + second["asked"] == 20
    asked = [tab for _, tab in world.connections.asked]
    assert len(set(asked)) == 20, "each connection once"


def test_a_run_that_is_behind_with_presence_events_still_sweeps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pruning is behind, too: neither step is ever done, and both stop in time."""
    come(world, "a1", "ann")
    world.age(minutes=10)
    world.connections.gone = {"a1"}
    fetch = world.container.database.fetch

    async def never_done(statement: Statement[Any]) -> list[Any]:
        if isinstance(statement, Finalize):
            return [FinalizeRow(1, is_behind=True)]
        if isinstance(statement, Prune):
            return [
                PruneRow(service.PRUNE_BATCH_SIZE, *[0] * (len(PruneRow.__struct_fields__) - 1))
            ]
        return await fetch(statement)

    monkeypatch.setattr(world.container.database, "fetch", never_done)
    assert run(world, Waning(500))["closed"] == 1


def test_a_run_does_not_wait_for_a_gateway_that_never_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(world, "a1", "ann")
    world.age(minutes=10)
    world.connections.stuck = {"a1"}
    monkeypatch.setitem(service.UNTIL, "look_up", 0.001)
    numbers = run(world)
    assert (numbers["asked"], numbers["unanswered"]) == (1, 1)
    assert (ends(world), suspects(world)) == ({"ann": None}, ["ann"])


# ---- failures, overlaps


@dataclass
class Failing(Database):
    """A database that dies, once, right after it has done one query."""

    inner: Database
    name: str
    error: Exception

    async def fetch(self, query: Any, note: Any = None) -> list[Any]:
        rows: list[Any] = await self.inner.fetch(query, note)
        if name_of(query) == self.name:
            self.name = ""
            raise self.error
        return rows

    def flush(self) -> None:
        self.inner.flush()


class Killed(Exception):
    """As if Lambda had ended the function."""


def everything(world: World) -> None:
    """A connection of each kind."""
    for user, node in (("ann", ALIVE), ("bob", ALIVE), ("cat", DEAD), ("dan", ALIVE)):
        come(world, f"{user}-tab", user, node)
    world.age(minutes=180)
    come(world, "eve-tab", "eve", DEAD)
    for user in ("fay", "gil", "hal"):
        come(world, f"{user}-tab", user)
    world.age(minutes=10)
    world.connections.gone = {"fay-tab"}
    world.connections.throttled = {"gil-tab"}
    world.connections.dead = {DEAD}
    world.rows("insert into unreachable_nodes values ($1, now() - interval '1 minute')", DEAD)


EVERYTHING = {
    **dict.fromkeys(("ann", "bob", "cat", "dan"), "expired"),
    **{"eve": "node_evicted", "fay": "swept", "gil": None, "hal": None},
}
QUERIES = (
    *(
        "finalize",
        "prune",
        "is_clock_steady",
        "prune_lag",
        "keep_months",
        "keep_days",
        "unreachable_nodes",
        "sweep",
        "forget",
        "suspect",
        "finish_sweep_page",
    ),
    *("record_nodes", "list_node_connections"),
)


def test_one_run_does_everything(world: World) -> None:
    everything(world)
    numbers = run(world)
    assert ends(world) == EVERYTHING
    assert suspects(world) == ["gil"]
    counted = {name: count for name, count in numbers.items() if count}
    del counted["cycle_age_seconds"]
    counted.pop("months_made", None)
    counted.pop("days_made", None)
    assert counted == {
        **{"connections": 8, "reconnect_within_ms": 2_000},
        **{"presence_events_recorded": 8, "asked": 13, "unanswered": 2, "expired": 4, "gone": 1},
        **{"node_evicted": 1, "closed": 6, "unreachable_nodes": 1},
    }


@pytest.mark.parametrize("name", QUERIES)
def test_a_run_that_is_killed_at_any_step_is_completed_by_the_next(world: World, name: str) -> None:
    everything(world)
    database = world.container.database
    vars(world.container)["database"] = Failing(database, name, Killed())
    with pytest.raises(Killed):
        run(world)
    vars(world.container)["database"] = database
    run(world)
    assert (ends(world), suspects(world)) == (EVERYTHING, ["gil"])


@pytest.mark.parametrize(
    "name", ["notice_restore", "finalize", "prune", "unreachable_nodes", "sweep", "record_nodes"]
)
def test_a_step_that_fails_stops_no_other_and_is_reported(world: World, name: str) -> None:
    everything(world)
    database = world.container.database
    vars(world.container)["database"] = Failing(database, name, Unavailable("away"))
    with pytest.raises(Unavailable):
        run(world)
    vars(world.container)["database"] = database
    did = ends(world)
    if name != "sweep":
        assert did["fay"] == "swept"
    if name not in ("unreachable_nodes", "sweep", "record_nodes"):
        assert did["eve"] == "node_evicted"


def test_two_runs_at_once_do_everything_once(world: World) -> None:
    everything(world)
    other = Container()
    vars(other).update(
        vars(world.container) | {"database": Database(world.dsn, world.container.deadline)}
    )
    settings = Settings(timedelta(seconds=30), 1_000, None, Keep(0, 0, 0, 0, 0, 0), Limits())
    runs = [
        SweepRun(each.database, each.gateway, settings, lambda: 30_000)
        for each in (world.container, other)
    ]

    async def both() -> None:
        await asyncio.gather(*(each.run() for each in runs))
        await other.database.close()

    world.run(both())
    numbers = {name: sum(each.numbers[name] for each in runs) for name in runs[0].numbers}
    assert (ends(world), suspects(world)) == (EVERYTHING, ["gil"])
    assert numbers["closed"] == 6
    # What the one closes is finalized by the other, if that comes to it later.
    numbers["presence_events_recorded"] += run(world)["presence_events_recorded"]
    assert numbers["presence_events_recorded"] == 12
    assert ends(world) == EVERYTHING
    twice = world.rows(
        "select session_id from presence_events group by 1, type having count(*) > 1"
    )
    assert twice == []


def test_without_a_database_a_run_fails_and_logs_it(world: World) -> None:
    world.lose_database()
    with pytest.raises(Unavailable):
        run(world)


# ---- numbers


def test_the_numbers_are_one_line_for_cloudwatch(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "stack-SweepFunction-1")
    everything(world)
    numbers = run(world)
    (line,) = capsys.readouterr().out.splitlines()
    metrics: dict[str, Any] = json.loads(line)
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Headcount"
    assert directive["Dimensions"] == [["FunctionName"]]
    assert metrics["FunctionName"] == "stack-SweepFunction-1"
    assert isinstance(metrics["_aws"]["Timestamp"], int)
    names = {metric["Name"] for metric in directive["Metrics"]}
    listed = {
        one.name
        for one in METRICS
        if SWEEP in one.functions and one.functions not in {ALL, WITH_DATABASE}
    }
    assert names == numbers.keys() == listed
    assert {name: metrics[name] for name in names} == numbers


def test_a_run_that_swept_nothing_reports_no_age_of_the_cycle(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """A zero would say that all is well."""
    vars(world.container)["database"] = Failing(
        world.container.database, "sweep", Unavailable("away")
    )
    with pytest.raises(Unavailable):
        run(world)
    metrics = json.loads(capsys.readouterr().out)
    assert "cycle_age_seconds" not in metrics
    assert "cycle_age_seconds" not in str(metrics["_aws"])


def test_many_unanswered_connections_are_one_line_of_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for n in range(20):
        come(world, f"a{n}", f"ann-{n}")
    world.age(minutes=10)
    world.connections.dead = {ALIVE}
    run(world)
    (record,) = caplog.records
    assert "20 unanswered, the last: gateway.example/live: no answer" in record.getMessage()


class WaitingConnections(FakeConnections):
    """Says that it has been asked, and answers later."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def is_open(self, node: str, connection_id: str) -> bool:
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().is_open(node, connection_id)


@pytest.mark.parametrize("cycles", [0, 1])
def test_a_run_that_is_overtaken_costs_no_evidence(
    world: World, monkeypatch: pytest.MonkeyPatch, cycles: int
) -> None:
    """One run waits for answers about its page; others do the rest, and go on in the next cycle."""
    monkeypatch.setattr(service, "PAGE_SIZE", 1)
    for user in ("ann", "bob"):
        come(world, f"{user}-tab", user)
    world.age(minutes=30)
    slow = WaitingConnections()
    other = Container()
    vars(other).update(
        vars(world.container) | {"database": Database(world.dsn, world.container.deadline)}
    )
    settings = Settings(timedelta(seconds=30), 1_000, None, Keep(0, 0, 0, 0, 0, 0), Limits())

    def until_answered() -> int:
        return 0 if slow.may_answer.is_set() else 30_000

    overtaken = SweepRun(world.container.database, slow, settings, until_answered)
    overtaking = SweepRun(other.database, other.gateway, settings, lambda: 30_000)

    async def both() -> datetime:
        async with asyncio.TaskGroup() as group:
            group.create_task(overtaken.sweep_pages())
            await slow.is_asked.wait()
            (cursor,) = world.rows("select cycle_started_at from sweep_cursor")
            await overtaking.sweep_pages()
            for _ in range(cycles):
                await other.database.fetch_one(Sweep(1))
            slow.may_answer.set()
        await other.database.close()
        began: datetime = cursor["cycle_started_at"]
        return began

    began = world.run(both())
    assert world.rows("select probed_since from sweep_cursor") == [{"probed_since": began}]
