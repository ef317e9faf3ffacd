"""Generated sessions, and what the reports must say of them: from the rules, by brute force."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from random import Random


Span = tuple[datetime, datetime]
NOTHING = timedelta(0)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MOMENT, OUTAGE = timedelta(microseconds=1), timedelta(seconds=31)


@dataclass(frozen=True)
class Stay:
    """A session, or a part of one, on a resource."""

    session_id: int
    user_id: str
    resource: str
    joined_at: datetime
    ended_at: datetime | None
    away_since: datetime | None
    visible: tuple[Span, ...] | None = None
    """When it was visible, in order; None: all the time."""

    def within(self, span: Span, now: datetime) -> Span | None:
        """Clipped; one of no length belongs to the span that contains its moment."""
        begins = max(self.joined_at, span[0])
        ends = min(self.ended_at or now, span[1])
        is_moment = begins == ends == self.joined_at < span[1]
        return (begins, ends) if begins < ends or is_moment else None


@dataclass(frozen=True)
class World:
    """All stays that there are, at a moment."""

    stays: Sequence[Stay]
    now: datetime

    def visible(self) -> World:
        """The same on the visible clock: each visible time is a part of its session."""
        parts: list[Stay] = []
        for stay in self.stays:
            whole = (stay.joined_at, stay.ended_at or self.now)
            away_since = stay.away_since
            for begins, ends in (whole,) if stay.visible is None else stay.visible:
                if begins < ends:
                    parts.append(
                        replace(stay, joined_at=begins, ended_at=ends, away_since=away_since)
                    )
                    away_since = ends
        return World(parts, self.now)

    def clips(self, span: Span, resources: Iterable[str] | None) -> list[tuple[Stay, Span]]:
        wanted = None if resources is None else set(resources)
        return [
            (stay, clip)
            for stay in self.stays
            if wanted is None or stay.resource in wanted
            if (clip := stay.within(span, self.now))
        ]

    async def store(self, db: asyncpg.Connection) -> None:
        await db.executemany(
            "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
            " ended_within, away_since, visible)"
            " values ($1, $2, $3, $4, $5, 'client', '0', $6, $7)",
            [_row(one, one.ended_at) for one in self.stays if one.ended_at],
        )
        await db.executemany(
            "insert into watching_times (id, user_id, resource, joined_at, nodes, seen_at,"
            " away_since, visible) overriding system value"
            " values ($1, $2, $3, $4, $5, $4, $6, $7)",
            [
                _row(one, HIDDEN if one.visible is not None else SHOWN)
                for one in self.stays
                if not one.ended_at
            ],
        )


SHOWN = '{"node": {"tab": {"at": 0}}}'
HIDDEN = '{"node": {"tab": {"at": 0, "hidden": 1}}}'


def _row(one: Stay, ended_at_or_nodes: object) -> tuple[object, ...]:
    shown = None if one.visible is None else [asyncpg.Range(*span) for span in one.visible]
    names = (one.session_id, one.user_id, one.resource, one.joined_at)
    return (*names, ended_at_or_nodes, one.away_since, shown)


def generated(
    dice: Random, begins: datetime, length: timedelta, users: int = 9, *, has_outages: bool = True
) -> World:
    """Users on up to three resources at once, with outages, moments, and round times."""
    ends = begins + length
    stays: list[Stay] = []
    for user in range(users):
        for resource in dice.sample("xyz", dice.randint(1, 3)):
            at = begins - length / 2 + _some(dice, length)
            away_since = None
            while at < ends:
                until = at + dice.choice(
                    (
                        MOMENT if away_since else NOTHING,
                        _some(dice, length / 3) + MOMENT,
                        _some(dice, length) + MOMENT,
                    )
                )
                is_open = until >= ends
                number = stays[-1].session_id if away_since else len(stays) + 1
                ended_at = None if is_open else until
                shown = _shown(dice, (at, min(until, ends)))
                stays.append(Stay(number, f"u{user}", resource, at, ended_at, away_since, shown))
                if is_open:
                    break
                away_since = until if has_outages and dice.random() < 0.3 and until > at else None
                pause = dice.choice((OUTAGE, _some(dice, length / 4)))
                at = until + (dice.choice((NOTHING, max(pause, OUTAGE))) if away_since else pause)
    return World(stays, ends)


def _shown(dice: Random, span: Span) -> tuple[Span, ...] | None:
    """Always, never, or a few times that do not touch each other."""
    moments = sorted({span[0] + (span[1] - span[0]) * dice.random() for _ in range(6)})
    some = tuple(zip(moments[::2], moments[1::2], strict=False))
    return dice.choice((None, None, (), some))


def _some(dice: Random, most: timedelta) -> timedelta:
    """A random length; often of whole minutes, so that stays meet each other and the periods."""
    length = most * dice.random()
    return length // MINUTE * MINUTE if dice.random() < 0.5 else length


def union(spans: Iterable[Span]) -> timedelta:
    """How long at least one of them lasts."""
    total, reached = NOTHING, None
    for begins, ends in sorted(spans):
        counted = begins if reached is None else max(begins, reached)
        total += max(ends - counted, NOTHING)
        reached = ends if reached is None else max(ends, reached)
    return total


def periods(span: Span, period: str | None, zone: str) -> list[Span]:
    """The periods of a span, each clipped to it."""
    starts = list(_starts(span, period, zone))
    return [
        (max(begins, span[0]), min(ends, span[1]))
        for begins, ends in itertools.pairwise(starts)
        if begins < span[1] and ends > span[0]
    ]


def _starts(span: Span, period: str | None, zone: str) -> Iterator[datetime]:
    begins, ends = span
    if period is None:
        yield from span
        return
    if period == "minute":
        yield from (begins + n * MINUTE for n in range((ends - begins) // MINUTE + 2))
        return
    day = begins.astimezone(ZoneInfo(zone)).date() - DAY
    while True:
        midnight = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        day += DAY
        following = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        step = HOUR if period == "hour" else following - midnight
        while midnight < following:
            yield midnight
            if midnight >= ends:
                return
            midnight += step


def watched(
    world: World, span: Span, by: Sequence[str], period: str | None, zone: str
) -> dict[tuple[datetime | None, str | None, str | None], tuple[int, timedelta]]:
    """Sessions and time by period, user and resource: each minute of a user once per resource that
    is told apart.
    """
    found: dict[tuple[datetime | None, str | None, str | None], tuple[int, timedelta]] = {}
    for one in periods(span, period, zone):
        starts_at = None if period is None else one[0]
        groups: dict[tuple[str | None, str | None], list[tuple[Stay, Span]]] = {}
        for stay, clip in world.clips(one, None):
            key = (
                stay.user_id if "user" in by else None,
                stay.resource if "resource" in by else None,
            )
            groups.setdefault(key, []).append((stay, clip))
        for key, clips in groups.items():
            found[starts_at, *key] = (_sessions(clips), _persons_time(clips))
    return found


def _sessions(clips: Iterable[tuple[Stay, Span]]) -> int:
    return len({stay.session_id for stay, _ in clips})


def _persons_time(clips: Iterable[tuple[Stay, Span]]) -> timedelta:
    """The sum of each person's union: within one resource a person's stays never overlap."""
    return sum(_time_of_each(clips).values(), NOTHING)


def _time_of_each(clips: Iterable[tuple[Stay, Span]]) -> dict[str, timedelta]:
    spans: dict[str, list[Span]] = {}
    for stay, clip in clips:
        spans.setdefault(stay.user_id, []).append(clip)
    return {user: union(each) for user, each in spans.items()}


@dataclass(frozen=True)
class Audience:
    """What the audience report says of a period."""

    starts_at: datetime
    ends_at: datetime
    unique_viewers: int
    new_viewers: int
    retained_viewers: int
    views: int
    sessions: int
    watched: timedelta
    peak_viewers: int
    peak_at: datetime


def audience(  # noqa: PLR0913, PLR0917  # as the report has
    world: World,
    span: Span,
    period: str | None,
    zone: str,
    resources: Sequence[str] | None,
    least: timedelta,
    resolution: timedelta,
) -> list[Audience]:
    span = (span[0], min(span[1], world.now))
    ever: dict[str, datetime] = {}
    for stay in world.stays:
        if resources is None or stay.resource in resources:
            ever[stay.user_id] = min(stay.joined_at, ever.get(stay.user_id, stay.joined_at))
    found: list[Audience] = []
    firsts: set[str] = set()
    for begins, ends in periods(span, period, zone):
        clips = world.clips((begins, ends), resources)
        times = _time_of_each(clips)
        viewers = {user for user, length in times.items() if length >= least}
        firsts = firsts if found else viewers
        peak, at = _peak(world.clips(span, resources), span[0], (begins, ends), resolution)
        found.append(
            Audience(
                starts_at=begins,
                ends_at=ends,
                unique_viewers=len(viewers),
                new_viewers=sum(begins <= ever[user] < ends for user in viewers),
                retained_viewers=len(viewers & firsts),
                views=sum(
                    begins <= stay.joined_at < ends and stay.away_since is None for stay, _ in clips
                ),
                sessions=_sessions(clips),
                watched=sum(times.values(), NOTHING),
                peak_viewers=peak,
                peak_at=at,
            )
        )
    return found


def _peak(
    clips: Sequence[tuple[Stay, Span]], origin: datetime, period: Span, resolution: timedelta
) -> tuple[int, datetime]:
    """The most users at once, and since when, among the moments that are looked at."""

    def looked_at(moment: datetime) -> datetime:
        return origin + (moment - origin) // resolution * resolution

    def present(moment: datetime) -> int:
        seen = looked_at(moment)
        return len({stay.user_id for stay, (begins, ends) in clips if begins <= seen < ends})

    # Only at these can there be more than a moment before.
    after = (origin - (origin - begins) // resolution * resolution for _, (begins, _) in clips)
    moments = {period[0], *(one for one in after if period[0] <= one < period[1])}
    return max(
        ((present(one), one) for one in moments), key=lambda pair: (pair[0], -_number(pair[1]))
    )


def _number(moment: datetime) -> float:
    return moment.timestamp()
