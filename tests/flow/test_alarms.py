"""Each fault of a real system rings its alarm and no other; ordinary traffic rings none.

The alarms are those of infra/alarms.yaml, judged by CloudWatch's rules (support/cloudwatch.py) with
what the system itself has counted (support/counted.py). Each story harms the system, and returns
what rings; the systems are shared, since to start one takes longer than a fault.
"""

from __future__ import annotations

import sys
import urllib.error
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import pytest

from bench.support.sweep import AGE
from infra import monitoring
from tests.support.alarmed import (
    CROWD,
    FOR_ALL,
    World,
    healthy_world,
    impatient,
    refusal,
    together,
)
from tests.support.browser import Browser, ask, hello
from tests.support.silence import stopped
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]

Story = Callable[[World], Awaitable[set[str]]]
STORIES: list[tuple[str, Story]] = []
STORIES_OF_AN_IMPATIENT_SYSTEM: list[tuple[str, Story]] = []
USERS = 25
ENOUGH = 6
"""What happens so often in a minute is more than an alarm lets pass."""


def rings(alarm: str, stories: list[tuple[str, Story]] = STORIES) -> Callable[[Story], Story]:
    """Say which alarm a story rings."""

    def note(story: Story) -> Story:
        stories.append((alarm, story))
        return story

    return note


async def test_traffic_rings_none_and_each_fault_its_alarm(own_dsn: str, tmp_path: Path) -> None:
    async with healthy_world(own_dsn, tmp_path) as world:
        await traffic_rings_none(world)
        await each_rings_its_own(world, STORIES)


async def test_faults_of_a_system_with_small_quotas_and_little_patience(
    own_dsn: str, tmp_path: Path
) -> None:
    template = impatient(tmp_path / "code")
    async with healthy_world(
        own_dsn, tmp_path, "--quotas", "connections=1", template=template
    ) as world:
        await each_rings_its_own(world, STORIES_OF_AN_IMPATIENT_SYSTEM)


async def each_rings_its_own(world: World, stories: list[tuple[str, Story]]) -> None:
    for alarm, story in stories:
        assert await story(world) == {alarm}, story.__name__


def test_each_alarm_has_a_fault_that_rings_it() -> None:
    told = STORIES + STORIES_OF_AN_IMPATIENT_SYSTEM
    assert {alarm for alarm, _ in told} == monitoring.ringing().keys()


async def traffic_rings_none(world: World) -> None:
    """A thousand expired tickets in a minute, a scanner, a used ticket, a bonus, and a storm."""
    browser = world.browser

    async def traffic() -> None:
        expired = [lambda: refusal(world.expired())] * 1_000
        assert set(await together(expired)) == {401}
        socket = browser.headcount.websocket_url
        assert await refusal(socket) == 401
        assert await refusal(f"{socket}?ticket=x") == 401
        assert await refusal(f"{socket}x?ticket=x") == 403
        paths = ["/wp-login.php", "/.env", "/grants", "/bonuses", "/admin"] * 10
        codes = await together([partial(world.status, path) for path in paths])
        assert set(codes) <= {401, 403, 404}
        url = await browser.ticket()
        await browser.tab(url)
        assert await refusal(url) == 401
        users = [Browser(browser.headcount, browser.stack) for _ in range(USERS)]
        tabs = await together([user.tab for user in users])
        sent = await world.counted("headcount_pushes_sent_sum")
        await world.order()
        await world.until_counted("headcount_pushes_sent_sum", sent + USERS)
        for tab in tabs:
            tab.transport.abort()
        for tab in await together([user.tab for user in users]):
            await tab.close()
        await world.schedules()

    minutes = world.minutes.fork()
    await minutes.play(traffic, 5)
    assert minutes.sums("aws_lambda_errors") >= 1_000
    assert minutes.ringing() == set()


# Functions.


async def handshakes(world: World) -> None:
    socket = f"{world.browser.headcount.websocket_url}?ticket=x"
    assert await together([lambda: refusal(socket)] * ENOUGH) == [500] * ENOUGH


async def requests(world: World) -> None:
    assert await together([lambda: world.status("/health")] * ENOUGH) == [500] * ENOUGH


@rings("SocketErrors")
async def a_function_of_the_socket_is_missing(world: World) -> set[str]:
    async with world.fault("function_missing"):
        return await world.plays(partial(handshakes, world))


@rings("WebErrors")
async def a_function_of_the_http_api_is_missing(world: World) -> set[str]:
    async with world.fault("function_missing"):
        return await world.plays(partial(requests, world))


@rings("FunctionThrottles")
async def functions_of_the_socket_are_throttled(world: World) -> set[str]:
    async with world.fault("function_throttled"):
        return await world.plays(partial(handshakes, world))


@rings("FunctionThrottles")
async def functions_of_the_http_api_are_throttled(world: World) -> set[str]:
    async with world.fault("function_throttled"):
        return await world.plays(partial(requests, world))


# The queues. Parts of a second of the machine stand for minutes. Orders are soon over: what waits
# for longer on a busy machine is queued again by the awards.

BRIEF = FOR_ALL | {"window_seconds": 5}

AGE_OF_MESSAGES = "aws_sqs_approximate_age_of_oldest_message_last"
MESSAGES = "aws_sqs_approximate_number_of_messages_visible_last"


@rings("QueueAge")
async def bonuses_wait_in_the_queue(world: World) -> set[str]:
    async def minute() -> None:
        await world.browser.api("POST", "/bonuses", BRIEF)
        await world.until_counted(AGE_OF_MESSAGES, 0.6, "BroadcastQueue")

    async with world.fault("queue_stuck"):
        return await world.plays(minute, 2, {"BroadcastQueue": 200})


@rings("QueueAge")
async def news_wait_in_the_queue(world: World) -> set[str]:
    order = {"type": "hint", "body": {}, "audience": FOR_ALL["audience"], "expires_in_seconds": 5}

    async def minute() -> None:
        await world.browser.api("POST", "/news", order)
        await world.until_counted(AGE_OF_MESSAGES, 0.6, "NewsQueue")

    async with world.fault("queue_stuck"):
        return await world.plays(minute, 2, {"NewsQueue": 2_000})


@rings("QueueUnavailable")
async def the_queue_hangs(world: World) -> set[str]:
    async def minute() -> None:
        with stopped(world.queue_server), pytest.raises(urllib.error.HTTPError) as refused:
            await world.browser.api("POST", "/bonuses", BRIEF)
        assert refused.value.code == 503
        refused.value.close()

    return await world.plays(minute, 2)


async def is_over(world: World, bonus_id: str) -> bool:
    bonus = await world.browser.api("GET", f"/bonuses/{bonus_id}")
    return bool(bonus["state"] == "expired")


LEAVES = "delete from watching_times where user_id like 'crowd-%'"


@rings("PushesLate")
async def a_bonus_is_over_before_it_is_pushed(world: World) -> set[str]:
    order = FOR_ALL | {"window_seconds": 1}
    dropped = "headcount_pushes_dropped_sum"

    async def minute() -> None:
        before = await world.counted(dropped)
        await world.browser.rows(LEAVES)
        await world.browser.rows(CROWD, 1_100, timedelta(0))
        async with world.fault("queue_stuck"):
            bonus = await world.browser.api("POST", "/bonuses", order)
            # Not by the age of messages, which may still be that of the minute before.
            await until_answered(partial(is_over, world, bonus["bonus_id"]))
        await world.until_counted(dropped, before + 1_000)

    found = await world.plays(minute, 2)
    await world.browser.rows(LEAVES)
    return found


# The schedules.


@rings("SweepBehind")
async def no_sweep_runs(world: World) -> set[str]:
    return await world.plays_until_it_rings(partial(world.schedules, "SweepFunction"), 10)


@rings("AwardsStopped")
async def no_award_runs(world: World) -> set[str]:
    return await world.plays_until_it_rings(partial(world.schedules, "AwardFunction"), 10)


@rings("SweepBehind")
async def a_cycle_of_the_sweep_takes_long(world: World) -> set[str]:
    """A second stands for twenty minutes: 30 connections, ten of them a second."""

    async def minute() -> None:
        await world.browser.rows(CROWD, 30, timedelta(minutes=2))
        await world.schedules()

    return await world.plays_until_it_rings(minute, 10, {"cycle_age": 1_200})


@rings("SweepBehind")
async def a_step_of_the_sweep_fails(world: World) -> set[str]:
    async with world.without("finalize"):
        return await world.plays(world.schedules, 10)


@rings("AwardsStopped")
async def a_step_of_the_awards_fails(world: World) -> set[str]:
    async with world.without("close_bonuses"):
        return await world.plays(world.schedules, 10)


@rings("WebhooksBehind")
async def no_webhook_is_sent(world: World) -> set[str]:
    return await world.plays_until_it_rings(partial(world.schedules, "WebhookFunction"), 10)


@rings("WebhooksBehind")
async def the_log_of_webhooks_cannot_be_written(world: World) -> set[str]:
    async with world.without("collect_webhook_events"):
        return await world.plays(world.schedules, 10)


SEVEN_HOURS_BEHIND = "update rollup_state set rolled_up_to = now() - interval '7 hours'"


@rings("RollupsBehind")
async def the_sums_for_reports_fail(world: World) -> set[str]:
    async with world.without("roll_up"):
        await world.browser.rows(SEVEN_HOURS_BEHIND)
        return await world.plays(world.schedules, 10)


@rings("RollupsBehind")
async def another_run_of_the_sums_hangs(world: World) -> set[str]:
    db = await asyncpg.connect(world.browser.headcount.database_url)
    async with world.without("roll_up"):  # so that no sweep comes in between
        await world.browser.rows(SEVEN_HOURS_BEHIND)
        await db.execute("begin")
        await db.execute("select from rollup_state for update")
    found = await world.plays(world.schedules, 10)
    await db.close()
    return found


# The neighbours.


UNAVAILABLE = "headcount_database_unavailable_sum"


async def acts(world: World, tab: ClientConnection, count: str) -> None:
    """Send messages until this has been counted often enough."""
    before = await world.counted(count)
    while await world.counted(count) < before + ENOUGH:
        await ask(tab, {"action": "act", "id": uuid.uuid4().hex, "type": "like", "body": {}})


@rings("DatabaseUnavailable")
async def the_database_hangs(world: World) -> set[str]:
    """Messages are answered all the same, and counted."""
    tab = await world.browser.tab()
    await hello(tab)
    with world.line.held():
        return await world.plays(partial(acts, world, tab, UNAVAILABLE))


@rings("DatabaseUnavailable")
async def the_database_is_gone_for_long(world: World) -> set[str]:
    """All steps of the sweep and of the awards fail, and no second alarm need say it."""
    await world.line.cut()
    found = await world.plays(world.schedules, 12)
    await world.line.join()
    await until_answered(partial(finds_the_database, world))
    return found


async def finds_the_database(world: World) -> bool:
    """Whether the schedules do; they ask again after a pause."""
    before = await world.counted(UNAVAILABLE)
    await world.schedules()
    return await world.counted(UNAVAILABLE) == before


@rings("NodeUnreachable")
async def the_gateway_does_not_answer(world: World) -> set[str]:
    await world.browser.rows(AGE)
    async with world.fault("management_latency", 60):
        return await world.plays(world.schedules)


@rings("NodeUnreachable")
async def the_gateway_refuses_the_sweep(world: World) -> set[str]:
    await hello(await world.browser.tab())  # the others were taken for ended

    async def minute() -> None:
        await world.browser.rows(AGE)
        await world.schedules()

    async with world.fault("management_failed"):
        return await world.plays_until_it_rings(minute, 3)


@rings("NodeUnreachable")
async def the_gateway_refuses_pushes(world: World) -> set[str]:
    tab = await world.browser.tab()
    await hello(tab)
    await hello(await world.browser.tab())
    async with world.fault("management_failed"):
        return await world.plays(partial(acts, world, tab, "headcount_pushes_undelivered_sum"))


# Last in this system: each function has to start again.


@rings("FunctionErrors")
async def functions_of_the_socket_crash(world: World) -> set[str]:
    async def minute() -> None:
        crashes = await together([lambda: refusal(world.ticket())] * ENOUGH)
        assert crashes == [500] * ENOUGH

    async with world.fault("function_crash"):
        return await world.plays(minute)


@rings("FunctionErrors")
async def functions_of_the_http_api_crash(world: World) -> set[str]:
    async def minute() -> None:
        await together([lambda: world.status("/health")] * ENOUGH)

    async with world.fault("function_crash"):
        return await world.plays(minute)


# A system whose quota is one connection a second, and where a failed message comes again at once.


@rings("ClientsThrottled", STORIES_OF_AN_IMPATIENT_SYSTEM)
async def the_quota_of_connections_is_used_up(world: World) -> set[str]:
    """Lambda sees nothing of it, and ClientError counts it among the refusals of strangers."""

    async def minute() -> None:
        codes: list[int] = []
        while codes.count(429) <= 60:
            codes += await together([lambda: refusal(world.browser.headcount.websocket_url)] * 100)

    return await world.plays(minute, 5)


@rings("DeadLetters", STORIES_OF_AN_IMPATIENT_SYSTEM)
async def a_worker_dies_at_each_try(world: World) -> set[str]:
    """The last story of its system, which keeps the dead letter."""

    async def minute() -> None:
        async with AsyncExitStack() as stack:
            async with world.fault("queue_stuck"):
                await world.browser.api("POST", "/bonuses", FOR_ALL)
                await stack.enter_async_context(world.fault("function_crash"))
            await world.until_counted(MESSAGES, 0, "BroadcastDeadLetters")

    return await world.plays(minute, 1)
