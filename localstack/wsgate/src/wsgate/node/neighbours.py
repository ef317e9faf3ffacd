"""The other nodes behind the same port: a node asks the one that has a connection directly.

Each node listens on a socket of its own in one folder, which only this user can open: that keeps
the pickles of `Channel` safe. A node is connected to when it is first asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

from wsgate.apis import management
from wsgate.transport.channel import Channel, ChannelLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wsgate.transport.responses import Request, Response

MAX_FOLDER_CHARACTERS: Final = 100
"""A socket's path has 108 bytes on Linux and 104 on macOS (unix(7), 2026-11-29)."""


class Manage(NamedTuple):
    """A call of @connections, asked of the node that has the connection."""

    connection_id: str
    request: Request


class Neighbours:
    """Asks other nodes about their connections, and answers them about ours."""

    def __init__(self, folder: Path, index: int, answer: Callable[[Manage], Response]) -> None:
        """`folder` is the same for all nodes, and `index` this one's place among them."""
        self._folder, self._index, self._answer = folder, index, answer
        self._server: asyncio.Server | None = None
        self._channels: dict[int, Channel] = {}
        self._of_others: WeakSet[Channel] = WeakSet()
        self._opening: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Be there for the others. A node that was killed left its socket behind."""
        path = self._folder / str(self._index)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._server = await asyncio.get_running_loop().create_unix_server(self._meet, str(path))

    def close(self) -> None:
        """Be asked no more, and ask no more."""
        if self._server is not None:
            self._server.close()
        for channel in (*self._channels.values(), *self._of_others):
            channel.close()

    async def manage(self, node: int, connection_id: str, request: Request) -> Response:
        """Return what the node that has the connection answers; one that is not there has none."""
        try:
            channel = self._channels.get(node)
            if channel is None or channel.lost.is_set():
                channel = await self._open(node)
            answer: Response = await channel.ask(Manage(connection_id, request))
        except (ChannelLost, FileNotFoundError, ConnectionRefusedError):
            return management.GONE
        return answer

    def _meet(self) -> Channel:
        channel = Channel(self._answer, _nothing_is_told)
        self._of_others.add(channel)
        return channel

    async def _open(self, node: int) -> Channel:
        """Many may want the same one at once. Raises OSError."""
        async with self._opening[node]:
            channel = self._channels.get(node)
            if channel is None or channel.lost.is_set():
                loop = asyncio.get_running_loop()
                _, channel = await loop.create_unix_connection(
                    lambda: Channel(self._answer, _nothing_is_told), str(self._folder / str(node))
                )
                self._channels[node] = channel
        return channel


def _nothing_is_told(news: object) -> None:
    raise TypeError(news)
