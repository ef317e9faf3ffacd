"""A database that does not answer is soon asked no more, and again when it answers."""

from __future__ import annotations

import inspect
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg
import pytest

from handlers import connect, disconnect, http, message, sweep
from handlers.adapters import database as databases
from handlers.adapters.database import (
    CALL_SECONDS,
    CLIENT_PROBE_SECONDS,
    CONNECT_SECONDS,
    MESSAGE_CALL_SECONDS,
    WEB_PROBE_SECONDS,
    Database,
    Unavailable,
)
from handlers.adapters.database_breaker import OPEN_SECONDS, DatabaseBreaker
from handlers.adapters.metrics import FrequentCount
from handlers.core.operation import Statement
from handlers.services.health import ReadSchema
from handlers.services.reports import REPORT_TIMEOUT
from sql.roles import FUNCTIONS
from tests.support.databases import of_functions
from tests.support.silence import server_of, silent_port, stopped
from tests.support.world import Context, ample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tests.support.world import World

SHORT_SECONDS = 0.2
ACT = json.dumps({"action": "act", "id": "a1", "type": "like", "body": {}})


class Clock:
    """Stands still, but for what the test adds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock, draw: float = 0.0) -> DatabaseBreaker:
    return DatabaseBreaker(1.0, clock, lambda: draw)


# ---- the breaker


def test_the_call_after_one_without_an_answer_is_a_probe() -> None:
    it = breaker(Clock())
    assert it.allow(4) == 4
    it.record(is_answered=False)
    assert (it.allow(4), it.allow(0.5)) == (1, 0.5)
    it.record(is_answered=True)
    assert it.allow(4) == 4


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, OPEN_SECONDS), (1.0, OPEN_SECONDS / 2)])
def test_after_two_without_an_answer_there_is_none_for_a_while(draw: float, seconds: float) -> None:
    clock = Clock()
    it = breaker(clock, draw)
    for _ in range(2):
        it.record(is_answered=False)
    clock.now += seconds - 0.01
    assert it.allow(4) == 0
    clock.now += 0.01
    assert it.allow(4) == 1
    it.record(is_answered=False)
    assert it.allow(4) == 0


def test_it_knows_for_how_long_the_database_has_not_answered() -> None:
    clock = Clock()
    it = breaker(clock)
    assert it.silent_seconds == 0
    for _ in range(3):
        it.record(is_answered=False)
        clock.now += 4
    assert it.silent_seconds == 12
    it.record(is_answered=True)
    assert it.silent_seconds == 0


def test_what_comes_a_thousand_times_is_printed_once_a_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    count = FrequentCount("refused", clock)
    for now in (0.0, 0.1, 0.9, 1.0, 1.1):
        clock.now = now
        count.add()
    count.print()
    count.print()
    lines = [json.loads(line)["refused"] for line in capsys.readouterr().out.splitlines()]
    assert lines == [1, 3, 1]


def test_the_time_outs_fit_each_other() -> None:
    """A new copy learns of it before a message has waited, and no probe is shorter than what it
    may ask.
    """
    assert CLIENT_PROBE_SECONDS <= 1, "what clients are promised"
    assert CLIENT_PROBE_SECONDS < CONNECT_SECONDS < MESSAGE_CALL_SECONDS < CALL_SECONDS
    assert REPORT_TIMEOUT.total_seconds() < WEB_PROBE_SECONDS


@pytest.mark.parametrize(
    ("function", "call_seconds", "probe_seconds"),
    [
        (connect, CALL_SECONDS, CLIENT_PROBE_SECONDS),
        (disconnect, CALL_SECONDS, CLIENT_PROBE_SECONDS),
        (message, MESSAGE_CALL_SECONDS, CLIENT_PROBE_SECONDS),
        (http, CALL_SECONDS, WEB_PROBE_SECONDS),
        (sweep, CALL_SECONDS, CALL_SECONDS),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_each_function_has_its_own_patience(
    function: ModuleType, call_seconds: float, probe_seconds: float
) -> None:
    container = inspect.getclosurevars(function.handler).nonlocals["container"]
    assert (container.call_seconds, container.probe_seconds) == (call_seconds, probe_seconds)


# ---- with a real database


@pytest.fixture
def clock(world: World) -> Iterator[Clock]:
    """Of the breaker of all functions here."""
    clock = Clock()
    own = DatabaseBreaker(CALL_SECONDS, clock, lambda: 0.0)
    database = Database(of_functions(world.dsn), world.container.deadline, breaker=own)
    world.run(world.container.database.close())
    vars(world.container)["database"] = database
    world.come("tab-1")
    yield clock
    world.run(database.close())


def say(world: World) -> dict[str, Any]:
    event = world.event("message", "tab-1", "ann") | {"body": ACT}
    reply: dict[str, Any] = json.loads(message.handle(event, Context(), world.container)["body"])
    return reply


@contextmanager
def hanging(world: World) -> Iterator[None]:
    """The database hangs; calls wait a moment for it."""
    with pytest.MonkeyPatch.context() as patch, stopped(world.run(server_of(world.dsn))):
        patch.setattr(databases, "CALL_SECONDS", SHORT_SECONDS)
        yield


@contextmanager
def refused(world: World) -> Iterator[None]:
    """The database takes no connection more of the functions, as when it is full, and has closed
    those that there were."""
    world.run(_limit(world.dsn, 0))
    yield
    world.run(_limit(world.dsn, -1))


async def _limit(dsn: str, connections: int) -> None:
    db = await asyncpg.connect(dsn)
    await db.execute(
        "do $$ begin execute format('alter database %I connection limit "
        f"{connections}', current_database()); end $$"
    )
    await db.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and usename = $1",
        FUNCTIONS,
    )
    await db.close()


@contextmanager
def unasked() -> Iterator[None]:
    """Whatever is answered is answered without the database."""

    async def asked(*_: object, **__: object) -> None:
        raise AssertionError("the database was asked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg, "connect", asked)
        yield


def test_while_the_database_hangs_messages_are_answered_without_it(
    world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with hanging(world):
        assert [say(world)["code"] for _ in range(2)] == ["unavailable"] * 2
        with unasked():
            clock.now += OPEN_SECONDS - 0.1
            reply = say(world)
            assert (reply["code"], reply["re"]) == ("unavailable", "a1")
            assert world.come("tab-2") == 503
            gone = world.event("disconnect", "tab-1")
            assert disconnect.handle(gone, Context(), world.container)["statusCode"] == 503
        clock.now += 0.1
        assert say(world)["code"] == "unavailable", "a probe"
        with unasked():
            assert say(world)["code"] == "unavailable"
    clock.now += OPEN_SECONDS
    assert say(world)["event"]["seq"] == 1
    assert world.come("tab-2") in {200, 401}, "its ticket may have been used"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(line["database_unavailable"] for line in lines) == 7


def test_a_database_that_is_full_is_left_alone(world: World, clock: Clock) -> None:
    with refused(world):
        assert [say(world)["code"] for _ in range(2)] == ["unavailable"] * 2
        with unasked():
            assert say(world)["code"] == "unavailable"
    clock.now += OPEN_SECONDS
    assert say(world)["event"]["seq"] == 1


def test_the_longer_it_does_not_answer_the_later_clients_come_again(
    world: World, clock: Clock
) -> None:
    """At 20 s they come no later: each draws from a tenth of that to all of it."""
    with refused(world):
        for _ in range(2):
            say(world)
        clock.now += 300
        say(world)
        with unasked():
            waits_ms = [say(world)["retry_after_ms"] for _ in range(20)]
    assert 2_000 <= min(waits_ms) < max(waits_ms) <= 20_000


class Broken(Statement[None], frozen=True):
    function: ClassVar[str] = "no_such_function"


async def test_a_statement_that_fails_does_not_stop_others(dsn: str) -> None:
    database = Database(dsn, ample(), breaker=breaker(Clock()))
    for _ in range(3):
        with pytest.raises(Unavailable, match="UndefinedFunction"):
            await database.fetch(Broken())
    assert await database.fetch_one(ReadSchema()) is not None
    await database.close()


async def test_a_new_copy_learns_of_it_by_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for as long as a statement may take."""
    monkeypatch.setattr(databases, "CONNECT_SECONDS", SHORT_SECONDS)
    with silent_port() as silent:
        dsn = f"postgresql://user:secret@127.0.0.1:{silent.port}/none"
        database = Database(dsn, ample(), 3600.0, DatabaseBreaker(3600.0, Clock()))
        for _ in range(2):
            with pytest.raises(Unavailable, match="health: no connection: no answer in time"):
                await database.fetch(ReadSchema())
        with pytest.raises(Unavailable, match="health: not asked"):
            await database.fetch(ReadSchema())
        assert silent.asked == 2
