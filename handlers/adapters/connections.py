"""API Gateway's connection-management API, through boto3 in threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

    from handlers.core.happening import Push

# Calls under way at a time, one thread and one kept connection each; further ones wait their turn.
AT_ONCE = 32


class Gone(Exception):
    """API Gateway answered 410: the connection is no more, or is not open yet."""


class Undelivered(Exception):
    """The call did not get through, for a reason that may pass."""


class Refused(Undelivered):
    """The gateway answered, and did not do it: it throttles, forbids, or has failed."""


class Unreachable(Undelivered):
    """Nobody answered: there is no way to the gateway, or it is silent."""


class Connections:
    """Posts to connections, asks whether they are open, closes them. Safe to call concurrently."""

    def __init__(self, endpoint: str | None = None) -> None:
        """`endpoint` overrides the connections' own nodes (a custom domain, an emulator)."""
        self._endpoint = endpoint
        self._clients: dict[str, ApiGatewayManagementApiClient] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="connections")

    async def post(self, push: Push) -> None:
        """Hand a message to a connection's gateway. Raises Gone or Undelivered."""
        await self._call(
            push.node, "post_to_connection", ConnectionId=push.connection_id, Data=push.data
        )

    async def is_open(self, node: str, connection_id: str) -> bool:
        """Whether the gateway knows the connection. Raises Refused or Unreachable if it does not
        say, and Undelivered itself when the call never left this machine.
        """
        try:
            await self._call(node, "get_connection", ConnectionId=connection_id)
        except Gone:
            return False
        return True

    async def close(self, node: str, connection_id: str) -> None:
        """Have the gateway close a connection. Raises Gone or Undelivered."""
        await self._call(node, "delete_connection", ConnectionId=connection_id)

    async def _call(self, node: str, method: str, **parameters: object) -> None:
        client = self._client(self._endpoint or f"https://{node}")
        call: Callable[..., Any] = getattr(client, method)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, _translated, client, call, parameters)

    def _client(self, endpoint: str) -> ApiGatewayManagementApiClient:
        if endpoint not in self._clients:
            # Imported at the first push: it takes longer than all else that a cold start loads, and
            # most events push nothing.
            import boto3  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415

            self._clients[endpoint] = boto3.client(
                "apigatewaymanagementapi",
                endpoint_url=endpoint,
                config=Config(
                    connect_timeout=1,
                    read_timeout=3,
                    max_pool_connections=AT_ONCE,
                    # A second try, with jitter, for 429 and 5xx; 410 is an answer.
                    retries={"mode": "standard", "total_max_attempts": 2},
                ),
            )
        return self._clients[endpoint]


def _translated(
    client: ApiGatewayManagementApiClient, call: Callable[..., Any], parameters: dict[str, Any]
) -> None:
    from botocore import exceptions as botocore  # noqa: PLC0415  # see _client

    try:
        call(**parameters)
    except client.exceptions.GoneException as error:
        raise Gone from error
    except botocore.ClientError as error:
        raise Refused(str(error)) from error
    except (
        botocore.EndpointConnectionError,
        botocore.ConnectTimeoutError,
        botocore.SSLError,
        botocore.ConnectionClosedError,
        botocore.ReadTimeoutError,
    ) as error:
        raise Unreachable(str(error)) from error
    except botocore.BotoCoreError as error:
        raise Undelivered(str(error)) from error
