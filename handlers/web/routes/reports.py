"""Watch time and concurrency."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, NamedTuple

from fastapi import Depends, Query, Request, Response
from msgspec.structs import astuple, replace
from pydantic import Field

from handlers.services import reports
from handlers.services.presence import ALWAYS, EPOCH
from handlers.services.reports import (
    ConcurrencyRow,
    Steps,
    WatchTimeByName,
    WatchTimeByPeriod,
    WatchTimeOfAll,
    WatchTimeRow,
)
from handlers.web.deps import (
    Clock,
    Corrections,
    ResourceFilter,
    TheDatabase,
    TheInterval,
    TimeZone,
    UserFilter,
    service_router,
)
from handlers.web.errors import (
    BAD_REQUEST,
    FOREIGN_CURSOR,
    NARROWER_RANGE,
    REVERSED_INTERVAL,
    TOO_MANY_POINTS,
    UNKNOWN_BY,
    UNKNOWN_TIMEZONE,
    ApiError,
    documented,
)
from handlers.web.pagination import (
    CSV,
    After,
    CsvResponse,
    Cursor,
    Limit,
    Listing,
    Milliseconds,
    TheCsvForm,
)
from handlers.web.schemas.fields import IN_DECIMALS
from handlers.web.schemas.reports import (
    Concurrency,
    ConcurrencyPage,
    Peak,
    WatchTime,
    WatchTimePage,
)

router = service_router("reports")

WATCH_TIME_ERRORS = documented(
    BAD_REQUEST, FOREIGN_CURSOR, REVERSED_INTERVAL, UNKNOWN_BY, UNKNOWN_TIMEZONE, NARROWER_RANGE
)
NO_PERIOD = "`timezone` is of days and hours; name one of them in `by`, or leave `timezone` out"
CONCURRENCY_ERRORS = documented(BAD_REQUEST, REVERSED_INTERVAL, TOO_MANY_POINTS, NARROWER_RANGE)

By = Annotated[
    str,
    Query(
        pattern="^(user|resource|day|hour)(,(user|resource|day|hour))*$",
        description="`user`, `resource`, `day` or `hour`, or several with commas between; not both "
        "`day` and `hour`",
    ),
]


class NamePosition(NamedTuple):
    user_id: str
    resource: str


class PeriodPosition(NamedTuple):
    starts_at: Milliseconds
    user_id: str
    resource: str


PeriodStatement = WatchTimeByPeriod | WatchTimeOfAll
WatchTimeListing = Listing[WatchTimeRow, NamePosition] | Listing[WatchTimeRow, PeriodPosition]


def watch_time(  # noqa: PLR0913, PLR0917  # most are filters
    database: TheDatabase,
    interval: TheInterval,
    by: By,
    user_id: UserFilter = None,
    resource: ResourceFilter = None,
    timezone: TimeZone = None,
    clock: Clock = "connected",
    corrections: Corrections = "applied",
) -> WatchTimeListing:
    keys = by.split(",")
    if len(set(keys)) < len(keys) or {"day", "hour"} <= set(keys):
        raise ApiError.of(UNKNOWN_BY)
    names: list[str] = [key for key in ("user", "resource") if key in keys]
    period = next((key for key in ("day", "hour") if key in keys), None)
    begins, ends = interval.begins, interval.ends
    is_visible, is_corrected = clock == "visible", corrections == "applied"
    if period is None and timezone is not None:
        raise ApiError.of(UNKNOWN_BY, NO_PERIOD)
    if user_id is None and "user" not in names:
        return _by_period(
            database,
            WatchTimeOfAll(
                begins,
                ends,
                period,
                timezone or "UTC",
                "resource" in names,
                resource,
                ALWAYS,
                is_visible=is_visible,
                is_corrected=is_corrected,
            ),
        )
    if period is None:
        return _by_name(
            database,
            WatchTimeByName(
                *(begins, ends, names, user_id, resource),
                is_visible=is_visible,
                is_corrected=is_corrected,
            ),
        )
    return _by_period(
        database,
        WatchTimeByPeriod(
            begins,
            ends,
            period,
            timezone or "UTC",
            names,
            user_id,
            resource,
            ALWAYS,
            is_visible=is_visible,
            is_corrected=is_corrected,
        ),
    )


def _by_name(
    database: TheDatabase, statement: WatchTimeByName
) -> Listing[WatchTimeRow, NamePosition]:
    async def fetch(after: NamePosition | None, limit: int) -> list[WatchTimeRow]:
        user_id, resource = after or ("", "")
        page = replace(statement, after_user_id=user_id, after_resource=resource, limit=limit)
        return await reports.read_watch_time(database, page)

    return Listing(
        Cursor("watch_time", astuple(statement), NamePosition),
        WatchTime.model_fields,
        fetch,
        lambda row: NamePosition(row.user_id or "", row.resource or ""),
    )


def _by_period(
    database: TheDatabase, statement: PeriodStatement
) -> Listing[WatchTimeRow, PeriodPosition]:
    async def fetch(after: PeriodPosition | None, limit: int) -> list[WatchTimeRow]:
        page = statement if after is None else _behind(statement, after)
        return await reports.read_watch_time(database, replace(page, limit=limit))

    return Listing(
        Cursor("watch_time", astuple(statement), PeriodPosition),
        WatchTime.model_fields,
        fetch,
        lambda row: PeriodPosition(row.starts_at or 0, row.user_id or "", row.resource or ""),
    )


def _behind(statement: PeriodStatement, after: PeriodPosition) -> PeriodStatement:
    starts_at = EPOCH + timedelta(milliseconds=after.starts_at)
    if isinstance(statement, WatchTimeByPeriod):
        return replace(
            statement,
            after_starts_at=starts_at,
            after_user_id=after.user_id,
            after_resource=after.resource,
        )
    # Without periods there is one, the interval.
    starts_at = statement.begins if statement.period is None else starts_at
    return replace(statement, after_starts_at=starts_at, after_resource=after.resource)


TheWatchTime = Annotated[WatchTimeListing, Depends(watch_time)]


@router.get("/watch-time", responses=WATCH_TIME_ERRORS)
async def list_watch_time(
    listing: TheWatchTime, limit: Limit = 100, after: After = None
) -> WatchTimePage:
    """Sum up the watch time within an interval by user, resource, day or hour.

    The rows come in the order of time, user and resource. A session that crosses midnight gives
    each day its part. Days and hours are those of `timezone`.
    """
    rows, following = await listing.page(after, limit)
    return WatchTimePage(items=[WatchTime.model_validate(row) for row in rows], next=following)


@router.get("/watch-time.csv", response_class=Response, responses=CSV | WATCH_TIME_ERRORS)
async def export_watch_time(
    request: Request, listing: TheWatchTime, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """Sum up the watch time as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await listing.csv(request, form, after)


def steps(
    interval: TheInterval,
    step_seconds: Annotated[
        Annotated[int, Field(ge=1, le=315_360_000), IN_DECIMALS] | None,
        Query(description="the length of a step; by default some 300 steps"),
    ] = None,
) -> Steps:
    return reports.choose_steps(interval, step_seconds)


TheSteps = Annotated[Steps, Depends(steps)]


async def concurrency(
    database: TheDatabase,
    steps: TheSteps,
    resource: ResourceFilter = None,
    corrections: Corrections = "applied",
) -> list[ConcurrencyRow]:
    return await reports.count_concurrency(
        database, steps, resource, is_corrected=corrections == "applied"
    )


TheConcurrency = Annotated[list[ConcurrencyRow], Depends(concurrency)]


@router.get("/concurrency", responses=CONCURRENCY_ERRORS)
async def count_concurrency(steps: TheSteps, rows: TheConcurrency) -> ConcurrencyPage:
    """Count how many users watch at once, for each step of an interval up to now.

    In an interval of up to five minutes the peaks are exact. In a longer one, viewers are counted
    at one moment in `resolution_ms`; but steps of whole quarter hours that begin on one are exact
    once they are summed up, which is some three hours later.
    """
    highest = max(rows, key=lambda row: row.peak_viewers, default=None)
    is_exact = steps.resolution < timedelta(milliseconds=1)
    return ConcurrencyPage(
        items=[Concurrency.model_validate(row) for row in rows],
        peak=Peak(viewers=highest.peak_viewers, at=highest.peak_at) if highest else None,
        step_seconds=int(steps.step.total_seconds()),
        resolution_ms=0 if is_exact else int(steps.resolution.total_seconds() * 1000),
    )


@router.get("/concurrency.csv", response_class=Response, responses=CSV | CONCURRENCY_ERRORS)
async def export_concurrency(rows: TheConcurrency, form: TheCsvForm) -> CsvResponse:
    """Count how many users watch at once, as CSV."""
    text, _ = form.write(Concurrency.model_fields, rows)
    return CsvResponse(text)
