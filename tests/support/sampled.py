"""What an audience must be that looks at a sample of the users, while roll-ups know the rest.

From the rules, by brute force: of time that roll-ups know, sums and peaks are those of all users;
of other time, and of viewers always, those of the sample, multiplied.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.support import stays
from tests.support.stays import MOMENT, NOTHING, Audience, Span, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta


@dataclass(frozen=True)
class Sampled:
    """All users, and those of the sample."""

    world: World
    users: frozenset[str]
    scale: int
    known: Sequence[Span]
    """Apart from each other, in order."""

    def audience(
        self,
        span: Span,
        period: str | None,
        zone: str,
        resources: Sequence[str] | None,
        least: timedelta,
    ) -> list[Audience]:
        part = World([one for one in self.world.stays if one.user_id in self.users], self.world.now)
        rows = stays.audience(part, span, period, zone, resources, least, MOMENT)
        return [self._row(row, part, resources) for row in rows]

    def control(self, row: Audience, resources: Sequence[str] | None) -> dict[str, int]:
        """Views in time that roll-ups know: of all, of the sample, and its users' squared."""
        known = [*_within(self.known, (row.starts_at, row.ends_at))]
        views = Counter(
            stay.user_id
            for piece in known
            for stay, _ in self.world.clips(piece, resources)
            if piece[0] <= stay.joined_at < piece[1] and stay.away_since is None
        )
        sampled = [count for user, count in views.items() if user in self.users]
        return {
            "known_views": views.total(),
            "sampled_views": sum(sampled),
            "squared_views": sum(count * count for count in sampled),
        }

    def _row(self, row: Audience, part: World, resources: Sequence[str] | None) -> Audience:
        span = (row.starts_at, row.ends_at)
        known = [*_within(self.known, span)]
        unknown = [*_without(span, known)]
        asked = ((self.world, known, 1), (part, unknown, self.scale))
        peaks = [
            (scale * viewers, -at.timestamp(), at)
            for world, pieces, scale in asked
            for viewers, at in _at_once(world, pieces, resources)
        ]
        peak_viewers, _, peak_at = max(peaks)
        return replace(
            row,
            unique_viewers=self.scale * row.unique_viewers,
            new_viewers=self.scale * row.new_viewers,
            retained_viewers=self.scale * row.retained_viewers,
            views=sum(scale * _views(world, at, resources) for world, at, scale in asked),
            sessions=sum(
                scale * _sessions(world, span, at, resources) for world, at, scale in asked
            ),
            watched=sum(
                (scale * _watched(world, at, resources) for world, at, scale in asked), NOTHING
            ),
            peak_viewers=peak_viewers,
            peak_at=peak_at,
        )


def _views(world: World, pieces: Iterable[Span], resources: Sequence[str] | None) -> int:
    return sum(
        piece[0] <= stay.joined_at < piece[1] and stay.away_since is None
        for piece in pieces
        for stay, _ in world.clips(piece, resources)
    )


def _sessions(
    world: World, span: Span, pieces: Sequence[Span], resources: Sequence[str] | None
) -> int:
    """Each at the first moment at which it is there in the period."""
    firsts: dict[int, datetime] = {}
    for stay, (begins, _) in world.clips(span, resources):
        firsts[stay.session_id] = min(begins, firsts.get(stay.session_id, begins))
    return sum(begins <= at < ends for at in firsts.values() for begins, ends in pieces)


def _watched(world: World, pieces: Iterable[Span], resources: Sequence[str] | None) -> timedelta:
    total = NOTHING
    for piece in pieces:
        spans: dict[str, list[Span]] = {}
        for stay, clip in world.clips(piece, resources):
            spans.setdefault(stay.user_id, []).append(clip)
        total += sum((stays.union(each) for each in spans.values()), NOTHING)
    return total


def _at_once(
    world: World, pieces: Iterable[Span], resources: Sequence[str] | None
) -> Iterable[tuple[int, datetime]]:
    """How many users there are at each moment at which there may be more than before."""
    for piece in pieces:
        clips = [(stay.user_id, clip) for stay, clip in world.clips(piece, resources)]
        for at in {piece[0], *(begins for _, (begins, _) in clips)}:
            yield len({user for user, (begins, ends) in clips if begins <= at < ends}), at


def _within(spans: Iterable[Span], outer: Span) -> Iterable[Span]:
    for begins, ends in spans:
        if begins < outer[1] and ends > outer[0]:
            yield max(begins, outer[0]), min(ends, outer[1])


def _without(outer: Span, spans: Iterable[Span]) -> Iterable[Span]:
    begins, end = outer
    for span in spans:
        if begins < span[0]:
            yield begins, span[0]
        begins = span[1]
    if begins < end:
        yield begins, end
