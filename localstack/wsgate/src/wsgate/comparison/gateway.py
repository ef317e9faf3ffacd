"""The gateway that is asked, seen from outside: connections, and the events of their functions."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from websockets.typing import Subprotocol

Json = dict[str, Any]
ANSWER_SECONDS = 60
SILENT_SECONDS = 5
"""What has not come after this is held not to come."""
NOTHING = "nothing came"


class Unreachable(Exception):
    """The gateway is not that of the template; the message is one sentence without its stop."""


class Gateway:
    """The API of `stack/template.yaml`, wherever it is."""

    def __init__(self, url: str, observer: ClientConnection, observer_id: str) -> None:
        self.url, self.observer_id = url, observer_id
        self._observer = observer
        self._events: list[Json] = []

    async def told(self, is_it: Callable[[Json], bool]) -> Any:
        """The first event of which that is so, as its function got it; NOTHING if none comes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while not (found := [event for event in self._events if is_it(event)]):
                    self._events.append(json.loads(await self._observer.recv()))
                return found[0]
        return NOTHING

    async def event(self, connection_id: str, kind: str) -> Any:
        """CONNECT, MESSAGE or DISCONNECT of a connection."""

        def is_it(event: Json) -> bool:
            where = {} if "type" in event else event.get("requestContext", {})
            return (where.get("connectionId"), where.get("eventType")) == (connection_id, kind)

        return await self.told(is_it)

    @contextlib.asynccontextmanager
    async def connected(self, **query: str) -> AsyncIterator[Client]:
        async with await dial(self.url, {"observer": self.observer_id} | query) as connection:
            yield await Client.met(connection)

    async def refused(self, **query: str) -> Json:
        """Status, names of headers and body of a handshake."""
        try:
            async with await dial(self.url, {"observer": self.observer_id} | query):
                return {"status": 101}
        except InvalidStatus as error:
            body = (error.response.body or b"").decode(errors="replace")
            names = sorted({name.lower() for name, _ in error.response.headers.raw_items()})
            return {"status": error.response.status_code, "headers": names, "body": read_json(body)}


class Client:
    """A connection to it."""

    def __init__(self, connection: ClientConnection, connection_id: str) -> None:
        self.connection, self.id = connection, connection_id

    @classmethod
    async def met(cls, connection: ClientConnection) -> Client:
        """Ask for its id. Raises Unreachable."""
        client = cls(connection, "")
        found = await client.ask("who")
        if not isinstance(found, str) or found == NOTHING:
            raise Unreachable(f"it does not answer as the template of `wsgate record`, but {found}")
        client.id = found
        return client

    async def ask(self, do: str, **members: object) -> Any:
        return await self.say({"action": "ask", "do": do, **members})

    async def say(self, message: Json | str) -> Any:
        """Send it; the next frame, or NOTHING, or how the connection closed."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self.connection.send(text)
        return await self.heard()

    async def heard(self, seconds: float = ANSWER_SECONDS) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return read_json(str(await self.connection.recv()))
        except TimeoutError:
            return NOTHING
        except ConnectionClosed:
            return self.ending()

    async def closes(self) -> Any:
        """Wait until it is closed."""
        while (found := await self.heard()) not in (NOTHING, self.ending()):
            pass
        return found

    def ending(self) -> Json:
        return {"code": self.connection.close_code, "reason": self.connection.close_reason}


@contextlib.asynccontextmanager
async def watched(url: str) -> AsyncIterator[Gateway]:
    """The gateway with its observer. Raises Unreachable."""
    try:
        async with await dial(url, {"observer": "none"}) as connection:
            observer = await Client.met(connection)
            yield Gateway(url, connection, observer.id)
    except (OSError, WebSocketException) as error:
        raise Unreachable(f"{url} cannot be asked: {error}") from error


async def dial(
    url: str, query: Mapping[str, str], protocols: tuple[Subprotocol, ...] = ()
) -> ClientConnection:
    return await connect(
        f"{url}?{urlencode(query)}" if query else url,
        subprotocols=protocols or None,
        compression=None,
        proxy=None,
        ping_interval=None,
        open_timeout=ANSWER_SECONDS,
        user_agent_header="wsgate-record",
    )


def read_json(text: str) -> Any:
    """A text as JSON, or as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
