"""The queue of broadcasts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handlers.adapters.settings import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from handlers.core.push import Broadcast


class Queue:
    """Sends broadcasts to the push workers."""

    def __init__(self) -> None:
        self._client: SQSClient | None = None

    async def send(self, broadcast: Broadcast, delay_seconds: int = 0) -> None:
        """Raises what botocore raises when the queue cannot be reached."""
        await self.send_many([broadcast], delay_seconds)

    async def send_many(self, broadcasts: Sequence[Broadcast], delay_seconds: int = 0) -> None:
        """At most ten, in one call. Raises what `send` raises."""
        if broadcasts:
            await asyncio.to_thread(self._send, broadcasts, delay_seconds)

    def _send(self, broadcasts: Sequence[Broadcast], delay_seconds: int) -> None:
        if self._client is None:
            import boto3  # noqa: PLC0415  # as in connections.py

            self._client = boto3.client("sqs")
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(n), "MessageBody": one.to_json(), "DelaySeconds": delay_seconds}
            for n, one in enumerate(broadcasts)
        ]
        self._client.send_message_batch(QueueUrl=setting("PUSH_QUEUE_URL"), Entries=entries)
