"""The audience in the trade's words: viewers, views, averages, peaks, retention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from handlers.core.operation import Statement
from handlers.services import reports
from handlers.services.errors import TooManySteps, TooShortPeriods
from handlers.services.reports import MAX_EXACT_LENGTH, MAX_MOMENTS, MAX_STEPS

if TYPE_CHECKING:
    from handlers.services.reports import Database, Interval

# What the database reads and counts within a second on two busy cores, of all users or of a sample.
MAX_SESSIONS = 60_000
# Viewers of a sample from which on their views say more: of fewer, one who comes very often is too
# likely to be missing.
MIN_VIEWERS_SEEN = 500
# Of 1,024 users. The database has an index of the sessions of the largest sample.
ALL_USERS, MAX_SAMPLE = 1_024, 128

LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    # The day on which clocks are put forward.
    "day": timedelta(hours=23),
}


class AudienceRow(msgspec.Struct, frozen=True):
    starts_at: int
    ends_at: int
    unique_viewers: int
    new_viewers: int
    retained_viewers: int
    views: int
    sessions: int
    watched_ms: int
    peak_viewers: int
    peak_at: int
    known_views: int
    """Of all users, where roll-ups know them. The others are of the users of the sample, there."""
    sampled_views: int
    squared_views: int
    """The square of each user's, summed up."""
    viewer_views: int
    """Of those who are unique viewers."""


class ReadAudience(Statement[AudienceRow], frozen=True):
    """The audience of each period of an interval, up to now. Raises UnknownTimeZone."""

    query: ClassVar[str] = "audience"
    begins: datetime
    ends: datetime
    period: str | None
    timezone: str
    resources: list[str] | None
    min_length: timedelta
    resolution: timedelta
    now: datetime | None = None
    is_visible: bool = False
    is_corrected: bool = True
    sample: int = ALL_USERS


class SizeRow(msgspec.Struct, frozen=True):
    sessions: int


class CountSessions(Statement[SizeRow], frozen=True):
    """About how many sessions an audience is read from."""

    query: ClassVar[str] = "audience_size"
    begins: datetime
    ends: datetime
    resources: list[str] | None
    now: datetime | None = None


class Audience(msgspec.Struct, frozen=True):
    """One period, with what follows from its row."""

    starts_at: int
    ends_at: int
    unique_viewers: int
    new_viewers: int
    returning_viewers: int
    retained_viewers: int
    retention: float | None
    views: int
    sessions: int
    watched_ms: int
    average_viewers: float
    average_view_ms: int | None
    peak_viewers: int
    peak_at: int
    sample_percent: float
    error_percent: float | None


@dataclass(frozen=True)
class Question:
    """Whose audience is asked for, and how it is divided."""

    period: str | None
    timezone: str
    resources: list[str] | None
    min_length: timedelta
    is_visible: bool
    is_corrected: bool

    def of(self, interval: Interval) -> ReadAudience:
        """The statement that answers. Raises TooManySteps or TooShortPeriods."""
        length = interval.ends - interval.begins
        period = LENGTHS.get(self.period or "", length)
        if length / period > MAX_STEPS:
            raise TooManySteps
        if self.min_length > period:
            raise TooShortPeriods
        return ReadAudience(
            interval.begins,
            interval.ends,
            self.period,
            self.timezone,
            self.resources,
            self.min_length,
            choose_resolution(length),
            is_visible=self.is_visible,
            is_corrected=self.is_corrected,
        )


def choose_resolution(length: timedelta) -> timedelta:
    """How often viewers are counted for a peak: at each coming and going, or once in so long."""
    if length <= MAX_EXACT_LENGTH:
        return timedelta(microseconds=1)
    return timedelta(seconds=math.ceil(length.total_seconds() / MAX_MOMENTS))


def choose_sample(sessions: int, *, is_visible: bool = False) -> int:
    """How many in 1,024 users are looked at: all, or else so many that a second is enough."""
    if is_visible:
        # Each is looked into, for when it was visible.
        sessions *= 2
    if sessions <= MAX_SESSIONS:
        return ALL_USERS
    sample = MAX_SAMPLE
    while sample > 1 and sessions * sample > MAX_SESSIONS * ALL_USERS:
        sample //= 2
    return sample


async def read_audience(database: Database, statement: ReadAudience) -> list[Audience]:
    """Read the audience of each period. Raises TooSlow or UnknownTimeZone."""
    size = CountSessions(statement.begins, statement.ends, statement.resources, statement.now)
    (counted,) = await database.report(size, reports.REPORT_TIMEOUT)
    sample = choose_sample(counted.sessions, is_visible=statement.is_visible)
    statement = msgspec.structs.replace(statement, sample=sample)
    rows = await database.report(statement, reports.REPORT_TIMEOUT)
    first = round(estimate_viewers(rows[0], sample)[0]) if rows else 0
    return [_derived(row, first, sample) for row in rows]


def estimate_viewers(row: AudienceRow, sample: int) -> tuple[float, float]:
    """Unique viewers, and how many of them make the error (see `error_percent`).

    The views of all are known from roll-ups, and viewers and views go together: of what a sample
    has too many views, it has too many viewers. How many to a view is the slope of a regression
    through nought, and only what this does not explain of each viewer makes an error. If the views
    of the sample are further off than two standard errors, it lacks those who come most often, and
    says nothing of them: then all viewers make it. Four more do who may be in no sample.
    """
    plain = float(row.unique_viewers)
    share = sample / ALL_USERS
    surplus = row.sampled_views / share - row.known_views
    is_told = abs(surplus) <= 2 * math.sqrt((1 - share) * row.squared_views) / share
    if not (row.squared_views and is_told and plain * share >= MIN_VIEWERS_SEEN):
        return plain, plain
    slope = row.viewer_views / row.squared_views
    unexplained = plain - (slope * row.viewer_views - 4) / share
    return max(plain * share, plain - slope * surplus), min(plain, unexplained)


def error_percent(viewers: float, sample: int, unexplained: float | None = None) -> float | None:
    """By how much an estimate of unique viewers may be wrong, in 95 of 100 cases: two standard
    errors, in per cent of it. None: there was none in the sample.

    Each viewer is in the sample with the same chance, so their number is binomial: its standard
    error is that of n of share p, sqrt(n (1 - p)). `unexplained`: so many of them, not all.
    """
    if sample == ALL_USERS:
        return 0.0
    if not viewers:
        return None
    share = sample / ALL_USERS
    of_these = viewers if unexplained is None else unexplained
    return 200 * math.sqrt((1 - share) * of_these / share) / viewers


SAME = [name for name in AudienceRow.__struct_fields__ if name in Audience.__struct_fields__]


def _derived(row: AudienceRow, first_viewers: int, sample: int) -> Audience:
    estimate, unexplained = estimate_viewers(row, sample)
    # New and retained viewers are so many of the viewers.
    unique, new, retained = (
        round(count * estimate / max(row.unique_viewers, 1))
        for count in (row.unique_viewers, row.new_viewers, row.retained_viewers)
    )
    return Audience(
        **{name: getattr(row, name) for name in SAME}
        | {"unique_viewers": unique, "new_viewers": new, "retained_viewers": retained},
        returning_viewers=unique - new,
        retention=retained / first_viewers if first_viewers else None,
        average_viewers=row.watched_ms / max(row.ends_at - row.starts_at, 1),
        average_view_ms=row.watched_ms // row.sessions if row.sessions else None,
        sample_percent=100 * sample / ALL_USERS,
        error_percent=error_percent(estimate, sample, unexplained),
    )
