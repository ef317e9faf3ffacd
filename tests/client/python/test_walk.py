"""Random walks: a client whose lines fail at any moment ends as the server is."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.client.python.world import EVENTS, FakeServer, pass_time, play

if TYPE_CHECKING:
    from headcount_client import Headcount

STEPS = 60
NONSENSE = ["", "[]", "null", '{"type": "event"}', "[" * 1_000, "\ud83d", '{"type": 7, "re": []}']


@pytest.mark.parametrize(
    "seeds", [range(1, 61), pytest.param(range(61, 1_001), marks=pytest.mark.slow)]
)
def test_a_client_ends_as_the_server_is(seeds: range) -> None:
    for seed in seeds:
        play(_walk(seed))


async def _walk(seed: int) -> None:
    """The line loses, repeats and reorders; it drops, goes silent, and is refused."""
    dice = Random(seed)  # noqa: S311  # the same in each run
    server = FakeServer(dice, loss=0.1)
    followed: list[dict[str, Any]] = []
    client = server.client()
    client.on("snapshot", lambda one: followed.__setitem__(slice(None), one["events"]))
    client.on("event", followed.append)
    async with client:
        acts = [act for _ in range(STEPS) for act in await _step(dice, server, client, seed)]
        server.loss = 0.0
        # Without a loss at the end, the next push shows what is missing.
        for socket in server.live[-1:] if seed % 3 else []:
            socket.drop()
        await pass_time(1_000)
        server.push(server.add({"last": seed}))
        await pass_time(1_000)
        done = [act.result()["id"] for act in acts]
        if seed % 2:  # the server lost nothing
            ids = [one["id"] for one in server.events if one["id"]]
            assert sorted(done) == sorted(ids), f"walk {seed}"
        assert client.state == server.state, f"walk {seed}"
        expected = server.events[len(server.events) - len(followed) :]
        assert [one["seq"] for one in followed] == [one["seq"] for one in expected], f"walk {seed}"
        assert len(followed) >= min(EVENTS, len(server.events)), f"walk {seed}"


async def _step(
    dice: Random, server: FakeServer, client: Headcount, seed: int
) -> list[asyncio.Task[Any]]:
    acts = []
    luck = dice.random()
    if luck < 0.5:
        server.push(server.add(_patch(dice)))
    elif luck < 0.65:
        acts.append(asyncio.create_task(client.act("like", patch=_patch(dice))))
    elif luck < 0.72 and server.live:
        server.live[-1].drop(dice.choice([1000, 1001, 1006]))
    elif luck < 0.75 and server.live:
        server.live[-1].is_dead = True
    elif luck < 0.78:
        server.refusals = 2
    elif luck < 0.83:
        server.push(dice.choice(NONSENSE))
    elif luck < 0.85 and seed % 2 == 0:
        server.lose()
    # Sometimes long enough to come back.
    await pass_time(dice.random() * dice.choice([0.4, 0.4, 0.4, 20]))
    return acts


def _patch(dice: Random) -> Any:
    value = dice.choice([None, 1, "x", [1], {}, {"c": None}, {"c": 1}, {"d": {"e": dice.random()}}])
    return dice.choice([None, {"a": value}, {"b": value}, {"a": {"b": value}}])
