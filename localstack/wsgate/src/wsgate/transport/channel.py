"""Questions and answers between two processes of ours, over a pair of connected sockets.

Each message is a length (4 bytes) and a pickle. Pickle is safe here: both ends are the same
program, and no other process holds the sockets.
"""

from __future__ import annotations

import asyncio
import itertools
import pickle
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import socket

Answerer = Callable[[Any], Any]
"""Takes a question and returns the answer, or a coroutine of it."""
_HEAD = 4
_QUESTION, _ANSWER, _FAILURE, _NEWS = range(4)


class ChannelLost(Exception):
    """The other process is gone, and with it the answer."""


class Channel(asyncio.Protocol):
    """One end. Either may ask; answers come in any order."""

    def __init__(self, answer: Answerer, heard: Callable[[Any], None]) -> None:
        """`answer` gets each question, `heard` each piece of news."""
        self._answer, self._heard = answer, heard
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._unsent: list[bytes] = []
        self._numbers = itertools.count()
        self._asked: dict[int, tuple[asyncio.Future[Any], Callable[[Any], Any] | None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.lost = asyncio.Event()

    @classmethod
    async def over(
        cls, sock: socket.socket, answer: Answerer, heard: Callable[[Any], None]
    ) -> Channel:
        """Open one over an end of a socket pair."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_connection(lambda: cls(answer, heard), sock=sock)
        return channel

    async def ask(self, question: Any) -> Any:
        """Return the other's answer, or raise what it raised. Raises ChannelLost."""
        return await self.question(question)

    def question(
        self, question: Any, read: Callable[[Any], Any] | None = None
    ) -> asyncio.Future[Any]:
        """The other's answer, without a task to wait for it.

        With `read` it is what that makes of the answer, or of the ChannelLost that came instead.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.lost.is_set():
            _lose(future, read)
        else:
            number = next(self._numbers)
            self._asked[number] = (future, read)
            self._send((_QUESTION, number, question))
        return future

    def tell(self, news: Any) -> None:
        """Say something that needs no answer; into the void when the other is gone."""
        self._send((_NEWS, 0, news))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        at, end = 0, len(self._received)
        while end - at >= _HEAD:
            size = int.from_bytes(self._received[at : at + _HEAD], "big")
            if end - at - _HEAD < size:
                break
            with memoryview(self._received) as view:
                message = pickle.loads(view[at + _HEAD : at + _HEAD + size])  # noqa: S301 our own
            at += _HEAD + size
            self._take(*message)
        del self._received[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        for task in self._answering:
            task.cancel()
        asked, self._asked = self._asked, {}
        for future, read in asked.values():
            _lose(future, read)

    def _take(self, kind: int, number: int, content: Any) -> None:
        if kind == _NEWS:
            self._heard(content)
        elif kind == _QUESTION:
            self._reply(number, content)
        elif (asked := self._asked.pop(number, None)) is not None and not asked[0].done():
            future, read = asked
            if kind == _ANSWER:
                future.set_result(content if read is None else read(content))
            else:
                future.set_exception(content)

    def _reply(self, number: int, question: Any) -> None:
        """Answer at once, without a task, what takes no waiting."""
        try:
            answer = self._answer(question)
        except Exception as error:  # it is raised again where it was asked
            self._send((_FAILURE, number, error))
            return
        if not isinstance(answer, CoroutineType):  # asyncio.iscoroutine takes ten times as long
            self._send((_ANSWER, number, answer))
            return
        task = asyncio.get_running_loop().create_task(self._reply_later(number, answer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _reply_later(self, number: int, answer: Coroutine[Any, Any, Any]) -> None:
        try:
            self._send((_ANSWER, number, await answer))
        except Exception as error:  # it is raised again where it was asked
            self._send((_FAILURE, number, error))

    def _send(self, message: tuple[int, int, Any]) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        try:
            data = pickle.dumps(message)
        except Exception as error:  # an answer that cannot travel
            data = pickle.dumps((_FAILURE, message[1], RuntimeError(str(error))))
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += (len(data).to_bytes(_HEAD, "big"), data)

    def _flush(self) -> None:
        """Write what was said since the loop's last turn at once.

        A write for each answer wakes the other process for each, and takes a third of the time.
        """
        unsent, self._unsent = self._unsent, []
        if unsent and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(unsent))


def _lose(future: asyncio.Future[Any], read: Callable[[Any], Any] | None) -> None:
    if future.done():
        return
    lost = ChannelLost()
    if read is None:
        future.set_exception(lost)
    else:
        future.set_result(read(lost))
