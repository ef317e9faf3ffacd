"""Part C: each report over millions of past sessions, as the HTTP API asks for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bench.presence.world import say, script
from handlers.adapters.database import CALL_SECONDS, TooSlow
from handlers.services.audience import ReadAudience, choose_resolution
from handlers.services.presence import (
    CountByPart,
    CountOnline,
    ListOnline,
    ListPresenceEvents,
    ListSessions,
)
from handlers.services.reports import (
    REPORT_TIMEOUT,
    Concurrency,
    Interval,
    WatchTimeByName,
    WatchTimeByPeriod,
    WatchTimeOfAll,
    choose_steps,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from bench.presence.world import Size
    from handlers.adapters.database import Database
    from handlers.core.operation import Statement

BAR_SECONDS = 1.5
"""A second, and what a busy machine needs to cancel and to answer."""
COUNTED_TIMEOUT = timedelta(seconds=CALL_SECONDS)
PAGE = 100
RANGES = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24, "90 days": 90 * 24}
HOUR = timedelta(hours=1)
NEVER = datetime.min.replace(tzinfo=UTC)

INDEXES = """
select c.relname as name, k.conname is not null as is_constraint,
       coalesce('alter table past_sessions add constraint ' || k.conname || ' '
                || pg_get_constraintdef(k.oid),
                replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')) as definition
  from pg_index i join pg_class c on c.oid = i.indexrelid
       left join pg_constraint k on k.conindid = i.indexrelid and k.contype = 'p'
 where i.indrelid = 'past_sessions'::regclass
"""


async def fill_past(db: asyncpg.Connection, size: Size) -> None:
    """The past, without indexes first: they are built at the end, in a fraction of the time."""
    began = time.perf_counter()
    await db.execute(f"set bench.past = {size.past}; set maintenance_work_mem = '512MB'")
    indexes = await db.fetch(INDEXES)
    for index in indexes:
        kind = (
            "alter table past_sessions drop constraint" if index["is_constraint"] else "drop index"
        )
        await db.execute(f"{kind} {index['name']}")
    await db.execute(script("past"))
    for index in indexes:
        await db.execute(index["definition"])
    await db.execute("vacuum (analyze) past_sessions")
    say(f"   {size.past:,} past sessions filled in {time.perf_counter() - began:.1f} s")


@dataclass(frozen=True)
class Reports:
    """Asks as the handlers do."""

    handlers: Database

    async def measure(self) -> list[tuple[bool, str]]:
        """Print a line for each report and range; returns what is met, or not, of the bar."""
        say("\nC. Reports: ms (rows) for each range, or `narrower`: refused after so many ms")
        say(f"   {'':34}" + "".join(f"{name:>18}" for name in RANGES))
        slowest = 0.0
        for title, query in RANGED.items():
            cells = [await self._ask(query(*_range(hours))) for hours in RANGES.values()]
            slowest = max(slowest, *(seconds for _, seconds in cells))
            say(f"   {title:34}" + "".join(f"{cell:>18}" for cell, _ in cells))
        for title, asked in PLAIN.items():
            cell, seconds = await self._ask(asked)
            slowest = max(slowest, seconds)
            say(f"   {title:34}{cell:>18}")
        for title, asked in COUNTS.items():
            cell, _ = await self._ask(asked, COUNTED_TIMEOUT)
            say(f"   {title:34}{cell:>18}")
        bar = f"each report answers, or refuses, within {slowest:.2f} s, bar {BAR_SECONDS}"
        return [(slowest <= BAR_SECONDS, bar)]

    async def _ask(
        self, statement: Statement[Any], within: timedelta = REPORT_TIMEOUT
    ) -> tuple[str, float]:
        began = time.perf_counter()
        try:
            rows = f"({len(await self.handlers.report(statement, within)):,})"
        except TooSlow:
            rows = "narrower"
        seconds = time.perf_counter() - began
        return f"{seconds * 1000:,.0f} {rows}", seconds


def _range(hours: int) -> tuple[datetime, datetime]:
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return until - timedelta(hours=hours), until


def _sessions(**filters: Any) -> Callable[[datetime, datetime], Statement[Any]]:
    return lambda start, end: ListSessions(start, end, limit=PAGE, **filters)


def _by(*by: str) -> Callable[[datetime, datetime], Statement[Any]]:
    if "user" not in by:
        return _of_all(None, *by)
    return lambda start, end: WatchTimeByName(start, end, list(by), limit=PAGE)


def _in(period: str, *by: str) -> Callable[[datetime, datetime], Statement[Any]]:
    if "user" not in by:
        return _of_all(period, *by)
    return lambda start, end: WatchTimeByPeriod(
        start, end, period, "Europe/Berlin", list(by), None, None, NEVER, limit=PAGE
    )


def _of_all(period: str | None, *by: str) -> Callable[[datetime, datetime], Statement[Any]]:
    return lambda start, end: WatchTimeOfAll(
        start, end, period, "Europe/Berlin", "resource" in by, None, NEVER, limit=PAGE
    )


def _concurrency(start: datetime, end: datetime) -> Statement[Any]:
    asked = choose_steps(Interval(start, end))
    return Concurrency(start, end, asked.step, None, asked.resolution)


def _audience(
    period: str | None, *resources: str
) -> Callable[[datetime, datetime], Statement[Any]]:
    def asked(start: datetime, end: datetime) -> Statement[Any]:
        least, resolution = timedelta(seconds=60), choose_resolution(end - start)
        zone, names = "Europe/Berlin", list(resources) or None
        return ReadAudience(start, end, period, zone, names, least, resolution)

    return asked


RANGED = {
    "sessions": _sessions(),
    "sessions of a user": _sessions(user_id="user-77"),
    "sessions over 1 h on a resource": _sessions(resource="stream-0", min_length=HOUR),
    "sessions that were swept": _sessions(ended_by="swept"),
    "watch time in all": _by(),
    "watch time by resource": _by("resource"),
    "watch time by user": _by("user"),
    "watch time by user and resource": _by("user", "resource"),
    "watch time by day": _in("day"),
    "watch time by hour and resource": _in("hour", "resource"),
    "viewers at once": _concurrency,
    "audience": _audience(None),
    "audience by hour": _audience("hour"),
    "audience of a resource by minute": _audience("minute", "stream-49"),
}
PLAIN: dict[str, Statement[Any]] = {
    "online, a page": ListOnline(None, None, "", "", PAGE),
    "presence events, a page": ListPresenceEvents(0, 1_000),
}
# Of now: no range makes them cheaper, so they have the time that any query has.
COUNTS: dict[str, Statement[Any]] = {
    "online, counted": CountOnline(None, None, True),
    "online, by resource and node": CountByPart(1_000),
}
