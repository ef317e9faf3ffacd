"""The reports that a run asks for while all are online. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from datetime import datetime

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def paths(now: datetime) -> dict[str, str]:
    """What is asked of the HTTP API, by its name in the report of a run."""
    return {
        "who is online": "/online?limit=100",
        "watch time by user": _over(DAY, now, "/watch-time", by="user"),
        "watch time by resource": _over(DAY, now, "/watch-time", by="resource"),
        "watch time by day": _over(DAY, now, "/watch-time", by="day"),
        "visible time by day": _over(DAY, now, "/watch-time", by="day", clock="visible"),
        "viewers at once": _over(HOUR, now, "/concurrency"),
        "audience": _over(DAY, now, "/audience"),
    }


def _over(length: timedelta, now: datetime, path: str, **more: str) -> str:
    """A report of the time up to now."""
    interval = {"from": _ms(now - length), "to": _ms(now)}
    return f"{path}?{urlencode({**interval, **more})}"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
