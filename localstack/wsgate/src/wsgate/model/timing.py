"""When a schedule is due: rate(…), cron(…) and at(…). Pure: `now` is an argument.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html (2026-11-24)

Of the libraries for cron none has both EventBridge's grammar and time zones.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_RATE: Final = re.compile(r"rate\(([0-9]{1,9}) (minute|hour|day)s?\)")
_CRON: Final = re.compile(r"cron\(\s*(.*?)\s*\)")
_AT: Final = re.compile(r"at\(([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\)")
_EXAMPLES: Final = "rate(5 minutes), cron(0 12 * * ? *) or at(2030-01-31T12:00:00)"
# GUESS: a range may go over the end (FRI-MON, 22-2), as in the scheduler whose grammar this is.
RANGES_WRAP: Final = True


@dataclass(frozen=True)
class Rate:
    """Every so often, counted from the start."""

    every: timedelta

    def next(self, started: datetime, now: datetime) -> datetime | None:
        """The first whole period after `started` that is later than `now`."""
        periods = max(0, (now - started) // self.every)
        return started + (periods + 1) * self.every


@dataclass(frozen=True)
class Once:
    """One moment."""

    at: datetime

    def next(self, started: datetime, now: datetime) -> datetime | None:
        """The moment, unless it is past."""
        return self.at if self.at > now else None


@dataclass(frozen=True)
class Cron:
    """Six fields, in a time zone."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]
    zone: tzinfo

    def next(self, started: datetime, now: datetime) -> datetime | None:
        """The first moment later than `now`, if there is one before the year 2200."""
        local = now.astimezone(self.zone)
        for day in self._days(local.date()):
            for moment in self._moments(day):
                if moment > now:
                    return moment
        return None

    def _days(self, first: date) -> Iterator[date]:
        for year in self.years:
            for month in self.months:
                if (year, month) >= (first.year, first.month):
                    days = (date(year, month, day) for day in self.days.of(year, month))
                    yield from (day for day in days if day >= first)

    def _moments(self, day: date) -> Iterator[datetime]:
        """A time that the clock skips is left out, one that it shows twice counts once."""
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime.combine(day, time(hour, minute), self.zone)
                moment = local.astimezone(UTC)
                if moment.astimezone(self.zone).time() == local.time():
                    yield moment


Timing = Rate | Cron | Once


def parse(expression: str, zone: tzinfo = UTC) -> Timing:
    """Read a schedule expression. Raises ValueError, with a sentence's end."""
    if found := _RATE.fullmatch(expression):
        return _rate(found)
    if found := _AT.fullmatch(expression):
        return _once(found[1], zone)
    if found := _CRON.fullmatch(expression):
        return _cron(found[1].split(), zone)
    raise ValueError(f"must be like {_EXAMPLES}")


def _rate(found: re.Match[str]) -> Rate:
    count = int(found[1])
    try:
        every = timedelta(**{f"{found[2]}s": count})
    except OverflowError:
        every = timedelta(0)
    if not timedelta(0) < every <= _LONGEST:
        raise ValueError("must be rate(1 minute), rate(5 hours) or the like")
    return Rate(every)


# Far beyond any run of this program, and a sum with today's date is still one.
_LONGEST: Final = timedelta(days=366_000)


def _once(text: str, zone: tzinfo) -> Once:
    try:
        return Once(datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC))
    except (ValueError, OverflowError):
        raise ValueError("is no date and time") from None


# cron(minutes hours day-of-month month day-of-week year)

_MONTHS: Final = tuple(
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
)
_WEEKDAYS: Final = tuple(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])
_SATURDAY: Final = 7
_FIELDS: Final = 6


@dataclass(frozen=True)
class _Field:
    """What a field of cron(…) takes: numbers, or names that count from `least`."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> tuple[int, ...]:
        """`*`, `a`, `a-b`, each perhaps with `/step`, and lists of them. Raises ValueError."""
        found: set[int] = set()
        for item in text.split(","):
            found.update(self._item(item))
        return tuple(sorted(found))

    def number(self, text: str) -> int:
        """A number or a name. Raises ValueError."""
        if text.upper() in self.names:
            return self.least + self.names.index(text.upper())
        if re.fullmatch(r"[0-9]{1,4}", text) and self.least <= int(text) <= self.most:
            return int(text)
        raise self.error(text)

    def error(self, text: str) -> ValueError:
        return ValueError(f"has {text!r}, which is no {self.name} ({self.least} to {self.most})")

    def _item(self, item: str) -> Sequence[int]:
        span, slash, step = item.partition("/")
        if slash and not (re.fullmatch(r"[0-9]{1,4}", step) and int(step) > 0):
            raise self.error(item)
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = self.least, self.most
        elif dash:
            start, end = self.number(first), self.number(last)
        else:
            start = self.number(first)
            end = self.most if slash else start
        every = int(step) if slash else 1
        if start <= end:
            return range(start, end + 1, every)
        if not RANGES_WRAP:
            raise self.error(item)
        return (*range(start, self.most + 1), *range(self.least, end + 1))[::every]


_MINUTE: Final = _Field("minute", 0, 59)
_HOUR: Final = _Field("hour", 0, 23)
_DAY: Final = _Field("day of the month", 1, 31)
_MONTH: Final = _Field("month", 1, 12, _MONTHS)
_WEEKDAY: Final = _Field("day of the week", 1, 7, _WEEKDAYS)
_YEAR: Final = _Field("year", 1970, 2199)


def _cron(fields: list[str], zone: tzinfo) -> Cron:
    if len(fields) != _FIELDS:
        raise ValueError(f"has {len(fields)} fields, and must have {_FIELDS}")
    minutes, hours, day, month, weekday, years = fields
    return Cron(
        _MINUTE.values(minutes),
        _HOUR.values(hours),
        _days(day, weekday),
        _MONTH.values(month),
        _YEAR.values(years),
        zone,
    )


def _days(day: str, weekday: str) -> Days:
    if (day == "?") == (weekday == "?"):
        raise ValueError("must have ? as its day of the month or its day of the week, not both")
    return _month_days(day) if weekday == "?" else _week_days(weekday)


@dataclass(frozen=True)
class Days:
    """Which days of a month, by one of the ways in which cron(…) says it."""

    way: str
    values: tuple[int, ...] = ()

    def of(self, year: int, month: int) -> list[int]:
        """The days, in order."""
        return _WAYS[self.way](self.values, year, month)


def _month_days(text: str) -> Days:
    """Days by number; `L` is the last, `3W` the weekday nearest to the third."""
    if text == "L":
        return Days("last")
    if text.endswith("W"):
        return Days("workday", (_DAY.number(text.removesuffix("W")),))
    return Days("month", _DAY.values(text))


def _week_days(text: str) -> Days:
    """Days by name; `6#3` is the third Friday, `6L` the last; `L` ends the week: Saturday."""
    if text == "L":
        return Days("week", (_SATURDAY,))
    if text.endswith("L"):
        return Days("last of a kind", (_WEEKDAY.number(text.removesuffix("L")),))
    if "#" in text:
        kind, _, nth = text.partition("#")
        if nth not in {"1", "2", "3", "4", "5"}:
            raise _WEEKDAY.error(text)
        return Days("nth of a kind", (_WEEKDAY.number(kind), int(nth)))
    return Days("week", _WEEKDAY.values(text))


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    """1 is Sunday."""
    return date(year, month, day).isoweekday() % 7 + 1


def _of_kinds(kinds: tuple[int, ...], year: int, month: int) -> list[int]:
    days = range(1, _length(year, month) + 1)
    return [day for day in days if _weekday(year, month, day) in kinds]


def _of_month(values: tuple[int, ...], year: int, month: int) -> list[int]:
    return [day for day in values if day <= _length(year, month)]


def _nth_of_kind(values: tuple[int, ...], year: int, month: int) -> list[int]:
    kind, nth = values
    return _of_kinds((kind,), year, month)[nth - 1 : nth]


def _workday(values: tuple[int, ...], year: int, month: int) -> list[int]:
    """The weekday nearest to a day, in its own month; none if the month has no such day."""
    day, length = values[0], _length(year, month)
    if day > length:
        return []
    match date(year, month, day).isoweekday():
        case 6:
            return [day - 1 if day > 1 else day + 2]
        case 7:
            return [day + 1 if day < length else day - 2]
    return [day]


_WAYS: Final[dict[str, Callable[[tuple[int, ...], int, int], list[int]]]] = {
    "month": _of_month,
    "last": lambda _, year, month: [_length(year, month)],
    "workday": _workday,
    "week": _of_kinds,
    "last of a kind": lambda kinds, year, month: _of_kinds(kinds, year, month)[-1:],
    "nth of a kind": _nth_of_kind,
}
