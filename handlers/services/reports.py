"""Watch time and concurrency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec

from handlers.core.operation import Statement
from handlers.services.errors import TooManySteps

if TYPE_CHECKING:
    from handlers.core.operation import RowT

REPORT_TIMEOUT = timedelta(seconds=1)
MAX_STEPS = 1_500
# Up to here, each coming and going is looked at; beyond, at most one moment in each second, and no
# more than MAX_MOMENTS in all. An hour in which 640,000 users come takes 1.2 s to the microsecond
# and 0.3 s to the second.
MAX_EXACT_LENGTH = timedelta(minutes=5)
MAX_MOMENTS = 50_000
STEPS = (1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 86_400, 604_800)


class Database(Protocol):
    async def report(self, statement: Statement[RowT], within: timedelta, /) -> list[RowT]: ...


@dataclass(frozen=True)
class Interval:
    """From `begins` up to, but not including, `ends`."""

    begins: datetime
    ends: datetime


class NameRow(msgspec.Struct, frozen=True):
    user_id: str | None
    resource: str | None
    sessions: int
    watched_ms: int
    uncertain_ms: int


class WatchTimeRow(msgspec.Struct, frozen=True):
    starts_at: int | None
    user_id: str | None
    resource: str | None
    sessions: int
    watched_ms: int
    uncertain_ms: int


class WatchTimeByName(Statement[NameRow], frozen=True):
    """Watch time by user, by resource, by both or in total."""

    query: ClassVar[str] = "watch_time_by"
    begins: datetime
    ends: datetime
    by: list[str]
    user_id: str | None = None
    resource: str | None = None
    after_user_id: str = ""
    after_resource: str = ""
    limit: int | None = None
    now: datetime | None = None
    is_visible: bool = False
    is_corrected: bool = True


class WatchTimeByPeriod(Statement[WatchTimeRow], frozen=True):
    """The same for each day or hour of a time zone. Raises UnknownTimeZone."""

    query: ClassVar[str] = "watch_time_in"
    begins: datetime
    ends: datetime
    period: str
    timezone: str
    by: list[str]
    user_id: str | None
    resource: str | None
    after_starts_at: datetime
    after_user_id: str = ""
    after_resource: str = ""
    limit: int | None = None
    now: datetime | None = None
    is_visible: bool = False
    is_corrected: bool = True


class WatchTimeOfAll(Statement[WatchTimeRow], frozen=True):
    """The watch time of all users, from roll-ups where there are any. Raises UnknownTimeZone."""

    query: ClassVar[str] = "watch_time_of_all"
    begins: datetime
    ends: datetime
    period: str | None
    timezone: str
    by_resource: bool
    resource: str | None
    after_starts_at: datetime
    after_resource: str = ""
    limit: int | None = None
    now: datetime | None = None
    is_visible: bool = False
    is_corrected: bool = True


async def read_watch_time(
    database: Database, statement: WatchTimeByName | WatchTimeByPeriod | WatchTimeOfAll
) -> list[WatchTimeRow]:
    """Read one page of a report. Raises TooSlow or UnknownTimeZone."""
    if not isinstance(statement, WatchTimeByName):
        return await database.report(statement, REPORT_TIMEOUT)
    rows = await database.report(statement, REPORT_TIMEOUT)
    return [WatchTimeRow(None, *msgspec.structs.astuple(row)) for row in rows]


@dataclass(frozen=True)
class Steps:
    """The steps of an interval, and how often viewers are counted within each."""

    interval: Interval
    step: timedelta
    resolution: timedelta


def choose_steps(interval: Interval, step_seconds: int | None = None) -> Steps:
    """Take the steps that were asked for, or some 300 of them. Raises TooManySteps."""
    length = interval.ends - interval.begins
    seconds = step_seconds or next(
        (step for step in STEPS if length / timedelta(seconds=step) <= MAX_STEPS / 5), STEPS[-1]
    )
    step = timedelta(seconds=seconds)
    if length / step > MAX_STEPS:
        raise TooManySteps
    if length <= MAX_EXACT_LENGTH:
        return Steps(interval, step, timedelta(microseconds=1))
    smallest = length.total_seconds() / MAX_MOMENTS
    resolution = next(
        size
        for size in range(1, seconds + 1)
        if seconds % size == 0 and size >= min(smallest, seconds)
    )
    return Steps(interval, step, timedelta(seconds=resolution))


class ConcurrencyRow(msgspec.Struct, frozen=True):
    at: int
    viewers: int
    peak_viewers: int
    peak_at: int


class Concurrency(Statement[ConcurrencyRow], frozen=True):
    """How many users watch at once, for each step up to now."""

    query: ClassVar[str] = "concurrency"
    begins: datetime
    ends: datetime
    step: timedelta
    resource: str | None
    resolution: timedelta
    now: datetime | None = None
    is_corrected: bool = True


async def count_concurrency(
    database: Database, steps: Steps, resource: str | None, *, is_corrected: bool = True
) -> list[ConcurrencyRow]:
    """Count the viewers in each step. Raises TooSlow."""
    interval = steps.interval
    return await database.report(
        Concurrency(
            interval.begins,
            interval.ends,
            steps.step,
            resource,
            steps.resolution,
            is_corrected=is_corrected,
        ),
        REPORT_TIMEOUT,
    )
