"""A queue, a gateway or a database that hangs: it accepts what is sent, and answers nothing.

Waits are cut short, not measured: each test has the answer that a longer wait would have, too.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from handlers import award, broadcast, disconnect, http, message, sweep
from handlers.adapters import database as databases
from handlers.adapters import database_breaker
from handlers.adapters import queue as queues
from handlers.adapters.database import Database, Unavailable
from handlers.adapters.gateway import connection_pool
from handlers.adapters.gateway.api import GatewayApi
from handlers.adapters.gateway.circuit_breaker import MAX_SILENT_POSTS, CircuitBreaker
from handlers.adapters.gateway.errors import Unreachable
from handlers.adapters.queue import NotQueued, Queue
from handlers.adapters.statements import name
from handlers.core.operation import Push
from handlers.core.operations.broadcast import Broadcast
from handlers.services import broadcast as workers
from handlers.services import kick as kicks
from handlers.services import message as messages
from sql.roles import FUNCTIONS
from tests.support.campaigns import QUARTERS_OF_AN_HOUR
from tests.support.silence import SilentPort, server_of, silent_port, stopped
from tests.support.waiting import until, wait_until
from tests.support.web import call
from tests.support.world import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handlers.container import Container
    from handlers.core.operation import Note, Statement
    from tests.support.world import World

SHORT_SECONDS = 0.2
FOR_ALL = {"reward": {"n": 1}, "audience": {"kind": "everyone"}, "window_seconds": 60}
NEWS = {
    "type": "hint",
    "body": {},
    "audience": {"kind": "everyone"},
    "expires_in_seconds": 60,
}
MILESTONE = {"watched_seconds": 900, "reward": {"n": 1}, "claim_within_seconds": 60}
CAMPAIGN = {"milestones": [MILESTONE]}
FOR_ANN = FOR_ALL | {"audience": {"kind": "users", "user_ids": ["ann"]}}


@pytest.fixture
def container_type() -> type[Container]:
    return http.HttpContainer


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in ("CALL_SECONDS", "CONNECT_SECONDS", "READ_SECONDS"):
        monkeypatch.setattr(queues, setting, SHORT_SECONDS)
    monkeypatch.setattr(queues, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(messages, "PUSH_TIMEOUT_SECONDS", SHORT_SECONDS)
    monkeypatch.setattr(workers, "HERE_PAGE_TIMEOUT_SECONDS", SHORT_SECONDS)
    monkeypatch.setattr(kicks, "CLOSE_TIMEOUT_SECONDS", SHORT_SECONDS)


@pytest.fixture(autouse=True)
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def silent_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentPort]:
    """The function's queue, as boto3 asks it, hangs."""
    with silent_port() as port:
        for queue in ("BROADCAST_QUEUE_URL", "NEWS_QUEUE_URL"):
            monkeypatch.setenv(queue, f"{port.url}/1/queue")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", port.url)
        vars(world.container)["queue"] = Queue(world.container.deadline)
        yield port


@pytest.fixture
def silent_gateway(world: World) -> Iterator[SilentPort]:
    with silent_port() as port:
        gateway = GatewayApi(world.container.deadline, port.url)
        vars(world.container)["gateway"] = gateway
        yield port
        world.run(gateway.aclose())


def say(world: World, tab: str, user: str = "ann", **sent: object) -> dict[str, Any]:
    event = world.event("message", tab, user) | {"body": json.dumps(sent)}
    reply: dict[str, Any] = json.loads(message.handle(event, Context(), world.container)["body"])
    return reply


def claim(world: World, bonus_id: str, tab: str = "tab-1", user: str = "ann") -> str:
    return str(say(world, tab, user, action="claim", id="c1", bonus_id=bonus_id)["outcome"])


def entries(world: World) -> list[str]:
    return [row["entry"] for row in world.rows("select entry::text from ledger order by id")]


def woken(one: Broadcast) -> dict[str, Any]:
    """What the queue gives a worker."""
    return {"Records": [{"messageId": "m0", "body": one.to_json()}]}


def minute_passes(world: World) -> dict[str, float]:
    """The queue answers again, and the schedule of awards comes round."""
    vars(world.container)["queue"] = world.queue
    world.rows("update broadcasts set at = at - interval '11 s'")
    return award.handle({}, Context(), world.container)


# ---- the queue


def test_a_few_users_have_their_bonus_before_the_queue_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.come("tab-1")

    async def once_it_is_seen(*_: object) -> None:
        await until(lambda: bool(world.connections.inbox))

    monkeypatch.setattr(world.queue, "_send", once_it_is_seen)
    status, _ = call(world, "POST", "/bonuses", FOR_ANN)
    assert (status, [tab for tab, _ in world.connections.inbox]) == (201, ["tab-1"])


def test_a_bonus_that_a_few_users_have_stands_though_the_queue_hangs(
    world: World, silent_queue: SilentPort
) -> None:
    world.come("tab-1")
    status, bonus = call(world, "POST", "/bonuses", FOR_ANN)
    assert (status, len(world.connections.inbox)) == (201, 1)
    assert claim(world, bonus["bonus_id"]) == "claimed"
    assert entries(world) == ["created", "offered", "claimed"]
    wait_until(lambda: silent_queue.is_left)
    assert minute_passes(world)["queued"] == 1
    assert world.queue.sent == [Broadcast(bonus["bonus_id"])]


def test_with_a_queue_that_hangs_a_bonus_without_its_own_id_is_cancelled(
    world: World, silent_queue: SilentPort
) -> None:
    world.come("tab-1")
    status, refusal = call(world, "POST", "/bonuses", FOR_ALL)
    assert (status, refusal["code"]) == (503, "unavailable")
    assert "was cancelled; send a new request" in refusal["detail"]
    (bonus,) = call(world, "GET", "/bonuses")[1]["items"]
    assert claim(world, bonus["bonus_id"]) == "cancelled"
    assert world.rows("select 1 from claims") == []
    wait_until(lambda: silent_queue.is_left)
    # The next minute tells users who have seen it that it is over, and no one else of it.
    minute_passes(world)
    for sent in world.queue.sent:
        broadcast.handle(woken(sent), Context(), world.container)
    assert [one["bonus"]["outcome"] for _, one in world.connections.inbox] == ["cancelled"]
    assert claim(world, bonus["bonus_id"]) == "cancelled"


def test_a_cancelled_order_says_what_was_claimed_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.come("tab-1")

    async def while_one_claims(*_: object) -> None:
        db = await asyncpg.connect(world.dsn)
        await db.fetch("select claim('ann', 'c1', bonus_id) from bonuses")
        await db.close()
        raise NotQueued("no answer in time")

    monkeypatch.setattr(world.queue, "_send", while_one_claims)
    _, refusal = call(world, "POST", "/bonuses", FOR_ALL)
    assert "after 1 claims were granted" in refusal["detail"]


def test_with_a_queue_that_hangs_a_request_with_an_id_can_be_sent_again(
    world: World, silent_queue: SilentPort
) -> None:
    world.come("tab-1")
    order: dict[str, Any] = FOR_ALL | {"bonus_id": str(uuid4())}
    for _ in range(2):
        status, refusal = call(world, "POST", "/bonuses", order)
        assert (status, refusal["code"]) == (503, "unavailable")
        assert "send the same request again" in refusal["detail"]
    vars(world.container)["queue"] = world.queue
    status, bonus = call(world, "POST", "/bonuses", order)
    assert (status, bonus["state"]) == (200, "open")
    assert [one.broadcast_id for one in world.queue.sent] == [order["bonus_id"]]
    assert claim(world, order["bonus_id"]) == "claimed"
    assert entries(world) == ["created", "claimed"]
    wait_until(lambda: silent_queue.is_left)


@pytest.mark.usefixtures("silent_queue")
def test_with_a_queue_that_hangs_news_and_cancellations_are_left_to_the_schedule(
    world: World,
) -> None:
    order = FOR_ANN | {"bonus_id": str(uuid4())}
    call(world, "POST", "/bonuses", order)
    status, bonus = call(world, "DELETE", f"/bonuses/{order['bonus_id']}")
    assert (status, bonus["state"]) == (200, "cancelled")
    assert call(world, "POST", "/news", NEWS)[0] == 201
    minute_passes(world)
    kinds = world.rows("select kind::text from broadcasts where queued_at is not null order by 1")
    assert {"cancel", "news"} <= {row["kind"] for row in kinds}


def test_with_a_queue_that_hangs_the_schedule_does_its_other_steps(
    world: World, silent_queue: SilentPort
) -> None:
    world.come("tab-1")
    world.rows(QUARTERS_OF_AN_HOUR)
    world.age(minutes=20)
    with pytest.raises(NotQueued):
        award.handle({}, Context(), world.container)
    assert entries(world) == ["created", "offered"]
    wait_until(lambda: silent_queue.is_left)
    assert minute_passes(world) == {"made": 0, "closed": 0, "queued": 2}


# ---- the gateway


def test_a_reply_comes_though_the_gateway_hangs(world: World, silent_gateway: SilentPort) -> None:
    world.come("tab-1")
    world.come("tab-2")
    reply = say(world, "tab-1", action="act", id="a1", type="like", body={})
    assert (reply["type"], reply["event"]["seq"], silent_gateway.asked) == ("acted", 1, 1)
    (session,) = world.rows("select ended_at, nodes::text from watching_times")
    assert session["ended_at"] is None
    assert "tab-2" in session["nodes"], "it is not known to be gone"


def test_a_user_is_kept_out_though_the_gateway_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telling them why and closing their connection each have their time, no more."""
    monkeypatch.setenv("MESSAGES_PER_SECOND_AND_USER", "0.1")
    monkeypatch.setenv("MESSAGE_BURST", "1")
    world.come("tab-1")
    world.connections.stuck = {"tab-1"}
    replies = [say(world, "tab-1", action="hello", id=f"h{n}") for n in range(5)]
    assert [one["type"] for one in replies] == ["welcome", *["error"] * 4]
    assert [one["code"] for one in replies[1:]] == ["slow_down", *["kept_out"] * 3]


def test_a_bonus_for_a_few_users_is_undelivered_and_theirs(
    world: World, silent_gateway: SilentPort
) -> None:
    world.come("tab-1")
    status, bonus = call(world, "POST", "/bonuses", FOR_ANN)
    progress = call(world, "GET", f"/bonuses/{bonus['bonus_id']}")[1]["broadcast"]
    assert (status, progress["sent"], progress["undelivered"]) == (201, 0, 1)
    assert claim(world, bonus["bonus_id"]) == "claimed"
    assert silent_gateway.asked


def test_a_kick_that_reaches_no_one_changes_nothing(
    world: World, silent_gateway: SilentPort
) -> None:
    world.come("tab-1")
    counted = {"closed": 0, "gone": 0, "unreachable": 1}
    assert call(world, "POST", "/kick", {"user_id": "ann"}) == (200, counted)
    assert world.rows("select 1 from watching_times where ended_at is null")
    assert silent_gateway.asked


def test_a_sweep_keeps_sessions_on_a_gateway_that_hangs(
    world: World, silent_gateway: SilentPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_pool, "SILENT_SECONDS", SHORT_SECONDS)
    world.come("tab-1")
    world.age(minutes=10)
    numbers = sweep.handle({}, Context(), world.container)
    assert (numbers["unanswered"], numbers["closed"]) == (1, 0)
    assert world.rows("select 1 from watching_times where ended_at is null")
    assert silent_gateway.asked


async def test_a_node_that_answers_no_caller_in_their_time_is_left_alone() -> None:
    """Callers wait less long than the gateway's own time-outs take."""

    class Silent:
        async def post(self, _push: Push) -> None:
            await asyncio.Event().wait()

    posts, push = CircuitBreaker(Silent(), lambda: 0.0), Push("ann", "n1", "a1", b"{}")
    calls = [asyncio.ensure_future(posts.post(push)) for _ in range(MAX_SILENT_POSTS)]
    await asyncio.wait(calls, timeout=0)
    for one in calls:
        one.cancel()
    await asyncio.wait(calls)
    with pytest.raises(Unreachable, match="stopped answering"):
        await posts.post(push)


async def test_a_node_that_answers_some_callers_is_only_slow() -> None:
    class Slow:
        async def post(self, push: Push) -> None:
            if push.connection_id != "quick":
                await asyncio.Event().wait()

    posts = CircuitBreaker(Slow(), lambda: 0.0)
    slow = [
        asyncio.ensure_future(posts.post(Push("ann", "n1", f"a{n}", b"{}")))
        for n in range(MAX_SILENT_POSTS + 1)
    ]
    await asyncio.wait(slow, timeout=0)
    quick = Push("ann", "n1", "quick", b"{}")
    await posts.post(quick)
    for one in slow:
        one.cancel()
    await asyncio.wait(slow)
    await posts.post(quick)


# ---- the database


@pytest.fixture
def server(world: World) -> int:
    """The process of the database's server."""
    return world.run(server_of(world.dsn))


@contextmanager
def hanging(server: int) -> Iterator[None]:
    """The database hangs; calls wait a moment for it, and each is made."""
    with pytest.MonkeyPatch.context() as patch, stopped(server):
        patch.setattr(databases, "CALL_SECONDS", SHORT_SECONDS)
        patch.setattr(database_breaker, "OPEN_SECONDS", 0.0)
        yield


def running_statements(world: World) -> list[dict[str, Any]]:
    return world.rows(
        "select query from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and state <> 'idle'"
    )


def connections_to(world: World) -> int:
    """Those of functions."""
    (row,) = world.rows("select count(*) from pg_stat_activity where usename = $1", FUNCTIONS)
    return int(row["count"])


def test_events_are_refused_while_the_database_hangs_and_work_again_when_it_goes_on(
    world: World, server: int
) -> None:
    world.come("tab-1")
    act: dict[str, Any] = {"action": "act", "id": "a1", "type": "like", "body": {}}
    with hanging(server):
        reply = say(world, "tab-1", **act)
        assert (reply["type"], reply["code"], reply["re"]) == ("error", "unavailable", "a1")
        assert world.come("tab-2") == 503
        assert call(world, "GET", "/health", token=None)[0] == 503
        gone = world.event("disconnect", "tab-1")
        assert disconnect.handle(gone, Context(), world.container)["statusCode"] == 503
        with pytest.raises(Unavailable):
            sweep.handle({}, Context(), world.container)
    assert say(world, "tab-1", **act)["event"]["seq"] == 1
    assert world.come("tab-2") in {200, 401}, "its ticket may have been used"
    wait_until(lambda: running_statements(world) == [] and connections_to(world) == 1)


def test_a_message_waits_less_for_a_database_that_hangs_than_an_order(
    world: World, server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client is told when to come again."""
    world.come("tab-1")
    act: dict[str, Any] = {"action": "act", "id": "a1", "type": "like", "body": {}}
    monkeypatch.setattr(databases, "CALL_SECONDS", 3600.0)
    monkeypatch.setattr(message.MessageContainer, "call_seconds", SHORT_SECONDS)
    of_messages = message.MessageContainer()
    vars(of_messages)["deadline"] = world.container.deadline
    with monkeypatch.context() as patch:
        patch.setitem(vars(world.container), "database", of_messages.database)
        with stopped(server):
            reply = say(world, "tab-1", **act)
    assert (reply["code"], reply["re"]) == ("unavailable", "a1")
    assert reply["retry_after_ms"] > 0
    assert say(world, "tab-1", **act)["event"]["seq"] == 1


def test_a_report_does_not_wait_for_its_rollback(world: World, server: int) -> None:
    with hanging(server):
        status, refusal = call(world, "GET", "/watch-time?by=user&from=0&to=1000")
    assert (status, refusal["code"]) == (503, "unavailable")
    assert call(world, "GET", "/watch-time?by=user&from=0&to=1000")[0] == 200


@pytest.mark.parametrize("lost", ["create_bonus", "bonus", "broadcast"])
def test_an_order_without_an_id_gets_one_when_the_database_hangs(
    world: World, server: int, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it has come to: sent again with that id, there is one bonus."""
    world.come("tab-1")
    fetch = Database.fetch

    async def hangs(
        self: Database, statement: Statement[Any], note: Note | None = None
    ) -> list[Any]:
        if name(statement) != lost:
            return await fetch(self, statement, note)
        with hanging(server):
            return await fetch(self, statement, note)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "fetch", hangs)
        status, refusal = call(world, "POST", "/bonuses", FOR_ALL)
    assert (status, refusal["code"]) == (503, "unavailable")
    (bonus_id,) = re.findall('send it again with "bonus_id": "(.+)" in it', refusal["detail"])
    assert call(world, "POST", "/bonuses", FOR_ALL | {"bonus_id": bonus_id})[0] in {200, 201}
    assert world.queue.sent == [Broadcast(bonus_id)]
    assert claim(world, bonus_id) == "claimed"
    assert entries(world) == ["created", "claimed"]


@pytest.mark.parametrize(
    ("path", "order", "own_id"),
    [
        ("/news", NEWS, "news_id"),
        ("/campaigns", CAMPAIGN, "campaign_id"),
    ],
)
def test_so_does_any_other_order(
    world: World, server: int, path: str, order: dict[str, Any], own_id: str
) -> None:
    with hanging(server):
        _, refusal = call(world, "POST", path, order)
        (new_id,) = re.findall(f'"{own_id}": "(.+)"', refusal["detail"])
        named = order | {own_id: new_id}
        assert own_id not in call(world, "POST", path, named)[1]["detail"]
    assert call(world, "POST", path, named)[0] in {200, 201}
    assert call(world, "POST", path, named)[0] == 200


def test_a_broadcast_whose_database_hangs_is_tried_again_soon(world: World, server: int) -> None:
    world.come("tab-1")
    _, bonus = call(world, "POST", "/bonuses", FOR_ALL)
    world.queue.calls.clear()
    with hanging(server):
        failed = broadcast.handle(woken(Broadcast(bonus["bonus_id"])), Context(), world.container)
    assert failed == {"batchItemFailures": []}
    assert world.queue.calls == [(Broadcast(bonus["bonus_id"]), workers.RETRY_SECONDS)]
