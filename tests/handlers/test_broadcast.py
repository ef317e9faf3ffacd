"""broadcast: workers on a real database; what they send, count, and leave to the queue."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from handlers import broadcast as edge
from handlers.adapters.gateway.circuit_breaker import (
    MAX_SILENT_POSTS,
    OPEN_SECONDS,
    CircuitBreaker,
)
from handlers.adapters.gateway.errors import GatewayRejected, Unreachable
from handlers.adapters.queue import NotQueued, Queue
from handlers.broadcast import RESERVE_SECONDS
from handlers.core.operation import Push
from handlers.core.operations import broadcast as operation
from handlers.core.operations.broadcast import Broadcast
from handlers.services import broadcast as service
from handlers.services.broadcast import PAGE_TIMEOUT_SECONDS, BroadcastWorker, broadcast_here
from tests.support.waiting import until
from tests.support.world import Context, FakeConnections, ample

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.world import World


def drop(world: World, *users: str, window: float = 60, acknowledge: bool = False) -> Broadcast:
    """A bonus for everyone, or for these users."""
    bonus_id = uuid.uuid4()
    world.rows(
        "select create_bonus($1, '{}', $2, null, $3, '0', $4 * interval '1 second', null, null,"
        " p_acknowledge => $5)",
        *(bonus_id, "users" if users else "everyone", list(users), window, acknowledge),
    )
    return Broadcast(str(bonus_id))


def news(world: World) -> Broadcast:
    broadcast_id = uuid.uuid4()
    world.rows(
        "select create_news($1, $2, 'everyone', null, '1 minute', null)",
        *(broadcast_id, '{"type": "hint", "body": {}}'),
    )
    return Broadcast(str(broadcast_id), is_news=True)


def records(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}


def work(world: World, *broadcasts: Broadcast, remaining_ms: int = 30_000) -> list[str]:
    """The messages that failed."""
    event = records(*(broadcast.to_json() for broadcast in broadcasts))
    answer = edge.handle(event, Context(remaining_ms), world.container)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def worker(world: World, *given: Any) -> BroadcastWorker:
    return BroadcastWorker(world.container.broadcast_ports(), *given)


def inbox(world: World) -> list[str]:
    return sorted(tab for tab, _ in world.connections.inbox)


def progress(world: World, broadcast: Broadcast) -> dict[str, Any]:
    query = "sum(sent) sent, sum(gone) gone, sum(undelivered) undelivered, sum(dropped) dropped"
    (row,) = world.rows(
        f"select {query} from broadcast_shards where broadcast_id = $1",  # noqa: S608
        broadcast.broadcast_id,
    )
    return {name: int(count or 0) for name, count in row.items() if count}


def people(world: World, count: int) -> list[str]:
    """Users with a tab each; their tabs."""
    tabs = [f"tab-{n}" for n in range(count)]
    for n, tab in enumerate(tabs):
        world.come(tab, f"user-{n}")
    return tabs


# Who gets which message.


def test_a_broadcast_reaches_every_connection(world: World) -> None:
    for tab, user in (("a1", "ann"), ("a2", "ann"), ("b1", "bob")):
        world.come(tab, user)
    bonus = drop(world)
    assert work(world, bonus) == []
    assert inbox(world) == ["a1", "a2", "b1"]
    assert {told["bonus"]["bonus_id"] for _, told in world.connections.inbox} == {
        bonus.broadcast_id
    }
    assert progress(world, bonus) == {"sent": 3}


def test_a_broadcast_of_several_pages_reaches_everyone_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "PAGE_SIZE", 2)
    tabs = people(world, 9)
    bonus = drop(world)
    work(world, bonus)
    assert inbox(world) == tabs
    assert progress(world, bonus) == {"sent": 9}


def test_a_message_delivered_twice_pushes_once(world: World) -> None:
    tabs = people(world, 3)
    bonus = drop(world)
    work(world, bonus, bonus)
    work(world, bonus)
    assert inbox(world) == tabs


def test_a_listed_user_gets_the_event_of_their_stream(world: World) -> None:
    people(world, 2)
    bonus = drop(world, "user-1", "offline")
    work(world, bonus)
    ((tab, told),) = world.connections.inbox
    assert (tab, told["type"], told["event"]["type"]) == ("tab-1", "event", "bonus.offered")
    assert told["event"]["body"]["bonus_id"] == bonus.broadcast_id
    users = world.rows("select user_id from user_events order by 1")
    assert [row["user_id"] for row in users] == ["offline", "user-1"]


def test_broadcasts_of_a_batch_go_side_by_side(world: World) -> None:
    """One that has to wait holds up no other."""
    people(world, 2)
    world.connections.stuck = {"tab-0"}
    bonus, later = drop(world, "user-0"), drop(world, "user-1")
    told = []

    async def post(push_: Push) -> None:
        told.append(push_.connection_id)
        if push_.connection_id == "tab-0":
            while "tab-1" not in told:  # noqa: ASYNC110  # until the other has been
                await asyncio.sleep(0)

    vars(world.connections)["post"] = post
    assert work(world, bonus, later) == []
    assert sorted(told) == ["tab-0", "tab-1"]


def test_news_reach_everyone(world: World) -> None:
    tabs = people(world, 3)
    work(world, news(world))
    assert inbox(world) == tabs
    assert {told["type"] for _, told in world.connections.inbox} == {"news"}


def test_news_that_must_wait_go_back_into_their_own_queue(world: World) -> None:
    people(world, 1)
    world.rows("insert into push_budget (free_at) values (now() + interval '1 hour')")
    hint = news(world)
    world.run(worker(world, hint, 0.2, 0.05).work())
    assert world.queue.sent == [hint]
    assert inbox(world) == []


# What goes wrong.


def test_a_broken_record_fails_alone(world: World) -> None:
    world.come("tab-1")
    good = drop(world).to_json()
    answer = edge.handle(records("{", good, '{"x": 1}', "[]"), Context(), world.container)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [
        "m0",
        "m2",
        "m3",
    ]
    assert len(world.connections.inbox) == 1


def test_an_unknown_broadcast_is_done(world: World) -> None:
    assert work(world, Broadcast(str(uuid.uuid4()))) == []
    assert world.queue.calls == []


def test_a_failed_record_is_retried_and_the_others_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(world, 2)
    bad, good = drop(world, "user-0"), drop(world, "user-1")
    deliver = world.container.delivery.deliver
    made: list[BroadcastWorker] = []

    def made_by(*given: Any) -> BroadcastWorker:
        made.append(BroadcastWorker(*given))
        return made[-1]

    async def refuse(pushes: list[Push], within_seconds: float) -> Any:
        if pushes and pushes[0].user_id == "user-0":
            raise ZeroDivisionError
        delivery = await deliver(pushes, within_seconds)
        for one in made:  # time is up, as soon as the other has been told
            vars(one)["_ends_at"] = 0.0
        return delivery

    monkeypatch.setattr(service, "BroadcastWorker", made_by)
    monkeypatch.setattr(world.container.delivery, "deliver", refuse)
    assert work(world, bad, bad, good) == ["m0", "m1"]
    assert inbox(world) == ["tab-1"]


def test_a_broadcast_that_runs_out_of_time_goes_back_into_the_queue(world: World) -> None:
    world.come("tab-1")
    bonus = drop(world)
    less_than_a_page_ms = int(1000 * (RESERVE_SECONDS + PAGE_TIMEOUT_SECONDS)) - 1
    assert work(world, bonus, remaining_ms=less_than_a_page_ms) == []
    assert world.queue.sent == [bonus]
    assert world.connections.inbox == []


def test_a_worker_whose_time_is_up_leaves_its_shard_to_the_next_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "PAGE_SIZE", 2)
    tabs = people(world, 5)
    bonus = drop(world)
    one = worker(world, bonus, 3600)
    deliver = world.container.delivery.deliver

    async def last(pushes: list[Push], within_seconds: float) -> Any:
        vars(one)["_ends_at"] = 0.0
        return await deliver(pushes, within_seconds)

    with monkeypatch.context() as patch:
        patch.setattr(world.container.delivery, "deliver", last)
        world.run(one.work())
    assert inbox(world) == tabs[:2]
    assert world.queue.sent == [bonus]
    work(world, bonus)
    assert inbox(world) == tabs


def test_without_a_database_a_broadcast_is_tried_again_soon(world: World) -> None:
    """SQS would bring the message again after six minutes."""
    bonus = Broadcast(str(uuid.uuid4()))
    world.lose_database()
    assert work(world, bonus) == []
    assert world.queue.calls == [(bonus, service.RETRY_SECONDS)]


def test_a_broadcast_forgets_connections_that_are_gone(world: World) -> None:
    world.come("a1", "ann")
    world.come("b1", "bob")
    world.age(minutes=2)
    world.connections.gone = {"a1"}
    bonus = drop(world)
    work(world, bonus)
    rows = world.rows("select user_id, ended_by from watching_times order by user_id")
    assert [(row["user_id"], row["ended_by"]) for row in rows] == [("ann", "swept"), ("bob", None)]
    assert progress(world, bonus) == {"sent": 1, "gone": 1}


def test_undelivered_messages_are_counted(world: World) -> None:
    people(world, 3)
    world.connections.broken = {"tab-1"}
    bonus = drop(world)
    work(world, bonus)
    assert progress(world, bonus) == {"sent": 2, "undelivered": 1}


def test_a_connection_that_does_not_answer_delays_one_page_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "PAGE_SIZE", 2)
    people(world, 5)
    world.connections.stuck = {"tab-1"}
    bonus = drop(world)
    one = worker(world, bonus, 60, 0.05)
    world.run(one.work())
    assert progress(world, bonus) == {"sent": 4, "undelivered": 1}


class Busy:
    """What happens to the first tries of a connection, before it takes a push."""

    def __init__(self, world: World, *ends: Exception | None) -> None:
        """An exception is raised; None is no answer."""
        self._ends, self._inner = list(ends), world.connections.post
        vars(world.connections)["post"] = self.post

    async def post(self, push: Push) -> None:
        if push.connection_id == "tab-1" and self._ends:
            end = self._ends.pop(0)
            if end is None:
                await asyncio.Event().wait()
            else:
                raise end
        await self._inner(push)


@pytest.mark.parametrize(
    "end", [None, Unreachable("no way"), GatewayRejected(429), GatewayRejected(503)]
)
def test_a_push_that_may_get_through_later_is_tried_again_with_its_page_only_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, end: Exception | None
) -> None:
    monkeypatch.setattr(operation, "PAGE_SIZE", 2)
    tabs = people(world, 5)
    Busy(world, *[end] * (service.MAX_PAGE_TRIES - 1))
    bonus = drop(world, window=600)
    world.run(worker(world, bonus, 60, 0.05).work())
    assert inbox(world) == tabs
    assert progress(world, bonus) == {"sent": 5}


def test_a_push_that_never_gets_through_is_undelivered_after_its_tries(world: World) -> None:
    people(world, 3)
    tries = [GatewayRejected(503)] * service.MAX_PAGE_TRIES
    Busy(world, *tries)
    bonus = drop(world)
    work(world, bonus)
    assert inbox(world) == ["tab-0", "tab-2"]
    assert progress(world, bonus) == {"sent": 2, "undelivered": 1}


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_push_that_is_refused_for_good_is_tried_once(world: World, status: int) -> None:
    people(world, 3)
    Busy(world, GatewayRejected(status))
    bonus = drop(world)
    work(world, bonus)
    assert progress(world, bonus) == {"sent": 2, "undelivered": 1}


def test_what_is_left_of_a_page_when_the_worker_s_time_is_up_is_for_the_next_one(
    world: World,
) -> None:
    people(world, 3)
    bonus = drop(world, window=600)
    one = worker(world, bonus, 60)
    Busy(world, GatewayRejected(429))
    deliver = world.container.delivery.deliver

    async def last(pushes: list[Push], within_seconds: float) -> Any:
        vars(one)["_ends_at"] = 0.0
        return await deliver(pushes, within_seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.container.delivery, "deliver", last)
        world.run(one.work())
    assert world.queue.sent == [bonus]
    work(world, bonus)
    assert set(inbox(world)) == {"tab-0", "tab-1", "tab-2"}
    assert progress(world, bonus)["sent"] == 3


def test_a_push_without_an_answer_at_the_end_of_the_window_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(world, 3)
    world.connections.stuck = {"tab-1"}
    bonus = drop(world, window=60)
    deliver = world.container.delivery.deliver

    async def soon(pushes: list[Push], within_seconds: float) -> Any:
        assert within_seconds <= 60
        return await deliver(pushes, 0.05)

    monkeypatch.setattr(world.container.delivery, "deliver", soon)
    world.run(worker(world, bonus, 3600, 120).work())
    assert progress(world, bonus) == {"sent": 2, "dropped": 1}


def test_a_page_whose_turn_comes_after_the_window_is_not_pushed(world: World) -> None:
    people(world, 3)
    world.rows("insert into push_budget (free_at) values (now() + interval '0.9 seconds')")
    bonus = drop(world, window=0.4)
    work(world, bonus)
    assert inbox(world) == []
    assert progress(world, bonus) == {"dropped": 3}


def test_a_page_waits_for_its_turn(world: World) -> None:
    people(world, 2)
    (budget,) = world.rows(
        "insert into push_budget (free_at) values (clock_timestamp() + interval '0.3 seconds')"
        " returning free_at"
    )
    begun = []

    async def post(_push: Push) -> None:
        begun.append(datetime.now(UTC))

    vars(world.connections)["post"] = post
    work(world, drop(world))
    assert len(begun) == 2
    assert min(begun) >= budget["free_at"]


def test_a_page_has_no_more_time_than_the_window(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(world, 1)
    given, deliver = list[float](), world.container.delivery.deliver

    async def within(pushes: list[Push], within_seconds: float) -> Any:
        given.append(within_seconds)
        return await deliver(pushes, within_seconds)

    monkeypatch.setattr(world.container.delivery, "deliver", within)
    work(world, drop(world))
    world.run(worker(world, drop(world, window=60), 3600, 120).work())
    assert given[0] == service.PAGE_TIMEOUT_SECONDS
    assert 0 < given[1] <= 60


def test_a_broadcast_after_its_window_pushes_nothing_and_counts_everyone_as_dropped(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    people(world, 3)
    bonus = drop(world)
    world.rows("update broadcasts set expires_at = now() - interval '1 second'")
    assert work(world, bonus) == []
    assert inbox(world) == []
    assert progress(world, bonus) == {"dropped": 3}
    assert told_numbers(capsys)["pushes_dropped"] == 3


# Who is called for.


def many(world: World, how_many: int) -> None:
    world.rows(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " select 'many-' || n, 'site', now(), now(), jsonb_build_object('gateway.example/live',"
        " jsonb_build_object('many-' || n, '{\"at\": 0}'::jsonb)) from generate_series(1, $1) n",
        how_many,
    )


def test_pages_do_not_wait_until_other_workers_are_woken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything lost if none can be: one worker does it all."""
    many(world, 6_500)

    async def fails_once_all_are_told(*_: object) -> None:
        await until(lambda: len(set(inbox(world))) == 6_500)
        raise NotQueued("no answer in time")

    monkeypatch.setattr(world.queue, "_send", fails_once_all_are_told)
    bonus = drop(world)
    assert work(world, bonus) == []


def test_several_shards_wake_other_workers(world: World) -> None:
    people(world, 2)
    many(world, 6_500)
    bonus = drop(world)
    work(world, bonus)
    (made,) = world.rows("select count(*) from broadcast_shards")
    assert 1 < made["count"] <= 6
    assert world.queue.sent == [bonus] * (made["count"] - 1)
    # Where a machine is so slow that a lease ends, some are told twice: see tests/sql/test_push.py.
    assert len(set(inbox(world))) == 6_502


def test_users_who_have_not_acknowledged_get_the_bonus_again_later(world: World) -> None:
    people(world, 1)
    bonus = drop(world, acknowledge=True)
    work(world, bonus)
    again = replace(bonus, round=2)
    assert world.queue.calls == [(again, 5)]
    world.queue.calls.clear()
    work(world, bonus)
    assert world.queue.calls == []
    work(world, again)
    assert inbox(world) == ["tab-0"] * 2


def test_a_few_users_are_pushed_to_by_the_web_function(world: World) -> None:
    people(world, 2)
    bonus = drop(world, "user-1")
    world.run(broadcast_here(world.container.broadcast_ports(), bonus))
    assert inbox(world) == ["tab-1"]
    assert progress(world, bonus) == {"sent": 1}


def test_pushing_to_a_few_users_never_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message for a second worker is in the queue already."""

    async def unreachable(*_: object) -> None:
        raise NotQueued("cannot be reached")

    monkeypatch.setattr(world.queue, "_send", unreachable)
    world.lose_database()
    ports = world.container.broadcast_ports()
    world.run(broadcast_here(ports, Broadcast(str(uuid.uuid4()))))


def told_numbers(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What one invocation said to CloudWatch."""
    (line,) = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "_aws" in one]
    return dict(line)


def test_an_invocation_returns_its_metrics(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    people(world, 4)
    world.connections.gone, world.connections.broken = {"tab-0"}, {"tab-1"}
    work(world, drop(world), news(world))
    line = told_numbers(capsys)
    names = ("pages", "pushes_sent", "pushes_gone", "pushes_undelivered", "pushes_dropped")
    assert [line[name] for name in names] == [2, 4, 2, 2, 0]
    assert line["delivered_after_ms"] > 0
    metrics = {one["Name"] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert metrics == {*names, "delivered_after_ms", "duration_ms"}


# Nodes that do not answer.


def test_a_silent_node_is_left_alone_for_a_while() -> None:
    now, connections = [0.0], FakeConnections(dead={"n1"})
    tried = []

    class Counting:
        async def post(self, push_: Push) -> None:
            tried.append(push_.node)
            await connections.post(push_)

    posts = CircuitBreaker(Counting(), lambda: now[0])

    async def post(node: str) -> bool:
        try:
            await posts.post(Push("ann", node, "a1", b'{"message": "so"}'))
        except Unreachable:
            return False
        return True

    async def play() -> None:
        for _ in range(MAX_SILENT_POSTS + 5):
            assert not await post("n1")
        assert len(tried) == MAX_SILENT_POSTS
        assert await post("n2")
        now[0] = OPEN_SECONDS
        connections.dead.clear()
        assert await post("n1")

    asyncio.run(play())


@pytest.mark.parametrize("answer", ["gone", "sent"])
def test_a_node_with_one_answer_is_not_silent(answer: str) -> None:
    connections = FakeConnections(dead={"n1"}, gone={"a1"} if answer == "gone" else set())
    posts = CircuitBreaker(connections)

    async def post() -> str:
        try:
            await posts.post(Push("ann", "n1", "a1", b'{"message": "so"}'))
        except Exception as error:
            return type(error).__name__
        return "sent"

    async def play() -> None:
        for _ in range(2):
            for _ in range(MAX_SILENT_POSTS - 1):
                await post()
            connections.dead.clear()
            assert await post() in ("Gone", "sent")
            connections.dead.add("n1")

    asyncio.run(play())


# The queues.


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Any:
    """boto3's client for two queues of moto's."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        sqs = boto3.client("sqs")
        for name in ("BROADCAST", "NEWS"):
            url = sqs.create_queue(QueueName=name)["QueueUrl"]
            monkeypatch.setenv(f"{name}_QUEUE_URL", url)
        yield sqs


def waiting(sqs: Any, name: str) -> tuple[int, int]:
    """(to come at once, later)"""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


@pytest.mark.parametrize(
    ("call", "now", "later"),
    [
        (lambda queue, one: queue.enqueue(one), 1, 1),
        (lambda queue, one: queue.enqueue_backup(one), 0, 1),
        (lambda queue, one: queue.wake(one), 1, 0),
        (lambda queue, one: queue.wake(one, 3), 0, 1),
        (lambda queue, one: queue.wake_many(one, 9), 9, 0),
        (lambda queue, one: queue.wake_many(one, 0), 0, 0),
    ],
)
@pytest.mark.parametrize("is_news", [False, True])
def test_each_kind_has_its_queue(
    queues: Any, call: Callable[[Queue, Broadcast], Any], now: int, later: int, is_news: bool
) -> None:
    asyncio.run(call(Queue(ample()), Broadcast("b", 2, is_news)))
    assert waiting(queues, "NEWS" if is_news else "BROADCAST") == (now, later)
    assert waiting(queues, "BROADCAST" if is_news else "NEWS") == (0, 0)


def test_a_message_reads_back_as_it_was_sent(queues: Any) -> None:
    asyncio.run(Queue(ample()).wake(Broadcast("b", 2)))
    url = queues.get_queue_url(QueueName="BROADCAST")["QueueUrl"]
    (message,) = queues.receive_message(QueueUrl=url)["Messages"]
    assert Broadcast.from_json(message["Body"]) == Broadcast("b", 2)


def test_a_message_that_the_queue_does_not_take_is_an_error(
    queues: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call itself is answered 200."""
    queue = Queue(ample())
    asyncio.run(queue.wake(Broadcast("b")))
    failed = {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}
    monkeypatch.setattr(vars(queue)["_client"], "send_message_batch", lambda **_: failed)
    with pytest.raises(NotQueued, match="InternalError"):
        asyncio.run(queue.wake(Broadcast("b")))
