"""The sender of webhooks: runs each minute until the next run has begun."""

from __future__ import annotations

import time
from functools import cached_property

from handlers.adapters import metrics
from handlers.adapters.settings import webhooks_may_call_any
from handlers.adapters.webhook_calls import WebhookCalls
from handlers.container import Container, Context, Event, live
from handlers.core.metrics import total
from handlers.services.side_by_side import run_all
from handlers.services.webhook_sender import Sender


class WebhookContainer(Container):
    """With connections to the receivers, which are kept from run to run."""

    @cached_property
    def calls(self) -> WebhookCalls:
        return WebhookCalls(is_any=webhooks_may_call_any())


def handle(_event: Event, context: Context, container: WebhookContainer) -> dict[str, float]:
    """Send to the webhooks of each app. Returns what was done; raises the first failure."""
    remaining_ms, apps = context.get_remaining_time_in_millis, container.of_all()
    senders = {parts.app: Sender(parts.database, parts.calls, remaining_ms) for parts in apps}
    began = time.monotonic()
    try:
        return container.run(run_all(senders), context)
    finally:
        for parts in apps:
            parts.database.flush()
        numbers = total(one.numbers for one in senders.values())
        metrics.put(numbers | {"duration_ms": round((time.monotonic() - began) * 1000)})


handler = live(handle, WebhookContainer)
