"""What reports say, beside brute force on the same sessions (see stays)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from handlers.adapters.statements import text

if TYPE_CHECKING:
    from random import Random

    import asyncpg

    from tests.support import stays
    from tests.support.stays import Span

# Berlin's clocks are put forward at 01:00 UTC.
T0 = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
ALWAYS = datetime.min  # noqa: DTZ901  # -infinity
ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York")


async def told(db: asyncpg.Connection, name: str, *args: object) -> list[dict[str, Any]]:
    async with db.transaction(readonly=True):
        await db.fetch("select limit_report(60000)")
        return [dict(row) for row in await db.fetch(text(name), *args)]


def some_span(dice: Random, length: timedelta) -> Span:
    begins = T0 + dice.choice((timedelta(0), length / 4, length * dice.random() / 2))
    return begins, begins + dice.choice((length / 2, length * (0.1 + dice.random())))


def check_watch_time(
    rows: list[dict[str, Any]], expected: dict[Any, Any], begins: datetime | None = None
) -> None:
    """`starts_at` is that of the whole period, also where the interval begins later."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {
        (row.get("starts_at"), row["user_id"], row["resource"]): row
        for row in rows
        if row["sessions"]
    }
    assert len(found) == len(expected)
    for (starts_at, *names), (sessions, length) in expected.items():
        at = None if starts_at is None else milliseconds(starts_at)
        if starts_at == begins is not None:
            at = min((key[0] for key in found), default=at)
        row = found[at, *names]
        assert row["sessions"] == sessions
        assert is_close(row["watched_ms"], length)


def check_audience(rows: list[dict[str, Any]], expected: list[stays.Audience]) -> None:
    assert [(row["starts_at"], row["ends_at"]) for row in rows] == [
        (milliseconds(one.starts_at), milliseconds(one.ends_at)) for one in expected
    ]
    for row, one in zip(rows, expected, strict=True):
        counts = ("unique_viewers", "new_viewers", "retained_viewers", "views", "sessions")
        assert {name: row[name] for name in counts} == {name: getattr(one, name) for name in counts}
        assert is_close(row["watched_ms"], one.watched)
        assert (row["peak_viewers"], row["peak_at"]) == (
            one.peak_viewers,
            milliseconds(one.peak_at),
        )


def is_close(found: int, expected: timedelta) -> bool:
    """An answer is rounded to milliseconds."""
    return abs(found - expected / timedelta(milliseconds=1)) <= 1


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
