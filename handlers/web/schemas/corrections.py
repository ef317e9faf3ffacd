"""Corrections of past sessions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import Field, model_validator

from handlers.web.schemas.fields import (
    FROM_JSON,
    Author,
    Millis,
    NextPage,
    OwnId,
    Reason,
    Schema,
    UserId,
)
from handlers.web.schemas.moments import Moment

if TYPE_CHECKING:
    from datetime import datetime

MAX_TIMES = 1_000


class Time(Schema):
    """A time for which the user was there."""

    joined_at: Millis
    ended_at: Millis


class OrderedTime(Schema):
    """A time for which the user was there, in whole milliseconds."""

    joined_at: Moment
    ended_at: Moment

    @model_validator(mode="after")
    def _is_a_time(self) -> OrderedTime:
        self.joined_at, self.ended_at = _whole(self.joined_at), _whole(self.ended_at)
        if self.ended_at <= self.joined_at:
            raise ValueError("`joined_at` must be before `ended_at`")
        return self


def _whole(moment: datetime) -> datetime:
    """As responses show moments, and as the database looks for those that it knows."""
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


class CorrectionOrder(Schema):
    correction_id: OwnId = None
    user_id: UserId
    session_id: int = Field(ge=1, lt=2**63, description="the `session_id` of GET /sessions")
    revision: int = Field(
        0,
        ge=0,
        lt=2**31 - 1,
        description="the revision that is wrong, as GET /sessions shows it: 0 is as recorded",
    )
    times: list[OrderedTime] = Field(
        max_length=MAX_TIMES,
        description="when the user was there instead, over the whole session: one time, or several "
        "in order with outages between them; an empty list if the session did not happen. A moment "
        "that GET /sessions shows for this session stays exactly that one",
    )
    reason: Reason
    author: Author

    @model_validator(mode="after")
    def _in_order(self) -> CorrectionOrder:
        if any(later.joined_at < time.ended_at for time, later in pairwise(self.times)):
            raise ValueError("`times` must be in order, and must not overlap")
        return self


class Correction(Schema):
    """What was said of a session instead of what is recorded."""

    correction_id: UUID
    session_id: int
    user_id: str
    resource: str
    revision: int = Field(description="1 for the first correction of the session")
    times: Annotated[list[Time], FROM_JSON] = Field(
        description="when the user was there; empty: the session did not happen"
    )
    reason: str
    author: str
    at: Millis
    is_in_force: bool = Field(description="whether no later one has replaced it")


class CorrectionsPage(Schema):
    items: list[Correction]
    next: NextPage
