"""Who is online, who watched and how long, how many at once, and the facts: JSON pages and CSV."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends, Query, Request, Response

from handlers.adapters.cursors import LONGEST, Cursor
from handlers.adapters.listing import Listing, as_csv
from handlers.adapters.refusal import (
    Refused,
    facts_dropped,
    foreign_cursor,
    needs_interval,
    reversed_interval,
    too_many_points,
)
from handlers.adapters.shapes import (
    LAST_MILLISECOND,
    Concurrency,
    ConcurrencyPage,
    Fact,
    FactsPage,
    Name,
    Online,
    OnlineCounts,
    OnlinePage,
    Session,
    SessionsPage,
    WatchTime,
    WatchTimePage,
)
from handlers.core.operation import Query as Sql
from handlers.core.operation import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI
    from fastapi.params import Depends as Depending

    from handlers.container import Container

WITHIN = timedelta(seconds=1)
COUNTS_ARE_KEPT_SECONDS = 5.0
MAX_COUNTS = 1_000
MAX_POINTS = 1_500
# Up to here, each coming and going is looked at; beyond, a moment in each second, and of those not
# more than so many. An hour in which 640,000 come takes 1.2 s to the microsecond, 0.3 s to the
# second.
EXACT_UP_TO = timedelta(minutes=5)
MOMENTS = 50_000
STEPS = (1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 86_400, 604_800)
SETTLE_BATCH_SIZE = 5_000

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What asyncpg writes as '-infinity' and 'infinity'.
ALWAYS = datetime.min  # noqa: DTZ901
NEVER = datetime.max  # noqa: DTZ901
OPEN = 2**63 - 1
"""The position of an open session in the list of sessions."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

Limit = Annotated[int, Query(ge=1, le=1000, description="rows in one page")]
After = Annotated[str | None, Query(max_length=LONGEST, description="`next` of the page before")]
Wanted = Annotated[Name | None, Query()]
Millis = Annotated[
    int, Query(ge=0, le=LAST_MILLISECOND, description="milliseconds since the epoch")
]
Seconds = Annotated[int, Query(ge=0, le=315_360_000)]
Ending = Literal["client", "idle", "expired", "swept", "node_evicted", "kicked", "moved"]
By = Annotated[
    str,
    Query(
        pattern="^(user|resource|day|hour)(,(user|resource|day|hour))*$",
        description="user, resource, day, hour; or several with commas between, not day and hour",
    ),
]


@dataclass(frozen=True)
class Interval:
    """From `begins` up to, but not including, `ends`."""

    begins: datetime
    ends: datetime


def interval(
    begins: Annotated[Millis, Query(alias="from")], ends: Annotated[Millis, Query(alias="to")]
) -> Interval:
    """The interval [from, to), which must not be empty. Raises Refused."""
    if ends <= begins:
        raise reversed_interval()
    return Interval(moment(begins), moment(ends))


def moment(at: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at)


Within = Annotated[Interval, Depends(interval)]


def add_routes(app: FastAPI, container: Container, trusted: Sequence[Depending]) -> None:
    """Add the routes; `trusted` asks each caller for the service token."""
    _add_online(app, container, trusted)
    _add_sessions(app, container, trusted)
    _add_watch_time(app, container, trusted)
    _add_concurrency(app, container, trusted)
    _add_facts(app, container, trusted)


def _add_online(app: FastAPI, container: Container, trusted: Sequence[Depending]) -> None:
    def online(resource: Wanted = None, node: Wanted = None) -> Listing:
        async def fetch(position: list[object] | None, limit: int) -> list[Row]:
            begins = position or ["", ""]
            return await container.database.fetch(Sql("online", (resource, node, *begins, limit)))

        return Listing(
            Cursor("online", (resource, node), str, str),
            tuple(Online.model_fields),
            fetch,
            lambda row: (row["user_id"], row["resource"]),
        )

    @app.get("/online", dependencies=trusted, tags=["presence"])
    async def list_online(
        asked: Listing = Depends(online),
        resource: Wanted = None,
        node: Wanted = None,
        limit: Limit = 100,
        after: After = None,
    ) -> OnlinePage:
        """Who is online, in order of user and resource; with the first page, how many in all."""
        rows, following = await asked.page(after, limit)
        # Counting looks at everyone: once, and not for each page.
        counts = await container.database.fetch_one(
            Sql("online_count", (resource, node, after is None))
        )
        return OnlinePage.model_validate({**counts, "items": rows, "next": following})

    @app.get("/online.csv", dependencies=trusted, tags=["presence"])
    async def online_as_csv(
        request: Request, asked: Listing = Depends(online), after: After = None
    ) -> Response:
        """The same as CSV; `Link: <…>; rel="next"` when there is more."""
        return await asked.csv(request, after)

    counted_at = -COUNTS_ARE_KEPT_SECONDS
    counts: OnlineCounts | None = None

    @app.get("/online/counts", dependencies=trusted, tags=["presence"])
    async def count_online() -> OnlineCounts:
        """How many are online, in all, by resource and by node; exact, and at most 5 s old."""
        nonlocal counted_at, counts
        if counts is None or time.monotonic() >= counted_at + COUNTS_ARE_KEPT_SECONDS:
            began_at = time.monotonic()
            row = await container.database.fetch_one(Sql("online_counts", (MAX_COUNTS,)))
            parts = {name: json.loads(str(row[name])) for name in ("resources", "nodes")}
            counted_at, counts = began_at, OnlineCounts.model_validate({**row, **parts})
        return counts


def _add_sessions(app: FastAPI, container: Container, trusted: Sequence[Depending]) -> None:
    def sessions(  # noqa: PLR0913, PLR0917  # each is a filter
        user_id: Wanted = None,
        begins: Annotated[Millis | None, Query(alias="from")] = None,
        ends: Annotated[Millis | None, Query(alias="to")] = None,
        resource: Wanted = None,
        ended_by: Annotated[Ending | None, Query()] = None,
        min_seconds: Annotated[Seconds | None, Query()] = None,
        max_seconds: Annotated[Seconds | None, Query()] = None,
    ) -> Listing:
        if user_id is None and (begins is None or ends is None):
            raise needs_interval()
        if begins is not None and ends is not None and ends <= begins:
            raise reversed_interval()
        filters = (
            ALWAYS if begins is None else moment(begins),
            NEVER if ends is None else moment(ends),
            user_id,
            resource,
            ended_by,
            None if min_seconds is None else timedelta(seconds=min_seconds),
            None if max_seconds is None else timedelta(seconds=max_seconds),
        )

        async def fetch(position: list[object] | None, limit: int) -> list[Row]:
            begins = (None, None) if position is None else _ended_at(position)
            return await container.database.report(
                Sql("sessions", (*filters, *begins, limit, None)), WITHIN
            )

        return Listing(
            Cursor("sessions", filters, int, int),
            tuple(Session.model_fields),
            fetch,
            lambda row: (row["position"], row["session_id"]),
        )

    # The user in the query, not in the path: API Gateway decodes a path and Mangum decodes it once
    # more, so a name with a slash or a percent sign would become another one.
    @app.get("/sessions", dependencies=trusted, tags=["presence"])
    async def list_sessions(
        asked: Listing = Depends(sessions),
        user_id: Wanted = None,
        limit: Limit = 100,
        after: After = None,
    ) -> SessionsPage:
        """Sessions of a user, or that cross an interval: open ones first, then the last to end.

        Give `user_id`, or `from` and `to`, or all. A session that ends while you read on may come
        twice, first open and then ended. A user without sessions has an empty list.
        """
        rows, following = await asked.page(after, limit)
        name = "watch_time" if user_id is not None else "server_time"
        total = await container.database.fetch_one(Sql(name, () if user_id is None else (user_id,)))
        items = [{column: row[column] for column in asked.columns} for row in rows]
        nobody = {"user_id": user_id, "online": None, "watched_ms": None}
        return SessionsPage.model_validate(nobody | total | {"items": items, "next": following})

    @app.get("/sessions.csv", dependencies=trusted, tags=["presence"])
    async def sessions_as_csv(
        request: Request, asked: Listing = Depends(sessions), after: After = None
    ) -> Response:
        """The same as CSV; `Link: <…>; rel="next"` when there is more."""
        return await asked.csv(request, after)


def _ended_at(position: list[object]) -> tuple[datetime, object]:
    ended_at, session_id = position
    try:
        microseconds = int(str(ended_at))
        if microseconds == OPEN:
            return NEVER, session_id
        return EPOCH + timedelta(microseconds=microseconds), session_id
    except OverflowError as error:
        raise foreign_cursor() from error


def _add_watch_time(app: FastAPI, container: Container, trusted: Sequence[Depending]) -> None:
    def watch_time(
        within: Within, by: By, user_id: Wanted = None, resource: Wanted = None
    ) -> Listing:
        keys = by.split(",")
        piece = _piece(keys)
        groups = [key for key in ("user", "resource") if key in keys]
        filters = (within.begins, within.ends, groups, user_id, resource)

        async def by_name(position: list[object] | None, limit: int) -> list[Row]:
            begins = position or ["", ""]
            query = Sql("watch_time_by", (*filters, *begins, limit, None))
            rows = await container.database.report(query, WITHIN)
            return [{"starts_at": None, **row} for row in rows]

        async def by_piece(position: list[object] | None, limit: int) -> list[Row]:
            starts_at, *names = position or [None, "", ""]
            begins = ALWAYS if starts_at is None else _moment(starts_at)
            sizes = (*filters[:2], piece, *filters[2:])
            query = Sql("watch_time_in", (*sizes, begins, *names, limit, None))
            return await container.database.report(query, WITHIN)

        names = (str, str) if piece is None else (int, str, str)
        return Listing(
            Cursor("watch_time", (*filters, piece), *names),
            tuple(WatchTime.model_fields),
            by_name if piece is None else by_piece,
            lambda row: (
                *(() if piece is None else (row["starts_at"],)),
                row["user_id"] or "",
                row["resource"] or "",
            ),
        )

    @app.get("/watch-time", dependencies=trusted, tags=["reports"])
    async def list_watch_time(
        asked: Listing = Depends(watch_time), limit: Limit = 100, after: After = None
    ) -> WatchTimePage:
        """Watch time in an interval, by user, resource, day or hour (UTC), in this order of time.

        A session that crosses a border gives each side its part.
        """
        rows, following = await asked.page(after, limit)
        return WatchTimePage.model_validate({"items": rows, "next": following})

    @app.get("/watch-time.csv", dependencies=trusted, tags=["reports"])
    async def watch_time_as_csv(
        request: Request, asked: Listing = Depends(watch_time), after: After = None
    ) -> Response:
        """The same as CSV; `Link: <…>; rel="next"` when there is more."""
        return await asked.csv(request, after)


def _piece(keys: list[str]) -> timedelta | None:
    if len(set(keys)) < len(keys) or {"day", "hour"} <= set(keys):
        raise Refused(422, "unknown_by", "`by` names each once, and not both day and hour")
    return DAY if "day" in keys else HOUR if "hour" in keys else None


def _moment(at: object) -> datetime:
    try:
        return moment(int(str(at)))
    except OverflowError as error:
        raise foreign_cursor() from error


@dataclass(frozen=True)
class Steps:
    """Steps of an interval, and how often to look within each."""

    within: Interval
    step: timedelta
    resolution: timedelta


def steps(
    within: Within, step_seconds: Annotated[int | None, Query(ge=1, le=315_360_000)] = None
) -> Steps:
    """The steps asked for, or some 300 of them. Raises Refused if they would be too many."""
    length = within.ends - within.begins
    seconds = step_seconds or next(
        (step for step in STEPS if length / timedelta(seconds=step) <= MAX_POINTS / 5), STEPS[-1]
    )
    step = timedelta(seconds=seconds)
    if length / step > MAX_POINTS:
        raise too_many_points(MAX_POINTS)
    if length <= EXACT_UP_TO:
        return Steps(within, step, timedelta(microseconds=1))
    least = length.total_seconds() / MOMENTS
    resolution = next(
        size
        for size in range(1, seconds + 1)
        if seconds % size == 0 and size >= min(least, seconds)
    )
    return Steps(within, step, timedelta(seconds=resolution))


def _add_concurrency(app: FastAPI, container: Container, trusted: Sequence[Depending]) -> None:
    async def points(asked: Annotated[Steps, Depends(steps)], resource: Wanted = None) -> list[Row]:
        query = Sql(
            "concurrency",
            (
                asked.within.begins,
                asked.within.ends,
                asked.step,
                resource,
                asked.resolution,
                None,
            ),
        )
        return await container.database.report(query, WITHIN)

    @app.get("/concurrency", dependencies=trusted, tags=["reports"])
    async def count_concurrency(
        asked: Annotated[Steps, Depends(steps)], rows: list[Row] = Depends(points)
    ) -> ConcurrencyPage:
        """How many watch at once, for each step of the interval up to now, and the peak.

        Without `step_seconds`, some 300 steps. Beyond five minutes one moment in `resolution_ms` is
        looked at, and `most` is the most of those.
        """
        items = [Concurrency.model_validate(row) for row in rows]
        highest = max(items, key=lambda point: point.most, default=None)
        exact = asked.resolution < timedelta(milliseconds=1)
        return ConcurrencyPage.model_validate(
            {
                "items": items,
                "peak": highest and {"viewers": highest.most, "at": highest.most_at},
                "step_seconds": int(asked.step.total_seconds()),
                "resolution_ms": 0 if exact else int(asked.resolution.total_seconds() * 1000),
            }
        )

    @app.get("/concurrency.csv", dependencies=trusted, tags=["reports"])
    async def concurrency_as_csv(rows: list[Row] = Depends(points)) -> Response:
        """The same as CSV."""
        text, _ = as_csv(tuple(Concurrency.model_fields), rows)
        return Response(text, media_type="text/csv; charset=utf-8; header=present")


def _add_facts(app: FastAPI, container: Container, trusted: Sequence[Depending]) -> None:
    cursor = Cursor("facts", (), str, int)

    @app.get("/facts", dependencies=trusted, tags=["presence"])
    async def list_facts(limit: Limit = 100, after: After = None) -> FactsPage:
        """ "online" and "offline" of each user and resource, each exactly once, in order.

        Without `after` from the oldest that is kept. 410 `facts_dropped`: the cursor is older.
        """
        epoch, seq = (None, None) if after is None else cursor.read(after)
        settled = await container.database.fetch_one(Sql("finalize", (SETTLE_BATCH_SIZE,)))
        begins = int(str(seq or 0))
        if not 0 <= begins < OPEN:
            raise foreign_cursor()
        rows = await container.database.fetch(Sql("presence_events", (begins, limit)))
        # Read after them: whatever has been pruned meanwhile is in it.
        log = await container.database.fetch_one(Sql("presence_event_log", ()))
        last_seq, pruned_seq = int(str(log["last_seq"])), int(str(log["pruned_seq"]))
        if seq is not None and (epoch != str(log["epoch"]) or begins > last_seq):
            raise foreign_cursor()
        if seq is not None and begins < pruned_seq:
            raise facts_dropped()
        ends = int(str(rows[-1]["seq"])) if rows else max(begins, pruned_seq)
        return FactsPage(
            items=[Fact.model_validate(row) for row in rows],
            next=cursor.write((str(log["epoch"]), ends)),
            has_more=ends < last_seq or bool(settled["is_behind"]),
        )
