"""Clients that mean ill or are broken: each is bounded in memory and time, and only it notices.

Beside every one of them a well-behaved client keeps asking for an echo, and must be answered. The
limits are scaled; `BAD_INPUT_CONNECTS=10000` asks for as many connects as the issue names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tracemalloc
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from echo_gateway import gateway
from gateways import Clock
from waiting import PATIENCE_SECONDS, pause, until
from wire import (
    CONT,
    PING,
    TEXT,
    Wire,
    close,
    dialed,
    frame,
    opened,
    upgrade,
)
from wsgate.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateways import Functions, Running

KIB = 1024
MIB = KIB * KIB
MANY = 100
CONNECTS = int(os.environ.get("BAD_INPUT_CONNECTS", "1000"))
TICK = timedelta(milliseconds=10)
PACE = 5


def brief(**spans: int) -> Limits:
    """These limits in milliseconds."""
    limits = {name: timedelta(milliseconds=span) for name, span in spans.items()}
    return Limits(**limits, tick=TICK)  # type: ignore[arg-type]


@asynccontextmanager
async def attacked(limits: Limits | None = None) -> AsyncIterator[tuple[Running, Functions]]:
    """A gateway with a neighbour on it, who is answered all the time and at the end."""
    clock = Clock()
    start, functions = gateway(limits, clock=clock)
    async with start as node, opened(node.port) as neighbour:
        asking = asyncio.create_task(keep_asking(neighbour, clock))
        try:
            yield node, functions
            await ask(neighbour, asking)
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking


async def ask(neighbour: Wire, asking: asyncio.Task[None]) -> None:
    """The neighbour has been answered up to now."""
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    neighbour.write(frame(TEXT, b"the end"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await neighbour.text() != "the end":
            pass


async def keep_asking(neighbour: Wire, clock: Clock) -> None:
    """Move the gateway's clock with each answer, so that a machine that pauses makes none late."""
    number = 0
    while True:
        number += 1
        neighbour.write(frame(TEXT, b"echo %d" % number))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await neighbour.text() == f"echo {number}"
        clock.now += PACE
        await pause()


@asynccontextmanager
async def many(node: Running, count: int = MANY) -> AsyncIterator[list[Wire]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(dialed(node.port)) for _ in range(count)]


async def flood(wire: Wire, piece: bytes, until_stopped: Callable[[], bool], at_most: int) -> int:
    """Send without reading, until the gateway reads no more; how much it took."""
    transport = cast("asyncio.Transport", wire.writer.transport)
    sent = 0
    for _ in range(at_most // len(piece)):
        if until_stopped() or transport.is_closing():
            break
        try:
            async with asyncio.timeout(0.2):
                wire.writer.write(piece)
                await wire.writer.drain()
        except TimeoutError:
            continue  # it reads no more, or the machine is busy
        except ConnectionError:
            break
        sent += len(piece)
    return sent


class TestHandshakes:
    @pytest.mark.parametrize(
        "beginning",
        [b"", b"G", upgrade()[:-2], upgrade()[:-20], b"\r\n" * 3],
        ids=["nothing", "a letter", "all but the end", "half a line", "empty lines"],
    )
    async def test_those_that_never_finish_are_dropped(self, beginning: bytes) -> None:
        async with (
            attacked(brief(head=150, keep_alive=150)) as (node, functions),
            many(node) as wires,
        ):
            for wire in wires:
                wire.write(beginning)
            assert {await wire.end() for wire in wires} == {b""}
            await until(lambda: not node.node.clients)
            assert len(functions.events("connect")) == 1

    async def test_a_letter_at_a_time_is_no_way_to_stay(self) -> None:
        """Slowloris: the time counts from the first byte, however many follow."""
        async with attacked(brief(head=200)) as (node, _), many(node, 20) as wires:
            for letter in upgrade() * 3:
                for wire in wires:
                    wire.write(bytes([letter]))
                await pause()
                if not node.node.clients:
                    break
            assert {await wire.end() for wire in wires} == {b""}

    async def test_header_bombs_are_431_and_cost_little(self) -> None:
        bomb = b"X-Bomb: boom\r\n" * 4000
        async with attacked() as (node, _):
            tracemalloc.start()
            try:
                for _ in range(20):
                    async with dialed(node.port) as wire:
                        wire.write(b"GET /live HTTP/1.1\r\n")
                        await flood(wire, bomb, lambda: False, MIB)
                        assert (await wire.end())[:12] in {b"HTTP/1.1 431", b""}
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert peak < 3 * MIB

    async def test_a_header_that_has_no_end_is_431(self) -> None:
        async with attacked() as (node, _), dialed(node.port) as wire:
            wire.write(upgrade()[:-2], b"X-Long: ")
            await flood(wire, b"x" * 10_000, lambda: False, 2 * MIB)
            assert (await wire.end())[:12] in {b"HTTP/1.1 431", b""}

    @pytest.mark.slow
    async def test_very_many_at_once_are_all_answered(self) -> None:
        """In the issue's words, 10,000 connects at once."""
        opening = asyncio.Semaphore(500)  # as many as a listening socket may hold back

        async def one(stack: AsyncExitStack) -> None:
            async with opening:
                await stack.enter_async_context(opened(node.port))

        async with attacked() as (node, functions), AsyncExitStack() as stack:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*(one(stack) for _ in range(CONNECTS)))
            assert len(node.node) == CONNECTS + 1
            await stack.aclose()
            await until(lambda: len(node.node) == 1)
            await until(lambda: len(functions.events("disconnect")) == CONNECTS)

    async def test_who_leaves_amid_answers_is_sent_no_more(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """asyncio complains of each write to a socket that is gone."""
        start, functions = gateway()
        async with start as node:
            async with opened(node.port) as wire:
                wire.write(frame(TEXT, b"x") * 5000)
                await until(lambda: functions.events("echo"))
                wire.writer.transport.abort()
            await until(lambda: functions.events("disconnect"))
        assert caplog.messages == []

    async def test_who_leaves_at_once_leaves_nothing_behind(self) -> None:
        async with attacked() as (node, _):
            async with many(node) as wires:
                for number, wire in enumerate(wires):
                    wire.write(upgrade()[: number * 3])
                    wire.writer.transport.abort()
            await until(lambda: not node.node.clients and len(node.node) == 1)


class TestSlowFrames:
    HALF = frame(TEXT, b"half of it and no more")[:9]

    @pytest.mark.parametrize(
        "beginning",
        [
            HALF[:1],
            HALF,
            frame(TEXT, b"a part", fin=False),
            frame(TEXT, b"a part", fin=False) + HALF[:4],
            frame(TEXT, b"x" * 32 * KIB)[:-1],
        ],
        ids=["a byte", "half a frame", "a fragment", "and a half", "all but a byte"],
    )
    async def test_silence_amid_a_message_ends_as_idleness_does(self, beginning: bytes) -> None:
        async with attacked(brief(idle=300, closing=100)) as (node, functions):
            async with opened(node.port) as wire:
                wire.write(beginning)
                assert await wire.ending() == (1001, "Going away")
                assert await wire.end() == b""  # the server does not wait for a close frame
            await until(lambda: functions.events("disconnect"))

    @pytest.mark.parametrize(
        "drop",
        [b"x", frame(PING), frame(CONT, fin=False)],
        ids=["a byte", "a ping", "an empty fragment"],
    )
    async def test_drops_amid_a_message_do_not_prolong_it(self, drop: bytes) -> None:
        """What counts is a message; a byte now and then is none."""
        begun = frame(TEXT, b"x" * 4000)[:10] if drop == b"x" else frame(TEXT, b"x", fin=False)
        async with (
            attacked(brief(idle=300, closing=100)) as (node, _),
            opened(node.port) as wire,
        ):
            wire.write(begun)
            ending = asyncio.ensure_future(wire.ending())
            while not ending.done():
                wire.write(drop)
                await pause()
            assert ending.result() == (1001, "Going away")

    async def test_fragments_of_nothing_cost_nothing(self) -> None:
        start, _ = gateway()
        async with start as node, opened(node.port) as wire:
            piece = frame(CONT, fin=False) * 5000
            wire.write(frame(TEXT, b"still ", fin=False), piece, frame(PING))
            await wire.frame()
            tracemalloc.start()
            try:
                wire.write(piece, piece, frame(PING))
                await wire.frame()
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert held < 40 * KIB
            wire.write(frame(CONT, b"whole"))
            assert await wire.text() == "still whole"


class TestGarbage:
    async def test_noise_ends_its_own_connection(self) -> None:
        random = Random(6455)  # noqa: S311 the same noise every time
        async with attacked() as (node, functions):
            for _ in range(MANY):
                async with opened(node.port) as wire:
                    wire.write(random.randbytes(random.randrange(1, 2000)), b"\xff" * 14)
                    code, _ = await wire.ending()
                    assert code in {1002, 1003, 1007, 1009} or code is None
            await until(lambda: len(functions.events("disconnect")) == MANY)
            assert "Traceback" not in "\n".join(node.log)

    async def test_noise_instead_of_http_is_400(self) -> None:
        random = Random(9112)  # noqa: S311 the same noise every time
        async with attacked() as (node, functions):
            for _ in range(MANY):
                async with dialed(node.port) as wire:
                    wire.write(b"\x00" + random.randbytes(random.randrange(1, 2000)))
                    assert (await wire.end()).startswith(b"HTTP/1.1 400 ")
            assert len(functions.events("connect")) == 1

    async def test_who_goes_on_after_an_error_is_not_listened_to(self) -> None:
        async with attacked(brief(closing=200)) as (node, _), opened(node.port) as wire:
            wire.write(frame(7))
            assert (await wire.ending())[0] == 1002
            tracemalloc.start()
            try:
                await flood(wire, b"x" * 100_000, lambda: len(node.node) == 1, 50 * MIB)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            await until(lambda: len(node.node) == 1)
            assert peak < 8 * MIB


class TestWhoNeverReads:
    """Their answers are kept up to a bound; then they are read no further, and dropped."""

    LIMITS = Limits(
        buffer_bytes=64 * KIB,
        overflow_bytes=4 * MIB,
        stuck=timedelta(milliseconds=300),
        tick=TICK,
    )

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "piece",
        [frame(PING, b"x" * 125) * 100, frame(TEXT, b"x" * 8 * KIB) * 4],
        ids=["pings", "echoes"],
    )
    async def test_they_are_dropped(self, piece: bytes) -> None:
        async with attacked(self.LIMITS) as (node, functions):
            async with opened(node.port) as wire:
                cast("asyncio.Transport", wire.writer.transport).pause_reading()
                sent = await flood(wire, piece, lambda: len(node.node) == 1, 200 * MIB)
                assert sent < 100 * MIB, "the gateway never stopped reading"
                await until(lambda: len(node.node) == 1)
            await until(lambda: functions.events("disconnect"))
        event, *_ = functions.events("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1006

    async def test_who_reads_again_in_time_stays(self) -> None:
        limits = Limits(buffer_bytes=64 * KIB, tick=TICK)
        said = [f"{number} {'x' * 8 * KIB}" for number in range(600)]
        frames = b"".join(frame(TEXT, text.encode()) for text in said)
        async with attacked(limits) as (node, functions), opened(node.port) as wire:
            transport = cast("asyncio.Transport", wire.writer.transport)
            transport.pause_reading()
            writing = asyncio.create_task(wire.in_pieces(frames, 8 * KIB))
            await until(lambda: len(functions.events("echo")) > len(said) // 3)
            transport.resume_reading()
            assert sorted([await wire.text() for _ in said]) == sorted(said)
            await writing
            wire.write(close(1000))
            assert (await wire.ending())[0] == 1000
