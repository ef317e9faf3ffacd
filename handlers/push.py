"""The queue's worker: a bonus to every connection of its audience, page by page, in its window."""

from __future__ import annotations

import logging
from typing import Any

from handlers.adapters.container import Container, Event, live
from handlers.core import push
from handlers.core.push import Broadcast

log = logging.getLogger(__name__)

# With this much of the function's time left, the rest of a broadcast goes back into the queue.
RESERVE_MS = 10_000


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
    sent = 0
    rest: Broadcast | None = broadcast
    while rest:
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            await container.queue.send(rest)
            break
        rows = await container.database.fetch(push.query(rest))
        sent += await container.deliver(push.pushes(rows))
        rest = push.rest(rest, rows)
    log.info("bonus %s: %d pushed", broadcast.bonus_id, sent)


handler = live(handle, Container)
