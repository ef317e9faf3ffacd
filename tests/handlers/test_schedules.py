"""push, sweep, award: what the queue and the clock start."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from handlers import award, push, sweep
from handlers.adapters.database import Database
from handlers.core import push as pages
from handlers.core.push import Broadcast
from tests.handlers.conftest import Context

if TYPE_CHECKING:
    from tests.handlers.conftest import World


def drop(world: World, audience: str = "everyone") -> str:
    bonus_id = uuid.uuid4()
    world.rows(
        "select create_bonus($1, '{}', $2, null, '{}', '0', '1 minute', null, null)",
        *(bonus_id, audience),
    )
    return str(bonus_id)


def records(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}


def test_a_broadcast_reaches_every_connection(world: World) -> None:
    for tab, user in (("a1", "ann"), ("a2", "ann"), ("b1", "bob")):
        world.come(tab, user)
    bonus_id = drop(world)
    answer = push.handle(records(Broadcast(bonus_id).to_json()), Context(), world.container)
    assert answer == {"batchItemFailures": []}
    assert {tab for tab, _ in world.connections.inbox} == {"a1", "a2", "b1"}
    assert {told["bonus"]["bonus_id"] for _, told in world.connections.inbox} == {bonus_id}


def test_a_broadcast_of_several_pages_reaches_everyone_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE", 2)
    for n in range(5):
        world.come(f"tab-{n}", f"user-{n}")
    push.handle(records(Broadcast(drop(world)).to_json()), Context(), world.container)
    assert sorted(tab for tab, _ in world.connections.inbox) == [f"tab-{n}" for n in range(5)]


def test_what_does_not_fit_in_the_time_goes_back_into_the_queue(world: World) -> None:
    world.come("tab-1")
    broadcast = Broadcast(drop(world), "aaa", "site")
    push.handle(records(broadcast.to_json()), Context(remaining_ms=1), world.container)
    assert world.queue.sent == [broadcast]
    assert world.connections.inbox == []


def test_a_broken_record_fails_alone(world: World) -> None:
    world.come("tab-1")
    good = Broadcast(drop(world)).to_json()
    answer = push.handle(records("{", good, '{"x": 1}', "[]"), Context(), world.container)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [
        "m0",
        "m2",
        "m3",
    ]
    assert len(world.connections.inbox) == 1


def test_a_broadcast_forgets_who_is_gone(world: World) -> None:
    world.come("a1", "ann")
    world.come("b1", "bob")
    world.age(minutes=2)
    world.connections.gone = {"a1"}
    push.handle(records(Broadcast(drop(world)).to_json()), Context(), world.container)
    rows = world.rows("select user_id, ended_by from watching_times order by user_id")
    assert [(row["user_id"], row["ended_by"]) for row in rows] == [("ann", "swept"), ("bob", None)]


def test_a_page_that_fails_goes_on_from_there_and_soon(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record itself would come again from its start, after six minutes."""
    world.come("tab-1")
    broadcast = Broadcast(drop(world), "aaa", "site")
    vars(world.container)["database"] = Database("postgresql://nobody:nothing@127.0.0.1:1/none")
    answer = push.handle(records(broadcast.to_json()), Context(), world.container)
    assert answer == {"batchItemFailures": []}
    assert world.queue.sent == [broadcast]


def test_a_connection_inside_its_own_handshake_is_not_forgotten(world: World) -> None:
    """API Gateway answers 410 for it until its handshake is answered (APIGW.md §11.5)."""
    world.come("a1", "ann")
    world.connections.gone = {"a1"}
    push.handle(records(Broadcast(drop(world)).to_json()), Context(), world.container)
    assert sweep.handle({}, Context(), world.container)["asked"] == 0
    assert world.rows("select 1 from watching_times where terminate_at is null")
    world.age(minutes=1)
    assert sweep.handle({}, Context(), world.container)["closed"] == 1


def test_a_sweep_closes_who_is_gone_and_leaves_who_is_here(world: World) -> None:
    for tab, user in (("a1", "ann"), ("b1", "bob"), ("c1", "cat")):
        world.come(tab, user)
    world.age(minutes=2)
    world.connections.gone, world.connections.broken = {"a1"}, {"c1"}
    numbers = sweep.handle({}, Context(), world.container)
    assert (numbers["asked"], numbers["gone"], numbers["closed"]) == (3, 1, 1)
    assert numbers["unanswered"] == 1
    rows = world.rows("select user_id from watching_times where terminate_at is null order by 1")
    assert [row["user_id"] for row in rows] == ["bob", "cat"]


def watched(world: World) -> tuple[timedelta, timedelta]:
    """How long the only session lasted, and how exact that is, to the second."""
    (row,) = world.rows("select terminate_at - join_at as lasted, ended_within from sessions")
    second = timedelta(seconds=1)
    return round(row["lasted"] / second) * second, round(row["ended_within"] / second) * second


def test_what_a_whole_cycle_found_alive_counts_as_watched(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=30)
    sweep.handle({}, Context(), world.container)
    sweep.handle({}, Context(), world.container)
    world.connections.gone = {"tab-1"}
    sweep.handle({}, Context(), world.container)
    lasted, within = watched(world)
    assert (lasted, within) == (timedelta(minutes=30), timedelta(0))


def test_what_was_never_asked_for_is_not_paid_for(world: World) -> None:
    """Out of reach for two cycles, then gone: nobody has seen it since it opened."""
    world.come("tab-1")
    world.age(minutes=30)
    world.connections.broken = {"tab-1"}
    sweep.handle({}, Context(), world.container)
    sweep.handle({}, Context(), world.container)
    world.connections.gone, world.connections.broken = {"tab-1"}, set()
    sweep.handle({}, Context(), world.container)
    lasted, within = watched(world)
    assert (lasted, within) == (timedelta(0), timedelta(minutes=30))


def test_a_push_knows_as_much_of_the_end_as_the_sweep(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=30)
    sweep.handle({}, Context(), world.container)
    sweep.handle({}, Context(), world.container)
    world.connections.gone = {"tab-1"}
    push.handle(records(Broadcast(drop(world)).to_json()), Context(), world.container)
    assert watched(world)[0] == timedelta(minutes=30)


def test_a_connection_of_two_hours_is_gone_without_asking(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=180)
    world.connections.broken = {"tab-1"}
    numbers = sweep.handle({}, Context(), world.container)
    assert (numbers["asked"], numbers["closed"]) == (0, 1)
    (row,) = world.rows("select ended_by from sessions")
    assert row["ended_by"] == "expired"
    lasted, within = watched(world)
    assert (lasted, within) == (timedelta(0), timedelta(hours=2))


def test_a_sweep_twice_changes_nothing_more(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=2)
    world.connections.gone = {"tab-1"}
    sweep.handle({}, Context(), world.container)
    before = world.rows("select * from sessions")
    assert sweep.handle({}, Context(), world.container)["closed"] == 0
    assert world.rows("select * from sessions") == before


def rule(world: World) -> None:
    """Who is here has watched for twenty minutes, and every fifteen are worth something."""
    world.rows(
        "insert into award_rules (reward, every, claim_within, created_at)"
        " values ('{}', '15 minutes', '1 minute', now() - interval '1 hour')"
    )
    world.age(minutes=20)


def test_awards_are_queued(world: World) -> None:
    world.come("tab-1")
    rule(world)
    assert award.handle({}, Context(), world.container) == {"made": 1, "queued": 1}
    assert award.handle({}, Context(), world.container) == {"made": 0, "queued": 0}
    (sent,) = world.queue.sent
    (bonus,) = world.rows("select bonus_id from bonuses")
    assert json.loads(sent.to_json())["bonus_id"] == str(bonus["bonus_id"])


def test_an_award_whose_queue_was_gone_is_queued_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.come("tab-1")
    rule(world)

    async def unreachable(_broadcast: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://queue.example")

    with monkeypatch.context() as patch:
        patch.setattr(world.queue, "send", unreachable)
        with pytest.raises(EndpointConnectionError):
            award.handle({}, Context(), world.container)
    assert award.handle({}, Context(), world.container) == {"made": 0, "queued": 1}


def test_everyone_is_awarded_however_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(award, "AT_ONCE", 3)
    for n in range(8):
        world.come(f"tab-{n}", f"user-{n}")
    rule(world)
    assert award.handle({}, Context(), world.container)["made"] == 3
    (count,) = world.rows("select count(distinct user_id) from offers")
    assert count["count"] == 8
