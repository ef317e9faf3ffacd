"""What a case plays with: connections, calls of @connections, and the events that came."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from websockets.typing import Subprotocol

Event = dict[str, Any]
ANSWER_SECONDS = 25
MOMENT_SECONDS = 0.5
"""Long enough for what must not come. That nothing comes later is not seen."""


@dataclass(frozen=True)
class Place:
    """Where an API is served."""

    url: str
    """Of the WebSocket API, with its stage."""
    endpoint: str
    """The `endpoint_url` of an `apigatewaymanagementapi` client."""
    key_id: str = "test"
    secret: str = "test"  # noqa: S105  # what emulators take


class Play:
    """One API, and what its functions were given."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place, self.folder = place, folder

    @contextlib.asynccontextmanager
    async def connected(
        self, query: str = "", *, subprotocols: Sequence[Subprotocol] | None = None
    ) -> AsyncIterator[ClientConnection]:
        """A connection; AssertionError if it is refused."""
        try:
            client = await self.open(query, subprotocols)
        except InvalidStatus as error:
            raise AssertionError(f"refused with {error.response.status_code}") from error
        async with client:
            yield client

    async def open(
        self, query: str = "", subprotocols: Sequence[Subprotocol] | None = None, url: str = ""
    ) -> ClientConnection:
        return await connect(
            (url or self.place.url) + (f"?{query}" if query else ""),
            subprotocols=subprotocols,
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=ANSWER_SECONDS,
            close_timeout=1,
        )

    async def refused(self, query: str = "", url: str = "") -> int | str:
        """The status of a handshake that is refused; words if it is not."""
        try:
            client = await self.open(query, url=url)
        except InvalidStatus as error:
            return error.response.status_code
        try:
            async with client, asyncio.timeout(MOMENT_SECONDS):
                await client.recv()
        except ConnectionClosed:
            return f"101, and closed with {client.close_code}"
        except TimeoutError:
            pass
        return "101"

    async def told(self, kind: str, **members: object) -> Event:
        """The last event of a kind, when it has come: CONNECT, MESSAGE, DISCONNECT or REQUEST.

        `members`: what its requestContext says.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            while not (found := self.events(kind, **members)):  # noqa: ASYNC110  # files
                await asyncio.sleep(0.02)
        return found[-1]

    def events(self, kind: str, **members: object) -> list[Event]:
        """Those that came, in their order."""
        texts = [path.read_text() for path in sorted(self.folder.glob("*.event"))]
        events = [event for event in map(json.loads, texts) if kind == kind_of(event)]
        return [event for event in events if members.items() <= event["requestContext"].items()]

    async def managed(self, name: str, **arguments: object) -> tuple[int, Event | str]:
        """Call an operation of @connections with boto3: its status, and its answer or error."""
        return await asyncio.to_thread(self._managed, name, arguments)

    def _managed(self, name: str, arguments: Event) -> tuple[int, Event | str]:
        session = boto3.Session(self.place.key_id, self.place.secret, region_name="us-east-1")
        once = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=ANSWER_SECONDS,
            read_timeout=ANSWER_SECONDS,
        )
        client: Any = session.client(
            "apigatewaymanagementapi", endpoint_url=self.place.endpoint, config=once
        )
        try:
            answer = getattr(client, name)(**arguments)
        except ClientError as error:
            status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return status, error.response["Error"]["Code"]
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer

    async def unsigned(self, connection_id: str) -> int:
        """The status of a POST to a connection without a signature."""
        base = urlsplit(self.place.endpoint)
        reader, writer = await asyncio.open_connection(base.hostname, base.port)
        path = f"{base.path}/@connections/{quote(connection_id, safe='')}"
        head = f"POST {path} HTTP/1.1\r\nHost: {base.netloc}\r\nContent-Length: 2\r\n"
        writer.write(f"{head}Connection: close\r\n\r\nhi".encode())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return int((await reader.readline()).split()[1])
        finally:
            writer.close()


def kind_of(event: Event) -> str:
    return str(event.get("type") or event["requestContext"].get("eventType"))


async def ask(client: ClientConnection, action: str, **members: object) -> Any:
    """Send a message and return its answer, as JSON if it is some."""
    await client.send(json.dumps({"action": action, **members}))
    return await heard(client)


async def heard(client: ClientConnection) -> Any:
    """The next frame, as JSON if it is some."""
    async with asyncio.timeout(ANSWER_SECONDS):
        text = await client.recv()
    try:
        return json.loads(text)
    except ValueError:
        return text


async def silence(client: ClientConnection) -> None:
    """Nothing comes for a moment."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MOMENT_SECONDS):
            raise AssertionError(f"this came: {str(await client.recv())[:80]!r}")


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    """The code and the reason with which the server closes it."""
    async with asyncio.timeout(ANSWER_SECONDS):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    return client.close_code, client.close_reason


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        while not is_so():  # noqa: ASYNC110  # files
            await asyncio.sleep(0.02)
