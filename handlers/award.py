"""The scheduled awards: bonuses for users who have watched long enough, broadcast at once."""

from __future__ import annotations

import json
import logging

from handlers.container import Container, Context, Event, live
from handlers.services.award import Awards

log = logging.getLogger(__name__)


def handle(_event: Event, context: Context, container: Container) -> dict[str, int]:
    """Make the bonuses that are due, and queue each broadcast that is not in the queue yet."""
    awards = Awards(container.database, container.queue, context.get_remaining_time_in_millis)
    numbers = container.run(awards.run(), context)
    if any(numbers.values()):
        log.info("award %s", json.dumps(numbers))
    return numbers


handler = live(handle, Container)
