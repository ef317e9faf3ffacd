"""The queues' worker: broadcasts to their audience, page by page, while their window is open."""

from __future__ import annotations

import time
from typing import Any

from handlers.container import Container, Context, Event, live
from handlers.services.broadcast import put_metrics, read, work_on

# The last page begins when its own four seconds and these are left of the function's time: for the
# second that it may wait for its turn, for its report, and to wake a worker for the rest.
RESERVE_SECONDS = 4.0


def handle(event: Event, context: Context, container: Container) -> dict[str, Any]:
    """Each record is a wake-up message; messages that fail are delivered again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (2026-11-23)
    """
    began = time.monotonic()
    seconds = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    messages, failed = read((one["messageId"], one["body"]) for one in event["Records"])
    ports = {parts.app: parts.broadcast_ports() for parts in container.of_all()}
    numbers, unfinished = container.run(work_on(ports, messages, seconds), context)
    failed += [message_id for one in unfinished for message_id in messages[one]]
    put_metrics(numbers, time.monotonic() - began)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


handler = live(handle, Container)
