"""The queues of broadcasts: one for bonuses, and one for news, which so never delay a bonus."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from handlers.adapters.deadline import ANSWER_SECONDS, STATEMENT_SECONDS
from handlers.adapters.settings import setting
from handlers.core.apps import MAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from handlers.adapters.deadline import Deadline
    from handlers.core.operations.broadcast import Broadcast

# A call in all, of which the import of boto3 takes a good part at the first one.
CALL_SECONDS = 5.0
# The thread of a call that nothing waits for any more ends by itself: within two attempts.
CONNECT_SECONDS, READ_SECONDS, MAX_ATTEMPTS = 1.0, 2.0, 2

# A little more than the lease of a page (sql/functions/broadcast/broadcast_page.sql). SQS would
# deliver a dead worker's message again only after its visibility time-out, which is longer than
# most windows.
BACKUP_DELAY_SECONDS = 7


class NotQueued(Exception):
    """The queue did not take a message: it cannot be reached, refuses it, or does not answer in
    time, and then the message may be in it all the same.
    """


class Queue:
    """Wakes workers for broadcasts of an app. Each method raises NotQueued."""

    def __init__(
        self, deadline: Deadline, failed: Callable[[], object] = lambda: None, app: str = MAIN
    ) -> None:
        """`failed` is called for each message that is not queued."""
        self._deadline, self._failed, self._app = deadline, failed, app
        self._client: SQSClient | None = None

    async def enqueue(self, broadcast: Broadcast) -> None:
        """Wake a worker, and a backup a little later: it finds the broadcast done, or goes on where
        the first has died.
        """
        await self._send([(broadcast, 0), (broadcast, BACKUP_DELAY_SECONDS)], STATEMENT_SECONDS)

    async def enqueue_backup(self, broadcast: Broadcast) -> None:
        """Wake the backup only: the caller is the first worker."""
        await self._send([(broadcast, BACKUP_DELAY_SECONDS)], STATEMENT_SECONDS)

    async def wake(self, broadcast: Broadcast, delay_seconds: int = 0) -> None:
        """Wake one more worker."""
        await self._send([(broadcast, delay_seconds)], ANSWER_SECONDS)

    async def wake_many(self, broadcast: Broadcast, times: int) -> None:
        """Wake more workers, at most ten."""
        await self._send([(broadcast, 0)] * times, ANSWER_SECONDS)

    async def _send(
        self, messages: Sequence[tuple[Broadcast, int]], leaving_seconds: float
    ) -> None:
        if not messages:
            return
        seconds = self._deadline.allow(CALL_SECONDS, leaving_seconds)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.to_thread(self._send_now, messages)
        except TimeoutError as error:
            self._failed()
            raise NotQueued("no answer in time") from error
        except NotQueued:
            self._failed()
            raise

    def _send_now(self, messages: Sequence[tuple[Broadcast, int]]) -> None:
        # Imported at the first call: boto3 takes longer than everything else of a cold start.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        is_news = messages[0][0].is_news
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(n), "MessageBody": body, "DelaySeconds": delay_seconds}
            for n, (broadcast, delay_seconds) in enumerate(messages)
            for body in [replace(broadcast, app=self._app).to_json()]
        ]
        try:
            answer = self._connected().send_message_batch(
                QueueUrl=setting("NEWS_QUEUE_URL") if is_news else setting("BROADCAST_QUEUE_URL"),
                Entries=entries,
            )
        except (BotoCoreError, ClientError) as error:
            raise NotQueued(str(error)) from error
        for failed in answer.get("Failed", []):
            raise NotQueued(f"{failed['Code']}: {failed.get('Message', '')}")

    def _connected(self) -> SQSClient:
        if self._client is None:
            import boto3  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415

            config = Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            )
            self._client = boto3.client("sqs", config=config)
        return self._client
