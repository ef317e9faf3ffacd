"""The audience in the trade's words."""

from __future__ import annotations

from datetime import timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from fastapi import Depends, Query, Response
from pydantic import Field

from handlers.services import audience as service
from handlers.services.audience import Question, ReadAudience
from handlers.services.reports import Interval
from handlers.web.deps import Clock, Corrections, TheDatabase, TheInterval, TimeZone, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    NARROWER_RANGE,
    REVERSED_INTERVAL,
    TOO_LONG_MINIMUM,
    TOO_MANY_POINTS,
    UNKNOWN_BY,
    UNKNOWN_TIMEZONE,
    ApiError,
    documented,
)
from handlers.web.pagination import CSV, CsvResponse, TheCsvForm
from handlers.web.schemas.audience import Audience, AudiencePage
from handlers.web.schemas.fields import IN_DECIMALS, Name
from handlers.web.schemas.moments import MomentInQuery  # noqa: TC001  # FastAPI reads it

if TYPE_CHECKING:
    from collections.abc import Iterator

router = service_router("reports")

ERRORS = documented(
    *(BAD_REQUEST, REVERSED_INTERVAL, UNKNOWN_BY, UNKNOWN_TIMEZONE),
    *(TOO_LONG_MINIMUM, TOO_MANY_POINTS, NARROWER_RANGE),
)
NOT_EARLIER = "`compare_from` must be before `from`: it is when an earlier show began"
NO_PERIOD = "`timezone` is of days and hours; send `by=day` or `by=hour`, or leave `timezone` out"


def question(  # noqa: PLR0913, PLR0917  # most are filters
    by: Annotated[
        Literal["minute", "hour", "day"] | None,
        Query(description="the periods: minutes from `from` on, hours or days; without it, one"),
    ] = None,
    timezone: TimeZone = None,
    resource: Annotated[
        list[Name] | None,
        Query(max_length=100, description="only these resources: may be sent several times"),
    ] = None,
    min_seconds: Annotated[
        int,
        Field(ge=0, le=82_800),
        IN_DECIMALS,
        Query(description="how long a unique viewer watches in the period"),
    ] = 0,
    clock: Clock = "connected",
    corrections: Corrections = "applied",
) -> Question:
    if timezone is not None and by not in {"hour", "day"}:
        raise ApiError.of(UNKNOWN_BY, NO_PERIOD)
    resources = None if resource is None else sorted(set(resource))
    return Question(
        by,
        timezone or "UTC",
        resources,
        timedelta(seconds=min_seconds),
        is_visible=clock == "visible",
        is_corrected=corrections == "applied",
    )


class Asked(NamedTuple):
    """What is read, and what it is compared with."""

    statement: ReadAudience
    compared: ReadAudience | None


def asked(
    interval: TheInterval,
    question: Annotated[Question, Depends(question)],
    compare_from: Annotated[
        MomentInQuery | None,
        Query(description="when an earlier show began, to compare as long an interval of it"),
    ] = None,
) -> Asked:
    if compare_from is None:
        return Asked(question.of(interval), None)
    if compare_from >= interval.begins:
        raise ApiError.of(REVERSED_INTERVAL, NOT_EARLIER)
    earlier = Interval(compare_from, compare_from + (interval.ends - interval.begins))
    return Asked(question.of(interval), question.of(earlier))


class Answer(NamedTuple):
    rows: list[service.Audience]
    compared: list[service.Audience] | None


async def answer(database: TheDatabase, asked: Annotated[Asked, Depends(asked)]) -> Answer:
    rows = await service.read_audience(database, asked.statement)
    if asked.compared is None:
        return Answer(rows, None)
    return Answer(rows, await service.read_audience(database, asked.compared))


TheAnswer = Annotated[Answer, Depends(answer)]


@router.get("/audience", responses=ERRORS)
async def read_audience(asked: Annotated[Asked, Depends(asked)], answer: TheAnswer) -> AudiencePage:
    """Read the audience of an interval: viewers, views, averages, peaks and retention.

    It is that of one resource, of several or of all, as a whole or by minute, hour or day, and next
    to an earlier show. The page of definitions in the reference says what each figure is.
    """
    resolution = asked.statement.resolution
    return AudiencePage(
        items=[Audience.model_validate(row) for row in answer.rows],
        compared=None
        if answer.compared is None
        else [Audience.model_validate(row) for row in answer.compared],
        resolution_ms=int(resolution / timedelta(milliseconds=1)),
    )


@router.get("/audience.csv", response_class=Response, responses=CSV | ERRORS)
async def export_audience(answer: TheAnswer, form: TheCsvForm) -> CsvResponse:
    """Read the audience as CSV.

    With `compare_from`, each row has the same period of the earlier show beside it, in columns that
    begin with `compared_`.
    """
    if answer.compared is None:
        text, _ = form.write(COLUMNS, answer.rows)
        return CsvResponse(text)
    text, _ = form.write(PAIR.__struct_fields__, _paired(answer.rows, answer.compared))
    return CsvResponse(text)


COLUMNS = tuple(Audience.model_fields)
PAIR = msgspec.defstruct("Pair", [*COLUMNS, *(f"compared_{name}" for name in COLUMNS)])


def _paired(
    rows: list[service.Audience], compared: list[service.Audience]
) -> Iterator[msgspec.Struct]:
    for pair in zip_longest(rows, compared):
        yield PAIR(*(getattr(row, name, None) for row in pair for name in COLUMNS))
