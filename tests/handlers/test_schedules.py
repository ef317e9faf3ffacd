"""push, sweep, award: what the queue and the clock start."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers import award, push, sweep
from handlers.core import push as pages
from handlers.core.push import Broadcast
from tests.handlers.conftest import Context

if TYPE_CHECKING:
    import pytest

    from tests.handlers.conftest import World


def drop(world: World, audience: str = "everyone") -> str:
    (row,) = world.rows(
        "select create_bonus('{}', $1, null, '{}', '0', '1 minute', null, null)", audience
    )
    return str(row["create_bonus"])


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
    world.connections.gone = {"a1"}
    push.handle(records(Broadcast(drop(world)).to_json()), Context(), world.container)
    rows = world.rows("select user_id, ended_by from watching_times order by user_id")
    assert [(row["user_id"], row["ended_by"]) for row in rows] == [("ann", "swept"), ("bob", None)]


def test_a_sweep_closes_who_is_gone_and_leaves_who_is_here(world: World) -> None:
    for tab, user in (("a1", "ann"), ("b1", "bob"), ("c1", "cat")):
        world.come(tab, user)
    world.connections.gone, world.connections.broken = {"a1"}, {"c1"}
    numbers = sweep.handle({}, Context(), world.container)
    assert (numbers["looked_at"], numbers["gone"], numbers["closed"]) == (3, 1, 1)
    rows = world.rows("select user_id from watching_times where terminate_at is null order by 1")
    assert [row["user_id"] for row in rows] == ["bob", "cat"]


def test_a_connection_of_two_hours_is_gone_without_asking(world: World) -> None:
    world.come("tab-1")
    world.rows(
        "update watching_times set join_at = opened_at, seen_at = opened_at, nodes ="
        " with_connection('{}', 'gateway.example/live', 'tab-1', opened_at)"
        " from (select date_trunc('second', now()) - interval '3 hours' as opened_at) as ago"
    )
    world.connections.broken = {"tab-1"}
    assert sweep.handle({}, Context(), world.container)["closed"] == 1
    (row,) = world.rows(
        "select ended_by, terminate_at + ended_within - join_at as longest from watching_times"
    )
    assert (row["ended_by"], row["longest"]) == ("expired", timedelta(hours=2))


def test_a_sweep_twice_changes_nothing_more(world: World) -> None:
    world.come("tab-1")
    world.connections.gone = {"tab-1"}
    sweep.handle({}, Context(), world.container)
    before = world.rows("select * from watching_times")
    assert sweep.handle({}, Context(), world.container)["closed"] == 0
    assert world.rows("select * from watching_times") == before


def test_awards_are_queued(world: World) -> None:
    world.come("tab-1")
    world.rows(
        "insert into award_rules (reward, every, claim_within, created_at)"
        " values ('{}', '15 minutes', '1 minute', now() - interval '1 hour')"
    )
    world.rows("update watching_times set join_at = now() - interval '20 minutes'")
    assert award.handle({}, None, world.container) == {"bonuses": 1}
    assert award.handle({}, None, world.container) == {"bonuses": 0}
    (sent,) = world.queue.sent
    (bonus,) = world.rows("select bonus_id from bonuses")
    assert json.loads(sent.to_json())["bonus_id"] == str(bonus["bonus_id"])
