"""The queues of broadcasts: bonuses, and news, which never stand before one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handlers.adapters.settings import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from handlers.core.push import Broadcast

# A little more than the lease of a page (sql/functions/push.sql). SQS would bring the message of a
# worker that died again only when its visibility time-out is over, and most windows with it.
SECOND_AFTER_SECONDS = 7


class Queue:
    """Calls workers for broadcasts. Each method raises what botocore raises: the queue cannot be
    reached, or does not take a message.
    """

    def __init__(self) -> None:
        self._client: SQSClient | None = None

    async def announce(self, broadcast: Broadcast) -> None:
        """Call for a worker, and for a second a little later: it finds the broadcast done, or goes
        on where the first has died.
        """
        await self._send([(broadcast, 0), (broadcast, SECOND_AFTER_SECONDS)])

    async def announce_own(self, broadcast: Broadcast) -> None:
        """Call for the second only: the caller is the first."""
        await self._send([(broadcast, SECOND_AFTER_SECONDS)])

    async def send(self, broadcast: Broadcast, delay_seconds: int = 0) -> None:
        """Call for one worker more."""
        await self._send([(broadcast, delay_seconds)])

    async def send_many(self, broadcast: Broadcast, times: int) -> None:
        """Call for some workers more: at most ten, in one call."""
        await self._send([(broadcast, 0)] * times)

    async def _send(self, calls: Sequence[tuple[Broadcast, int]]) -> None:
        if calls:
            await asyncio.to_thread(self._send_now, calls)

    def _send_now(self, calls: Sequence[tuple[Broadcast, int]]) -> None:
        # Imported at the first call, as what it takes to push is.
        import boto3  # noqa: PLC0415
        from botocore.exceptions import ClientError  # noqa: PLC0415

        if self._client is None:
            self._client = boto3.client("sqs")
        is_news = calls[0][0].is_news
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(n), "MessageBody": broadcast.to_json(), "DelaySeconds": delay_seconds}
            for n, (broadcast, delay_seconds) in enumerate(calls)
        ]
        answer = self._client.send_message_batch(
            QueueUrl=setting("NEWS_QUEUE_URL") if is_news else setting("PUSH_QUEUE_URL"),
            Entries=entries,
        )
        for failed in answer.get("Failed", []):
            code, message = failed["Code"], failed.get("Message", "")
            raise ClientError({"Error": {"Code": code, "Message": message}}, "SendMessageBatch")
