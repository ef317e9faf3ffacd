"""A sender that dies at any moment loses nothing, and keeps the order of each user's events."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from handlers.core.operations.webhooks import CreateWebhook
from handlers.core.webhook import secret_of
from tests.support.modules import WITH_OUR_MODULES
from tests.support.receiver import receiving
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.world import World

KILLS = int(os.environ.get("WEBHOOK_KILLS") or 4)
USERS = 7
PER_KILL = 60


@contextmanager
def sender(dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.support.webhook_process", dsn]
    with subprocess.Popen(command, env=os.environ | WITH_OUR_MODULES) as process:
        try:
            yield process
        finally:
            process.kill()


def happen(world: World, count: int) -> None:
    world.rows(
        "with log as (update presence_event_log set last_seq = last_seq + $1::bigint"
        "             returning last_seq - $1::bigint as before)"
        " insert into presence_events select before + n, 'online', before + n,"
        " 'user-' || (before + n) % $2::bigint, 'site', now(), now()"
        " from log, generate_series(1, $1::bigint) as n",
        *(count, USERS),
    )


def is_done(world: World) -> bool:
    rows = world.rows(
        "select (select presence_seq from webhook_log) = (select last_seq from presence_event_log)"
        " and (select done_seq from webhooks) = (select last_seq from webhook_log)"
        " and not exists (select from webhook_deliveries where state = 'waiting') as is_done"
    )
    return bool(rows[0]["is_done"])


def test_a_sender_that_is_killed_at_random_loses_nothing(world: World) -> None:
    seed = random.randrange(10**6)  # noqa: S311  # no secret
    print(f"seed {seed}")
    dice = random.Random(seed)  # noqa: S311

    def answer(_event: dict[str, Any]) -> tuple[int, dict[str, str]]:
        return (500 if dice.random() < 0.05 else 204, {})

    with receiving() as receiver:
        receiver.answer = answer
        order = CreateWebhook(
            *(uuid4(), receiver.origin, ["user.online"], None, secret_of(b"k" * 32), "", 20)
        )
        world.run(world.container.database.fetch_one(order))
        for _ in range(KILLS):
            happen(world, PER_KILL)
            enough = len(receiver.bodies) + dice.randrange(1, PER_KILL)
            with sender(world.dsn):
                wait_until(lambda n=enough: len(receiver.bodies) >= n)  # type: ignore[misc]
        with sender(world.dsn):
            wait_until(lambda: is_done(world))
        first_seen = list({event["id"]: event for event in receiver.events}.values())
    assert len(first_seen) == KILLS * PER_KILL, "none was lost, and each kept its id"
    for user in range(USERS):
        mine = [e["data"]["session_id"] for e in first_seen if e["subject"] == f"user-{user}"]
        assert mine == sorted(mine)
