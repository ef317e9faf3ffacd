"""The queue of broadcasts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handlers.adapters.settings import setting

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

    from handlers.core.push import Broadcast


class Queue:
    """Sends broadcasts to the push workers."""

    def __init__(self) -> None:
        self._client: SQSClient | None = None

    async def send(self, broadcast: Broadcast, delay_seconds: int = 0) -> None:
        """Raises what botocore raises when the queue cannot be reached."""
        await asyncio.to_thread(self._send, broadcast.to_json(), delay_seconds)

    def _send(self, body: str, delay_seconds: int) -> None:
        if self._client is None:
            import boto3  # noqa: PLC0415  # as in connections.py

            self._client = boto3.client("sqs")
        self._client.send_message(
            QueueUrl=setting("PUSH_QUEUE_URL"), MessageBody=body, DelaySeconds=delay_seconds
        )
