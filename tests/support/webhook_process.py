"""A sender of webhooks to be killed: `python -m tests.support.webhook_process DSN`.

It waits for little, and its hold ends soon, so that the next one goes on at once.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import timedelta

from handlers.adapters.database import Database, Unavailable
from handlers.adapters.webhook_calls import WebhookCalls
from handlers.core import webhook
from handlers.services import webhook_sender
from tests.support.world import ample


async def main(dsn: str) -> None:
    database = Database(dsn, ample())
    calls = WebhookCalls(is_any=True)
    while True:
        with suppress(Unavailable):  # of a busy machine
            await webhook_sender.Sender(database, calls, lambda: 60_000).run()


if __name__ == "__main__":
    webhook_sender.POLL_SECONDS = 0.01
    webhook_sender.HOLD = timedelta(seconds=0.5)
    webhook_sender.BATCH_SIZE = 20
    webhook.DELAYS = (timedelta(milliseconds=20),)
    webhook.MAX_DELAY = webhook.MAX_PAUSE = timedelta(milliseconds=20)
    asyncio.run(main(sys.argv[1]))
