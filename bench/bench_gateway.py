"""What the gateway holds and carries: `make bench-idle` and so on.

Clients and gateway share this machine; the clients are processes of their own, so that each side
has a processor where there are two.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import multiprocessing
import sys
import time
from typing import TYPE_CHECKING, TypeVar

import uvloop

from bench.support.clients import Client, Refused, connect, text_frame
from bench.support.figures import Figures, add_write_option
from bench.support.gateways import cpu_seconds, gateway, private_bytes
from wsgate.open_files import raise_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

T = TypeVar("T")

PATH = "/live?ticket=ann"
BAR_IDLE_BYTES = 5 * 1024
BAR_ECHO, BAR_CALL, BAR_HANDSHAKES = 30_000, 2_000, 1_000
BROWSER_OFFER = "permessage-deflate; client_max_window_bits"
AT_ONCE = 64
CROWD, CROWD_NODES, CROWD_CLIENTS = 150_000, 10, 10


def main() -> int:
    """Run one benchmark; 1 when it is below its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=sorted(BENCHMARKS))
    parser.add_argument("--seconds", type=float, default=10)
    add_write_option(parser)
    given = parser.parse_args()
    _raise_file_limit()
    figures = Figures(given.what)
    is_met = BENCHMARKS[given.what](given.seconds, figures)
    if given.write:
        figures.write()
    return 0 if is_met else 1


# ---- idle connections


def idle(_: float, figures: Figures) -> bool:
    """Memory of a connection that says nothing, with and without what browsers offer."""
    print("idle connection: user memory in the gateway's process, bytes each")
    plain = _idle(figures, "no authorizer, no compression", None, "no")
    _idle(figures, "no authorizer, permessage-deflate", BROWSER_OFFER, "no")
    title = "authorizer's context of one name, $connect by a function"
    _idle(figures, title, None, "yes", many=5_000)
    return plain <= BAR_IDLE_BYTES


def _idle(
    figures: Figures, title: str, offer: str | None, guarded: str, many: int = 15_000
) -> float:
    with gateway("--quiet", "--parameter", f"Guarded={guarded}") as running:
        run(_open_and_close(running.port, 500, offer))  # what only the first ones cost
        before = private_bytes(running.pid)
        each = run(_hold(running.port, many, offer, lambda: private_bytes(running.pid)))
    size = (each - before) / many
    print(f"  {size:8.0f}  {title} ({many} connections)", flush=True)
    bar = f" (bar: {BAR_IDLE_BYTES:,})" if offer is None and guarded == "no" else ""
    figures.add(f"user memory of an idle connection: {title}{bar}", f"{size:,.0f} bytes")
    return size


async def _open_and_close(port: int, many: int, offer: str | None) -> None:
    clients = await _open(port, many, offer)
    for client in clients:
        client.transport.close()
    await asyncio.sleep(1)


async def _hold(port: int, many: int, offer: str | None, look: Callable[[], int]) -> int:
    clients = await _open(port, many, offer)
    await asyncio.sleep(3)  # the gateway's own second passes are over
    seen = look()
    for client in clients:
        client.transport.abort()
    return seen


async def _open(
    port: int, many: int, offer: str | None = None, source: str | None = None
) -> list[Client]:
    gate, clients = asyncio.Semaphore(AT_ONCE), list[Client]()

    async def one() -> None:
        async with gate:
            clients.append(await connect(port, PATH, extensions=offer, source=source))

    await asyncio.gather(*(one() for _ in range(many)))
    return clients


# ---- messages


def echo(seconds: float, figures: Figures) -> bool:
    """Messages that the gateway answers by itself, through one node."""
    return _messages(figures, "mock", seconds, BAR_ECHO, depth=16)


def call(seconds: float, figures: Figures) -> bool:
    """Messages that a Python function answers."""
    return _messages(figures, "call", seconds, BAR_CALL, depth=1)


def _messages(figures: Figures, route: str, seconds: float, bar: int, *, depth: int) -> bool:
    connections = 64
    with gateway("--quiet") as running:
        before = cpu_seconds(running.pid)
        rate, waits = run(_talk(running.port, route, seconds, connections, depth))
        used = cpu_seconds(running.pid) - before
    print(
        f"{route}: {rate:,.0f} messages/s from {connections} connections, {depth} under way each; "
        f"another one waits p50 {_at(waits, 50):.1f} ms, p99 {_at(waits, 99):.1f} ms; "
        f"gateway {used / (rate * seconds) * 1e6:.0f} µs of CPU each; bar {bar:,}"
    )
    answered_by = "the gateway itself (MOCK)" if route == "mock" else "a Python function"
    figures.add(
        f"messages answered by {answered_by}, {depth} under way on each of {connections} "
        f"connections (bar: {bar:,}/s)",
        f"{rate:,.0f}/s, p99 {_at(waits, 99):.1f} ms,"
        f" {used / (rate * seconds) * 1e6:.0f} µs of the gateway's CPU each",
    )
    return rate >= bar


async def _talk(
    port: int, route: str, seconds: float, connections: int, depth: int
) -> tuple[float, list[float]]:
    """Messages answered per second, and what one more connection waits for each of its own."""
    frame = text_frame(f'{{"action":"{route}","text":"hello, gateway"}}')
    heard, is_counted, is_over = 0, False, False

    def reply(client: Client, payload: bytes) -> None:
        nonlocal heard
        heard += is_counted
        if not is_over:
            client.say(frame)

    clients = [await connect(port, PATH, reply) for _ in range(connections)]
    for client in clients:
        client.say(frame * depth)
    await asyncio.sleep(1)
    is_counted = True
    waits = await _probe(port, frame, seconds)
    is_counted, is_over = False, True
    for client in clients:
        client.transport.close()
    return heard / seconds, waits


async def _probe(port: int, frame: bytes, seconds: float) -> list[float]:
    """How long an answer takes, in ms, asked twenty times a second."""
    answers: asyncio.Queue[float] = asyncio.Queue()
    client = await connect(port, PATH, lambda *_: answers.put_nowait(time.perf_counter()))
    waits, until = [], time.perf_counter() + seconds
    while (asked := time.perf_counter()) < until:
        client.say(frame)
        waits.append((await answers.get() - asked) * 1000)
        await asyncio.sleep(max(0, asked + 0.05 - time.perf_counter()))
    client.transport.close()
    return waits


# ---- handshakes


def handshakes(seconds: float, figures: Figures) -> bool:
    """Handshakes with an authorizer and a $connect function that return at once."""
    with gateway("--quiet", "--parameter", "Guarded=yes") as running:
        run(_knock(running.port, 2))
        rate, latencies, refused = run(_knock(running.port, seconds))
    print(
        f"handshakes: {rate:,.0f}/s, {refused} refused, p50 {_at(latencies, 50):.0f} ms, "
        f"p99 {_at(latencies, 99):.0f} ms; bar {BAR_HANDSHAKES:,}"
    )
    figures.add(
        "handshakes with an authorizer and a `$connect` function, the client included"
        f" (bar: {BAR_HANDSHAKES:,}/s)",
        f"{rate:,.0f}/s, p99 {_at(latencies, 99):.0f} ms, {refused} refused",
    )
    return rate >= BAR_HANDSHAKES and not refused


async def _knock(port: int, seconds: float) -> tuple[float, list[float], int]:
    latencies, refused, until = list[float](), 0, time.perf_counter() + seconds

    async def knock() -> None:
        nonlocal refused
        while (began := time.perf_counter()) < until:
            try:
                client = await connect(port, PATH)
            except Refused:
                refused += 1
            else:
                latencies.append((time.perf_counter() - began) * 1000)
                client.transport.close()

    await asyncio.gather(*(knock() for _ in range(AT_ONCE)))
    return len(latencies) / seconds, latencies, refused


# ---- a crowd


def crowd(_: float, figures: Figures) -> bool:
    """150,000 connections over ten nodes, and messages beside them."""
    with gateway("--quiet", "--nodes", str(CROWD_NODES)) as running:
        before = sum(map(private_bytes, running.nodes))
        began = time.perf_counter()
        with _crowd(running.port) as clients:
            taken = time.perf_counter() - began
            size = (sum(map(private_bytes, running.nodes)) - before) / CROWD
            rate, waits = run(_talk(running.port, "mock", 5, 8, 8))
        print(
            f"crowd: {CROWD:,} connections over {CROWD_NODES} nodes in {taken:.0f} s, {size:,.0f} "
            f"bytes each; beside them {rate:,.0f} messages/s, p99 {_at(waits, 99):.1f} ms"
        )
    figures.add(
        f"{CROWD:,} connections over {CROWD_NODES} nodes",
        f"open after {taken:.0f} s, {size:,.0f} bytes each",
    )
    figures.add("messages beside them", f"{rate:,.0f}/s, p99 {_at(waits, 99):.1f} ms")
    return clients == CROWD


@contextlib.contextmanager
def _crowd(port: int) -> Iterator[int]:
    """Clients in processes of their own, each with an address of its own: ports are scarce too."""
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Queue(), context.Event()
    many = [CROWD // CROWD_CLIENTS] * CROWD_CLIENTS
    processes = [
        context.Process(target=_be_many, args=(port, size, f"127.0.1.{index + 1}", ready, stop))
        for index, size in enumerate(many)
    ]
    for process in processes:
        process.start()
    try:
        yield sum(ready.get(timeout=600) for _ in processes)
    finally:
        stop.set()
        for process in processes:
            process.join(60)
            process.kill()


def _be_many(port: int, many: int, source: str, ready: Any, stop: Any) -> None:
    async def stay() -> None:
        clients = await _open(port, many, source=source)
        ready.put(len(clients))
        await asyncio.to_thread(stop.wait)

    _raise_file_limit()
    run(stay())


# ---- small things


def _raise_file_limit() -> None:
    raise_limit()


def run(work: Coroutine[Any, Any, T]) -> T:
    gc.collect()
    return uvloop.run(work)


def _at(values: list[float], percentile: int) -> float:
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, len(ordered) * percentile // 100)]


BENCHMARKS = {
    "idle": idle,
    "echo": echo,
    "call": call,
    "handshakes": handshakes,
    "crowd": crowd,
}

if __name__ == "__main__":
    sys.exit(main())
