"""The audience in the trade's words."""

from __future__ import annotations

from pydantic import Field

from handlers.web.schemas.fields import Millis, Schema


class Audience(Schema):
    """One period of the interval. Without `by` there is one: the interval, up to now."""

    starts_at: Millis
    ends_at: int = Field(
        description="the period's end within the interval, not included, in milliseconds since the "
        "epoch; at most the time of the answer"
    )
    unique_viewers: int = Field(
        description="users who watched at least `min_seconds` within the period"
    )
    new_viewers: int = Field(
        description="of them, users whose first session on these resources begins in the period, "
        "as long as the user's past sessions are kept"
    )
    returning_viewers: int = Field(description="of them, the others: they had been here before")
    retained_viewers: int = Field(
        description="of the unique viewers of the first period, how many are "
        "unique viewers of this one"
    )
    retention: float | None = Field(
        description="`retained_viewers` as a share of the first period's unique viewers; null if "
        "there were none"
    )
    views: int = Field(description="sessions that began within the period")
    sessions: int = Field(description="sessions that overlap the period")
    watched_ms: int = Field(
        description="time that users watched within the period, in milliseconds; a minute on "
        "several of the resources counts once"
    )
    average_viewers: float = Field(
        description="users who watched at once, on average over the period: the average minute "
        "audience"
    )
    average_view_ms: int | None = Field(
        description="`watched_ms` divided by `sessions`; null if there are none"
    )
    peak_viewers: int = Field(description="the most users who watched at once")
    peak_at: int = Field(
        description="the first moment with `peak_viewers`, in milliseconds since the epoch"
    )
    sample_percent: float = Field(
        description="100: all users were looked at, and all is exact; less: figures of users are "
        "estimates, from a sample of so many of them"
    )
    error_percent: float | None = Field(
        description="by how much `unique_viewers` may be wrong, in per cent of it and in 95 of 100 "
        "cases; 0 if all users were looked at, null if no user of the sample was there"
    )


class AudiencePage(Schema):
    items: list[Audience]
    compared: list[Audience] | None = Field(
        description="the same for the interval that begins at `compare_from`; null without it"
    )
    resolution_ms: int = Field(
        description="0: the peaks are exact; otherwise viewers are counted at one moment in so "
        "many milliseconds"
    )
