"""Functions that run elsewhere, reached by Lambda's Invoke: `sam local start-lambda` and others.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (2026-11-23)
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from wsgate.functions.local_aws import session
from wsgate.model.invoke import FunctionStatus, Invocation, InvokeError, Reports
from wsgate.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Collection

    from types_boto3_lambda import LambdaClient

    from wsgate.model.invoke import Invoker

# A function has 15 minutes at most, so an answer after that will not come.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (2026-11-23)
_READ: Final = timedelta(minutes=15, seconds=30)
_CONNECT: Final = timedelta(seconds=5)


class RemoteInvoker:
    """An Invoker over HTTP, with boto3's own client."""

    def __init__(self, endpoint: str, *, region: str = "us-east-1", concurrency: int = 50) -> None:
        """Take the endpoint's URL; connect at the first call. `concurrency` calls run at once.

        Raises ValueError for what is no URL.
        """
        self._client = _client(endpoint, region, concurrency)
        self._places = asyncio.Semaphore(concurrency)

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """Run `function` with `payload`; see Invoker."""
        async with self._places:
            return await in_thread(self._invoke, function, payload)

    async def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _invoke(self, function: str, payload: bytes) -> Invocation:
        try:
            answer = self._client.invoke(FunctionName=function, Payload=payload)
            return Invocation(answer["Payload"].read(), answer.get("FunctionError"))
        except ClientError as error:
            details, metadata = error.response["Error"], error.response["ResponseMetadata"]
            status, kind = metadata["HTTPStatusCode"], details.get("Code", "ServiceException")
            raise InvokeError(status, kind, details.get("Message", "")) from error
        except BotoCoreError as error:
            # Nothing there, or it went away: for the caller as if Lambda itself were out of order.
            raise InvokeError(503, "ServiceException", str(error)) from error


class Split:
    """An Invoker for a template of several runtimes: some functions run here, the others there."""

    def __init__(self, here: Collection[str], environments: Invoker, remote: Invoker) -> None:
        """`here` are the names of those that `environments` runs."""
        self._here, self._environments, self._remote = frozenset(here), environments, remote

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """Run `function` with `payload`; see Invoker."""
        invoker = self._environments if function in self._here else self._remote
        return await invoker.invoke(function, payload, caller)

    def status(self) -> dict[str, FunctionStatus]:
        """See Reports: of those that run here."""
        return self._environments.status() if isinstance(self._environments, Reports) else {}


def _client(endpoint: str, region: str, concurrency: int) -> LambdaClient:
    # No retries: the gateway calls a function once (docs/aws-behaviour.md §8.6), and a second try
    # would hide it.
    settings = Config(
        connect_timeout=_CONNECT.total_seconds(),
        read_timeout=_READ.total_seconds(),
        retries={"total_max_attempts": 1},
        max_pool_connections=concurrency,
    )
    return session(region).client("lambda", endpoint_url=endpoint, config=settings)
