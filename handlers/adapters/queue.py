"""The queues of broadcasts: one for bonuses, and one for news, which so never delay a bonus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handlers.adapters.settings import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from handlers.core.operations.broadcast import Broadcast

# A little more than the lease of a page (sql/functions/broadcast/broadcast_page.sql). SQS would
# deliver a dead worker's message again only after its visibility time-out, which is longer than
# most windows.
BACKUP_DELAY_SECONDS = 7


class Queue:
    """Wakes workers for broadcasts. Each method raises a botocore error when the queue cannot be
    reached or refuses a message.
    """

    def __init__(self) -> None:
        self._client: SQSClient | None = None

    async def enqueue(self, broadcast: Broadcast) -> None:
        """Wake a worker, and a backup a little later: it finds the broadcast done, or goes on where
        the first has died.
        """
        await self._send([(broadcast, 0), (broadcast, BACKUP_DELAY_SECONDS)])

    async def enqueue_backup(self, broadcast: Broadcast) -> None:
        """Wake the backup only: the caller is the first worker."""
        await self._send([(broadcast, BACKUP_DELAY_SECONDS)])

    async def wake(self, broadcast: Broadcast, delay_seconds: int = 0) -> None:
        """Wake one more worker."""
        await self._send([(broadcast, delay_seconds)])

    async def wake_many(self, broadcast: Broadcast, times: int) -> None:
        """Wake more workers, at most ten."""
        await self._send([(broadcast, 0)] * times)

    async def _send(self, messages: Sequence[tuple[Broadcast, int]]) -> None:
        if messages:
            await asyncio.to_thread(self._send_now, messages)

    def _send_now(self, messages: Sequence[tuple[Broadcast, int]]) -> None:
        # Imported at the first call: boto3 takes longer than everything else of a cold start.
        import boto3  # noqa: PLC0415
        from botocore.exceptions import ClientError  # noqa: PLC0415

        if self._client is None:
            self._client = boto3.client("sqs")
        is_news = messages[0][0].is_news
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(n), "MessageBody": broadcast.to_json(), "DelaySeconds": delay_seconds}
            for n, (broadcast, delay_seconds) in enumerate(messages)
        ]
        answer = self._client.send_message_batch(
            QueueUrl=setting("NEWS_QUEUE_URL") if is_news else setting("BROADCAST_QUEUE_URL"),
            Entries=entries,
        )
        for failed in answer.get("Failed", []):
            code, message = failed["Code"], failed.get("Message", "")
            raise ClientError({"Error": {"Code": code, "Message": message}}, "SendMessageBatch")
