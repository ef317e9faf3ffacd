"""push, sweep, award: what the queue and the clock start."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers import award, broadcast, sweep
from handlers.adapters.queue import NotQueued
from handlers.core.operations.broadcast import Broadcast
from handlers.services import award as awards
from tests.support.campaigns import QUARTERS_OF_AN_HOUR
from tests.support.world import Context

if TYPE_CHECKING:
    from tests.support.world import World


def drop(world: World, audience: str = "everyone") -> str:
    bonus_id = uuid.uuid4()
    world.rows(
        "select create_bonus($1, '{}', $2, null, '{}', '0', '1 minute', null, null)",
        *(bonus_id, audience),
    )
    return str(bonus_id)


def records(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}


def test_a_connection_inside_its_own_handshake_is_not_forgotten(world: World) -> None:
    """API Gateway answers 410 for it until its handshake is answered.

    localstack/wsgate/docs/aws-behaviour.md §11.5.
    """
    world.come("a1", "ann")
    world.connections.gone = {"a1"}
    broadcast.handle(records(Broadcast(drop(world)).to_json()), Context(), world.container)
    assert sweep.handle({}, Context(), world.container)["asked"] == 0
    assert world.rows("select 1 from watching_times where ended_at is null")
    world.age(minutes=1)
    assert sweep.handle({}, Context(), world.container)["closed"] == 1


def test_a_sweep_closes_gone_connections_and_leaves_open_ones(world: World) -> None:
    for tab, user in (("a1", "ann"), ("b1", "bob"), ("c1", "cat")):
        world.come(tab, user)
    world.age(minutes=2)
    world.connections.gone, world.connections.broken = {"a1"}, {"c1"}
    numbers = sweep.handle({}, Context(), world.container)
    assert (numbers["asked"], numbers["gone"], numbers["closed"]) == (3, 1, 1)
    assert numbers["unanswered"] == 1
    rows = world.rows("select user_id from watching_times where ended_at is null order by 1")
    assert [row["user_id"] for row in rows] == ["bob", "cat"]


def watched(world: World) -> tuple[timedelta, timedelta]:
    """How long the only session lasted, and how exact that is, to the minute."""
    (row,) = world.rows("select ended_at - joined_at as lasted, ended_within from sessions")
    minute = timedelta(minutes=1)
    return round(row["lasted"] / minute) * minute, round(row["ended_within"] / minute) * minute


def test_time_up_to_the_last_cycle_that_found_it_alive_counts_as_watched(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=30)
    sweep.handle({}, Context(), world.container)
    sweep.handle({}, Context(), world.container)
    world.connections.gone = {"tab-1"}
    sweep.handle({}, Context(), world.container)
    lasted, within = watched(world)
    assert (lasted, within) == (timedelta(minutes=30), timedelta(0))


def test_time_without_evidence_is_not_counted_as_watched(world: World) -> None:
    """Unreachable for two cycles, then gone: no cycle has found it alive."""
    world.come("tab-1")
    world.age(minutes=30)
    world.connections.broken = {"tab-1"}
    sweep.handle({}, Context(), world.container)
    sweep.handle({}, Context(), world.container)
    world.connections.gone, world.connections.broken = {"tab-1"}, set()
    sweep.handle({}, Context(), world.container)
    lasted, within = watched(world)
    assert (lasted, within) == (timedelta(0), timedelta(minutes=30))


def test_a_push_dates_the_end_as_exactly_as_the_sweep(world: World) -> None:
    world.come("tab-1")
    world.age(minutes=30)
    sweep.handle({}, Context(), world.container)
    sweep.handle({}, Context(), world.container)
    world.connections.gone = {"tab-1"}
    broadcast.handle(records(Broadcast(drop(world)).to_json()), Context(), world.container)
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


def campaign(world: World) -> None:
    """Everyone online has watched for twenty minutes; each fifteen earn a reward."""
    world.rows(QUARTERS_OF_AN_HOUR)
    world.age(minutes=20)


def test_awards_and_progress_are_queued(world: World) -> None:
    world.come("tab-1")
    campaign(world)
    assert award.handle({}, Context(), world.container) == {"made": 1, "closed": 0, "queued": 2}
    assert award.handle({}, Context(), world.container) == {"made": 0, "closed": 0, "queued": 0}
    (bonus,) = world.rows("select bonus_id from bonuses")
    (told,) = world.rows("select told_by from campaign_progress")
    progress = Broadcast(str(told["told_by"]), is_news=True)
    assert world.queue.sent == [Broadcast(str(bonus["bonus_id"])), progress]


def test_an_award_whose_queue_was_gone_is_queued_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.come("tab-1")
    campaign(world)

    async def unreachable(*_: object) -> None:
        raise NotQueued("cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(world.queue, "_send", unreachable)
        with pytest.raises(NotQueued):
            award.handle({}, Context(), world.container)
    assert award.handle({}, Context(), world.container) == {"made": 0, "closed": 0, "queued": 2}


def test_an_orphaned_broadcast_is_queued_again_with_its_own_kind(world: World) -> None:
    hint, bonus_id = str(uuid.uuid4()), drop(world)
    world.rows(
        "select create_news($1, $2, 'everyone', null, '1 minute', null)",
        *(hint, '{"type": "hint", "body": {}}'),
    )
    world.rows("update broadcasts set at = now() - interval '20 seconds'")
    assert award.handle({}, Context(), world.container)["queued"] == 2
    assert set(world.queue.sent) == {Broadcast(hint, is_news=True), Broadcast(bonus_id)}


def test_the_ledgers_of_bonuses_that_are_over_are_closed(world: World) -> None:
    for _ in range(awards.CLOSE_BATCH_SIZE + 1):
        drop(world)
    world.rows("update bonuses set expires_at = now() - interval '2 seconds', opens_at = 'epoch'")
    assert award.handle({}, Context(), world.container)["closed"] == awards.CLOSE_BATCH_SIZE + 1
    assert award.handle({}, Context(), world.container)["closed"] == 0


def test_everyone_is_awarded_however_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awards, "JUDGED_BATCH_SIZE", 3)
    for n in range(8):
        world.come(f"tab-{n}", f"user-{n}")
    campaign(world)
    assert award.handle({}, Context(), world.container)["made"] == 3
    (count,) = world.rows("select count(distinct user_id) from offers")
    assert count["count"] == 8
