"""The queues' worker: broadcasts to their audience, page by page, while their window is open."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from handlers.adapters import metrics
from handlers.adapters.broadcaster import Numbers
from handlers.adapters.container import Container, Event, live
from handlers.core.push import Broadcast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handlers.adapters.broadcaster import Broadcaster

log = logging.getLogger(__name__)

# The last page begins when its own four seconds and these are left of the function's time: for the
# second that it may wait for its turn, for its report, and to call for whoever does the rest.
RESERVE_SECONDS = 4.0

UNITS = dict.fromkeys(
    ("pages", "pushes_sent", "pushes_gone", "pushes_undelivered", "pushes_dropped"), "Count"
) | {"told_after_ms": "Milliseconds", "duration_ms": "Milliseconds"}


def handle(event: Event, context: Any, container: Container) -> dict[str, Any]:
    """Each record is one Broadcast, and they go side by side; those that fail come again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (2026-11-23)
    """
    began = time.monotonic()
    seconds = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    messages, failed = _read(event["Records"])
    workers = {one: container.broadcaster(one, seconds) for one in messages}
    failed += [message_id for one in container.run(_work(workers)) for message_id in messages[one]]
    _put(_sum(worker.numbers for worker in workers.values()), time.monotonic() - began)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _read(records: list[dict[str, Any]]) -> tuple[dict[Broadcast, list[str]], list[str]]:
    """Broadcasts and the ids of the messages that call for them; the ids of what is none."""
    messages: dict[Broadcast, list[str]] = {}
    broken = []
    for record in records:
        try:
            broadcast = Broadcast.from_json(record["body"])
            messages.setdefault(broadcast, []).append(record["messageId"])
        except (ValueError, TypeError, KeyError, AttributeError):
            log.exception("message %s is no broadcast", record["messageId"])
            broken.append(record["messageId"])
    return messages, broken


async def _work(workers: dict[Broadcast, Broadcaster]) -> list[Broadcast]:
    """Those that failed."""
    results = await asyncio.gather(
        *(worker.work() for worker in workers.values()), return_exceptions=True
    )
    failures = [
        (one, result)
        for one, result in zip(workers, results, strict=True)
        if isinstance(result, BaseException)
    ]
    for one, failure in failures:
        log.error("broadcast %s failed", one.broadcast_id, exc_info=failure)
    return [one for one, _ in failures]


def _sum(numbers: Iterable[Numbers]) -> Numbers:
    total = Numbers()
    for one in numbers:
        total.add(one)
    return total


def _put(numbers: Numbers, seconds: float) -> None:
    fared = {
        f"pushes_{name}": numbers.fared[name] for name in ("sent", "gone", "undelivered", "dropped")
    }
    line = {"pages": numbers.pages, **fared, "duration_ms": round(seconds * 1000)}
    if numbers.told_after_ms:
        line["told_after_ms"] = numbers.told_after_ms
    metrics.put(line, UNITS, time.time_ns() // 1_000_000)


handler = live(handle, Container)
