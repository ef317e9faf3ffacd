"""What a node in a process of its own asks of the process that runs the functions."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from waiting import in_time
from wsgate.model.invoke import Invocation, InvokeError
from wsgate.node import process
from wsgate.node.process import Parent
from wsgate.transport.channel import Channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from wsgate.node.neighbours import Neighbours


class NoNeighbours:
    async def manage(self, *_: Any) -> None:
        raise AssertionError


@asynccontextmanager
async def parent_that_waits(go: asyncio.Event) -> AsyncIterator[Parent]:
    async def answer(_: Any) -> Invocation:
        await go.wait()
        return Invocation(b"1")

    ours, theirs = socket.socketpair()
    channel = await Channel.over(ours, answer, lambda _: None)
    far = await Channel.over(theirs, answer, lambda _: None)
    try:
        yield Parent(channel, cast("Neighbours", NoNeighbours()))
    finally:
        channel.close()
        far.close()


async def test_a_node_has_a_bounded_number_of_calls_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is refused is refused at once, and a call that ends makes room."""
    monkeypatch.setattr(process, "AT_ONCE", 2)
    go = asyncio.Event()
    async with parent_that_waits(go) as parent:
        calls = [asyncio.create_task(parent.invoke("any", b"{}")) for _ in range(5)]
        refused = await asyncio.gather(*calls[2:], return_exceptions=True)
        assert [error.status for error in refused if isinstance(error, InvokeError)] == [429] * 3
        assert not any(call.done() for call in calls[:2])
        go.set()
        assert [(await in_time(call)).payload for call in calls[:2]] == [b"1", b"1"]
        assert (await in_time(parent.invoke("any", b"{}"))).payload == b"1"
