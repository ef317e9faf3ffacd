"""The scheduled awards: who has watched long enough gets a bonus, and is told at once."""

from __future__ import annotations

import json
import logging
from typing import Any

from handlers.adapters.container import Container, Event, live
from handlers.core.operation import Query
from handlers.core.push import Broadcast

log = logging.getLogger(__name__)

# Sessions per rule and statement.
AT_ONCE = 10_000
# Bonuses per statement: each may have been offered to ten thousand.
CLOSE_BATCH_SIZE = 10
RESERVE_MS = 10_000


def handle(_event: Event, context: Any, container: Container) -> dict[str, int]:
    """Make the bonuses that are due, and queue every broadcast that is not in the queue yet."""
    numbers = {
        "made": container.run(_make(context, container)),
        "closed": container.run(_close(context, container)),
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


async def _close(context: Any, container: Container) -> int:
    """The ledgers of bonuses that are over."""
    closed, has_more = 0, True
    while has_more and context.get_remaining_time_in_millis() > RESERVE_MS:
        row = await container.database.fetch_one(Query("close_bonuses", (CLOSE_BATCH_SIZE,)))
        closed += int(str(row["closed"]))
        has_more = row["closed"] == CLOSE_BATCH_SIZE
    return closed


async def _queue(container: Container) -> int:
    """Sent before it is noted: a broadcast may go out twice, and never not at all."""
    broadcasts = await container.database.fetch(Query("list_orphaned_broadcasts", ()))
    for row in broadcasts:
        await container.queue.announce(
            Broadcast(str(row["broadcast_id"]), int(str(row["round"])), row["kind"] == "news")
        )
        await container.database.fetch(Query("mark_broadcast_queued", (row["broadcast_id"],)))
    return len(broadcasts)


handler = live(handle, Container)
