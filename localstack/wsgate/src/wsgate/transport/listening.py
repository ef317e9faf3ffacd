"""A node's port: accept sockets, check time-outs, and close every connection at the end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Protocol, cast

from wsgate.transport.admission import FULL
from wsgate.transport.http_protocol import HttpNode, HttpProtocol
from wsgate.transport.responses import serialize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

    from wsgate.transport.admission import Admission


BACKLOG = 4096
_PER_TURN = 32
"""Accepted before the loop does something else; fewer than open_files.OTHERS."""
_PAUSE_SECONDS = 1
"""Until the next try, when the system gives no descriptor at all."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class ListeningNode(HttpNode, Protocol):
    """A node with a beginning and an end."""

    @property
    def admission(self) -> Admission: ...
    def __len__(self) -> int: ...
    def tick(self) -> None: ...
    def shut_down(self) -> None: ...
    async def emptied(self, within: timedelta) -> None: ...
    async def end(self, within: timedelta) -> None: ...


@contextlib.asynccontextmanager
async def listening(node: ListeningNode, listener: socket.socket) -> AsyncIterator[None]:
    """Accept connections. On exit accept no more, close all with 1001, and finish $disconnects."""
    acceptor = _Acceptor(node, listener)
    ticking = asyncio.create_task(_tick(node), name="time-outs")
    try:
        yield
    finally:
        acceptor.close()
        node.shut_down()
        await node.emptied(node.limits.shutdown)
        await node.end(node.limits.shutdown)
        ticking.cancel()


async def _tick(node: ListeningNode) -> None:
    while True:
        await asyncio.sleep(node.limits.tick.total_seconds())
        node.tick()


class _Acceptor:
    """Accepts what there is room for, and refuses the rest in a way that a client understands.

    A server of the loop's own would not: uvloop resets without a word what it has no descriptor
    for (https://github.com/libuv/libuv/blob/v1.x/src/unix/stream.c, uv__emfile_trick; 2026-11-29).
    """

    def __init__(self, node: ListeningNode, listener: socket.socket) -> None:
        self._node, self._listener = node, listener
        self._loop = asyncio.get_running_loop()
        self._starting = set[asyncio.Task[None]]()
        self._spare: int | None = _spare()
        self._pause: asyncio.TimerHandle | None = None
        # asyncio's own loops read and write by the socket itself.
        is_own = isinstance(self._loop, asyncio.BaseEventLoop)
        self._lending = None if is_own else _Lending(listener)
        listener.setblocking(False)
        listener.listen(BACKLOG)
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Accept no more, and leave the port."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        if self._pause is not None:
            self._pause.cancel()
        if self._spare is not None:
            os.close(self._spare)

    def _accept(self) -> None:
        for _ in range(_PER_TURN):
            if self._starting and self._is_full() and self._idle() is None:
                return  # those that start are idle next, and give way
            try:
                client, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._accept_without_descriptor(error)
                return
            if not self._is_full() or self._expire_idle():
                self._start(client)
            else:
                self._node.admission.refuse("every connection and place for a request is in use")
                _refuse(client)

    def _is_full(self) -> bool:
        sockets = len(self._node.clients) + len(self._node) + len(self._starting)
        return not self._node.admission.admits_socket(sockets)

    def _idle(self) -> HttpProtocol | None:
        """The oldest client without a request."""
        return next((client for client in self._node.clients if client.is_idle), None)

    def _expire_idle(self) -> bool:
        """Make room for another client; False if all have a request."""
        idle = self._idle()
        if idle is not None:
            del self._node.clients[idle]
            idle.expire()
        return idle is not None

    def _start(self, client: socket.socket) -> None:
        task = self._loop.create_task(self._attach(client))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _attach(self, client: socket.socket) -> None:
        descriptor = client.fileno()
        lent = cast("socket.socket", self._lending.of(client)) if self._lending else client
        try:
            await self._loop.connect_accepted_socket(
                lambda: HttpProtocol(self._node, descriptor), lent
            )
        except OSError:  # it is gone already
            client.close()

    def _accept_without_descriptor(self, error: OSError) -> None:
        """Refuse a client with the descriptor kept for that, or look again after a pause."""
        self._node.admission.refuse(f"a client cannot be accepted: {error.strerror}")
        is_refused = False
        if self._spare is not None:
            os.close(self._spare)
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                _refuse(client)
                is_refused = True
            self._spare = _spare()
        if not is_refused:
            self._loop.remove_reader(self._listener)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._spare is None:
            self._spare = _spare()
        self._loop.add_reader(self._listener, self._accept)


class _Lending:
    """What uvloop gets instead of an accepted socket: one object for all of them.

    It takes the descriptor, once, and then keeps the object for as long as the connection lives,
    only to detach or to close it after libuv has closed the descriptor (UVSocketHandle._close in
    https://github.com/MagicStack/uvloop/blob/v0.23.0/uvloop/handles/handle.pyx; 2026-12-01).
    """

    def __init__(self, listener: socket.socket) -> None:
        self.family, self.type = listener.family, listener.type
        self._client = listener

    def of(self, client: socket.socket) -> _Lending:
        """Lend this one next; uvloop takes it before it gives way to another."""
        self._client = client
        return self

    def fileno(self) -> int:
        return self._client.detach()

    def close(self) -> None:
        """libuv has closed it."""


def _spare() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return None


def _refuse(client: socket.socket) -> None:
    """Answer and close at once. What was sent is read first: closing would reset it otherwise."""
    with client, contextlib.suppress(OSError):
        client.setblocking(False)
        client.send(serialize(FULL, keep_alive=False))
        client.shutdown(socket.SHUT_WR)
        client.recv(65_536)
