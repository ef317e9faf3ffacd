"""Two processes that ask each other: what is written together, and what is left when one ends."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from waiting import in_time
from wsgate.transport.channel import Channel, ChannelLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MANY = 50


def twice(number: int) -> int:
    return 2 * number


@asynccontextmanager
async def pair(answer: Callable[[int], Any] = twice) -> AsyncIterator[tuple[Channel, Channel]]:
    """Two ends, each of which answers like this."""
    ours, theirs = socket.socketpair()
    near = await Channel.over(ours, answer, lambda _: None)
    far = await Channel.over(theirs, answer, lambda _: None)
    try:
        yield near, far
    finally:
        near.close()
        far.close()


class Writes:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.kept.append(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


def unconnected() -> tuple[Channel, Writes]:
    channel, transport = Channel(twice, lambda _: None), Writes()
    channel.connection_made(cast("asyncio.Transport", transport))
    return channel, transport


async def test_what_is_asked_together_is_one_write_and_so_are_its_answers() -> None:
    """Each write wakes the other process: a broadcast would wake it a hundred thousand times."""
    (near, asked), (far, answered) = unconnected(), unconnected()
    questions = [near.question(number) for number in range(MANY)]
    await asyncio.sleep(0)
    assert len(asked.kept) == 1
    far.data_received(asked.kept[0])
    await asyncio.sleep(0)
    assert len(answered.kept) == 1
    near.data_received(answered.kept[0])
    assert [each.result() for each in questions] == [twice(number) for number in range(MANY)]


async def test_what_was_said_last_is_written_before_the_end() -> None:
    heard: list[str] = []
    ours, theirs = socket.socketpair()
    near = await Channel.over(ours, twice, lambda _: None)
    far = await Channel.over(theirs, twice, heard.append)
    near.tell("goodbye")
    near.close()
    await in_time(far.lost.wait())
    assert heard == ["goodbye"]


async def test_a_question_is_read_as_it_comes() -> None:
    async with pair() as (near, _):
        assert await in_time(near.question(3, read=str)) == "6"


async def never(_: int) -> None:
    await asyncio.Event().wait()


def is_lost(answer: Any) -> bool:
    return isinstance(answer, ChannelLost)


async def test_a_question_to_one_that_is_lost_is_answered_with_that() -> None:
    async with pair(never) as (near, far):
        before = near.question(3, read=is_lost)
        bare = asyncio.create_task(near.ask(3))
        await asyncio.sleep(0)
        far.close()
        assert await in_time(before)
        with pytest.raises(ChannelLost):
            await in_time(bare)
        assert await in_time(near.question(3, read=is_lost))
        with pytest.raises(ChannelLost):
            await near.ask(3)
