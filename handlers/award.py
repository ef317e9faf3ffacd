"""The scheduled awards: bonuses for users who have watched long enough, broadcast at once."""

from __future__ import annotations

import time
from itertools import chain

from handlers.adapters import metrics
from handlers.container import Container, Context, Event, live
from handlers.core.metrics import total
from handlers.services.award import Awards
from handlers.services.side_by_side import run_all

METRICS = {
    "made": "bonuses_awarded",
    "closed": "bonuses_closed",
    "queued": "broadcasts_queued_again",
}


def handle(_event: Event, context: Context, container: Container) -> dict[str, float]:
    """Make each app's bonuses that are due, and queue each broadcast that is not queued yet."""
    remaining_ms, apps = context.get_remaining_time_in_millis, container.of_all()
    databases = {parts.app: (parts.database, parts.second_database) for parts in apps}
    runs = {parts.app: Awards(databases[parts.app], parts.queue, remaining_ms) for parts in apps}
    began = time.monotonic()
    try:
        return container.run(run_all(runs), context)
    finally:
        for database in chain.from_iterable(databases.values()):
            database.flush()
        made = total(one.numbers for one in runs.values())
        numbers = {METRICS[name]: number for name, number in made.items()}
        metrics.put(numbers | {"duration_ms": round((time.monotonic() - began) * 1000)})


handler = live(handle, Container)
