"""Timers for the plan's schedules; model/timing.py says when each is due.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html (2026-11-23)

A rate runs first one period after the start. A schedule never meets itself: a run that takes longer
than it should leaves out the times it covered. On AWS such runs would overlap, and failed ones be
tried again; here the next time is the next try.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.invoke import Invoker
    from wsgate.model.plan import Plan, Schedule

_LOOK: Final = timedelta(seconds=30)


class Schedules:
    """Invokes the functions of a plan's schedules while it runs."""

    def __init__(self, plan: Plan, invoker: Invoker, *, log: Callable[[str, str], None]) -> None:
        """Start nothing yet. `log(function, line)` gets each failed run."""
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
        started = now = datetime.now(UTC)
        while (due := schedule.timing.next(started, now)) is not None:
            await _sleep_until(due)
            await self._run(schedule, due)
            # A clock that was set back must not bring the same moment again.
            now = max(due, datetime.now(UTC))
        self._log(schedule.function, f"schedule {schedule.name} has no time left to run")

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


async def _sleep_until(due: datetime) -> None:
    """A machine that slept, or whose clock was set, is late by `_LOOK` at most."""
    while (left := due - datetime.now(UTC)) > timedelta(0):  # noqa: ASYNC110 it is the clock
        await asyncio.sleep(min(left, _LOOK).total_seconds())


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
