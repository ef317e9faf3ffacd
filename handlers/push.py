"""The queue's worker: a bonus to every connection of its audience, page by page, in its window."""

from __future__ import annotations

import logging
from typing import Any

from handlers.adapters.container import Container, Event, live
from handlers.adapters.database import Unavailable
from handlers.core import push
from handlers.core.push import Broadcast

log = logging.getLogger(__name__)

# With this much of the function's time left, the rest of a broadcast goes back into the queue.
RESERVE_MS = 10_000
PAUSE_SECONDS = 2


def handle(event: Event, context: Any, container: Container) -> dict[str, Any]:
    """Each record is one Broadcast; those that fail come again, the others do not.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (2026-11-23)
    """
    failed = []
    for record in event["Records"]:
        try:
            container.run(_broadcast(Broadcast.from_json(record["body"]), context, container))
        except Exception:
            log.exception("broadcast %s failed", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


async def _broadcast(broadcast: Broadcast, context: Any, container: Container) -> None:
    rest: Broadcast | None = broadcast
    while rest:
        left_ms = context.get_remaining_time_in_millis() - RESERVE_MS
        if left_ms < 0:
            await container.queue.send(rest)
            break
        try:
            rows = await container.database.fetch(push.query(rest))
        except Unavailable as error:
            # From here on, and soon: the record itself would come again from its start, and late.
            log.warning("broadcast of %s waits: %s", rest.bonus_id, error)
            await container.queue.send(rest, delay_seconds=PAUSE_SECONDS)
            break
        delivery = await container.deliver(push.pushes(rows), left_ms / 1000)
        log.info("bonus %s: %s", rest.bonus_id, delivery)
        rest = push.rest(rest, rows)


handler = live(handle, Container)
