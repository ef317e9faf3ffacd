"""The scheduled awards: who has watched long enough gets a bonus, and is told at once."""

from __future__ import annotations

import json
import logging
from typing import Any

from handlers.adapters.container import Container, Event, live
from handlers.core.happening import Query
from handlers.core.push import Broadcast

log = logging.getLogger(__name__)

# Sessions per rule and statement.
AT_ONCE = 10_000
RESERVE_MS = 10_000


def handle(_event: Event, context: Any, container: Container) -> dict[str, int]:
    """Make the bonuses that are due, and queue every broadcast that is not in the queue yet."""
    numbers = {
        "made": container.run(_make(context, container)),
        "queued": container.run(_queue(container)),
    }
    if any(numbers.values()):
        log.info("award %s", json.dumps(numbers))
    return numbers


async def _make(context: Any, container: Container) -> int:
    made = 0
    while context.get_remaining_time_in_millis() > RESERVE_MS:
        row = await container.database.fetch_one(Query("award", (AT_ONCE,)))
        made += int(str(row["made"]))
        if not row["made"]:
            break
    return made


async def _queue(container: Container) -> int:
    """Sent before it is noted: a broadcast may go out twice, and never not at all."""
    bonuses = await container.database.fetch(Query("unqueued", ()))
    for row in bonuses:
        await container.queue.send(Broadcast(str(row["bonus_id"])))
        await container.database.fetch(Query("queued", (row["bonus_id"],)))
    return len(bonuses)


handler = live(handle, Container)
