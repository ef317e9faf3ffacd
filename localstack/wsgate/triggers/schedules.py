"""Timers for the plan's schedules.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html (2026-11-23)

A schedule runs first one period after the start, and never meets itself: a run that takes longer
than the period leaves out the times it covered. On AWS such runs would overlap, and failed ones be
tried again; here the next period is the next try.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.invoke import Invoker
    from wsgate.plan import Plan, Schedule


class Schedules:
    """Invokes the functions of a plan's schedules while it runs."""

    def __init__(self, plan: Plan, invoker: Invoker, *, log: Callable[[str, str], None]) -> None:
        """Start nothing yet. `log(function, line)` hears of runs that failed."""
        self._plan, self._invoker, self._log = plan, invoker, log
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Set the timers."""
        self._tasks = [
            asyncio.create_task(self._repeat(schedule), name=f"schedule {schedule.name}")
            for schedule in self._plan.schedules
        ]

    async def close(self) -> None:
        """Stop the timers. A run that is with its function is not waited for."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, schedule: Schedule) -> None:
        started = datetime.now(UTC)
        while True:
            due = next_due(started, schedule.every, datetime.now(UTC))
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            await self._run(schedule, due)

    async def _run(self, schedule: Schedule, due: datetime) -> None:
        event = payload(schedule, self._plan.region, self._plan.account, str(uuid.uuid4()), due)
        try:
            answer = await self._invoker.invoke(schedule.function, event)
        except Exception as error:  # a fault of the runner's must not end the timer
            reason = f"{type(error).__name__}: {error}"
            self._log(schedule.function, f"schedule {schedule.name} failed: {reason}")
            return
        if answer.function_error is not None:
            self._log(schedule.function, f"schedule {schedule.name} failed in the function")


def next_due(started: datetime, every: timedelta, now: datetime) -> datetime:
    """Return the first whole period after `started` that is later than `now`."""
    periods = max(0, (now - started) // every)
    return started + (periods + 1) * every


def payload(schedule: Schedule, region: str, account: str, event_id: str, now: datetime) -> bytes:
    """Return the schedule's constant Input, or what EventBridge sends without one.

    https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html (2026-11-23) says
    nothing about its shape; this is what public code shows as received, from both services.
    """
    if schedule.payload is not None:
        return schedule.payload.encode()
    is_rule = schedule.source == "aws.events"
    event = {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": schedule.source,
        "account": account,
        "time": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": [schedule.arn],
        # EventBridge Scheduler's has an empty object as a text.
        "detail": {} if is_rule else "{}",
    }
    return json.dumps(event).encode()
