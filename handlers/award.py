"""The scheduled awards: bonuses for users who have watched long enough, broadcast at once."""

from __future__ import annotations

import time

from handlers.adapters import metrics
from handlers.container import Container, Context, Event, live
from handlers.services.award import Awards

METRICS = {
    "made": "bonuses_awarded",
    "closed": "bonuses_closed",
    "queued": "broadcasts_queued_again",
}


def handle(_event: Event, context: Context, container: Container) -> dict[str, int]:
    """Make the bonuses that are due, and queue each broadcast that is not in the queue yet."""
    databases = container.database, container.second_database
    awards = Awards(databases, container.queue, context.get_remaining_time_in_millis)
    began = time.monotonic()
    try:
        return container.run(awards.run(), context)
    finally:
        for database in databases:
            database.flush()
        numbers = {METRICS[name]: number for name, number in awards.numbers.items()}
        metrics.put(numbers | {"duration_ms": round((time.monotonic() - began) * 1000)})


handler = live(handle, Container)
