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
from wsgate.transport.responses import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from wsgate.model.events import Pairs

MAX_FOLDER_CHARACTERS: Final = 100
"""A socket's path has 108 bytes on Linux and 104 on macOS (unix(7), 2026-11-29)."""


class Manage(NamedTuple):
    """A call of @connections, asked of the node that has the connection."""

    connection_id: str
    request: Request


# What goes from node to node, which a broadcast does a hundred thousand times: of plain values,
# whose pickle takes a tenth of the time, and no header but the one that says which API it is.
_Question = tuple[str, str, str, str, bytes, bool]
_Answer = tuple[int, bytes, "Pairs"]


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

    def manage(self, node: int, connection_id: str, request: Request) -> Awaitable[Response]:
        """What the node that has the connection answers; one that is not there has none."""
        question = _packed(connection_id, request)
        channel = self._channels.get(node)
        if channel is None or channel.lost.is_set():
            return self._manage_by_new(node, question)
        return channel.question(question, _answer_of)

    async def _manage_by_new(self, node: int, question: _Question) -> Response:
        try:
            channel = await self._open(node)
        except (FileNotFoundError, ConnectionRefusedError):
            return management.GONE
        answer: Response = await channel.question(question, _answer_of)
        return answer

    def _answer_packed(self, question: _Question) -> _Answer:
        response = self._answer(_unpacked(question))
        return response.status, response.body, response.headers

    def _meet(self) -> Channel:
        channel = Channel(self._answer_packed, _nothing_is_told)
        self._of_others.add(channel)
        return channel

    async def _open(self, node: int) -> Channel:
        """Many may want the same one at once. Raises OSError."""
        async with self._opening[node]:
            channel = self._channels.get(node)
            if channel is None or channel.lost.is_set():
                loop = asyncio.get_running_loop()
                _, channel = await loop.create_unix_connection(
                    lambda: Channel(self._answer_packed, _nothing_is_told),
                    str(self._folder / str(node)),
                )
                self._channels[node] = channel
        return channel


def _nothing_is_told(news: object) -> None:
    raise TypeError(news)


def _packed(connection_id: str, request: Request) -> _Question:
    name, too_large = request.host, request.too_large
    return connection_id, request.method, request.path, name, request.body, too_large


def _unpacked(question: _Question) -> Manage:
    connection_id, method, path, host, body, too_large = question
    return Manage(connection_id, Request(method, path, "", (("Host", host),), body, "", too_large))


def _answer_of(answer: _Answer | ChannelLost) -> Response:
    return management.GONE if isinstance(answer, ChannelLost) else Response(*answer)
