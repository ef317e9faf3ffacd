"""The scheduled awards: who has watched long enough gets a bonus, and is told at once."""

from __future__ import annotations

import logging
from typing import Any

from handlers.adapters.container import Container, Event, live
from handlers.core.happening import Query
from handlers.core.push import Broadcast

log = logging.getLogger(__name__)

# Sessions per rule and run; those left over are first in the next one.
AT_MOST = 10_000


def handle(_event: Event, _context: Any, container: Container) -> dict[str, int]:
    """Make the bonuses that are due and queue their broadcasts. Returns how many."""
    return {"bonuses": container.run(_award(container))}


async def _award(container: Container) -> int:
    bonuses = await container.database.fetch(Query("award", (AT_MOST,)))
    for row in bonuses:
        await container.queue.send(Broadcast(str(row["bonus_id"])))
    if bonuses:
        log.info("awarded %d bonuses", len(bonuses))
    return len(bonuses)


handler = live(handle, Container)
