"""Watch time and concurrency."""

from __future__ import annotations

from pydantic import Field

from handlers.web.schemas.fields import Millis, NextPage, Schema


class WatchTime(Schema):
    """One row of the report: the keys that `by` names, the others null."""

    starts_at: int | None = Field(
        description="when the day or hour begins, in milliseconds since the epoch; null "
        "unless `by` names one"
    )
    user_id: str | None = Field(description="null unless `by` names `user`")
    resource: str | None = Field(description="null unless `by` names `resource`")
    sessions: int = Field(description="sessions that overlap this row's time")
    watched_ms: int = Field(description="watch time in milliseconds; open sessions count up to now")
    uncertain_ms: int = Field(
        description="how exact `watched_ms` is: the true watch time is at most this much more"
    )


class WatchTimePage(Schema):
    items: list[WatchTime]
    next: NextPage


class Concurrency(Schema):
    """One step of the interval."""

    at: int = Field(description="when the step begins, in milliseconds since the epoch")
    viewers: int = Field(
        description="viewers when the step begins; a user on two resources counts as two viewers"
    )
    peak_viewers: int = Field(description="the most viewers at once within the step")
    peak_at: int = Field(
        description="the first moment with `peak_viewers`, in milliseconds since the epoch"
    )


class Peak(Schema):
    viewers: int
    at: Millis


class ConcurrencyPage(Schema):
    items: list[Concurrency]
    peak: Peak | None = Field(
        description="the first moment with the most viewers; null if the interval has not begun"
    )
    step_seconds: int
    resolution_ms: int = Field(
        description="0: the peaks are exact; otherwise viewers are counted at one moment in so "
        "many milliseconds"
    )
