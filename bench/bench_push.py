"""Pushes to open connections through wsgate: the handlers' pusher against boto3: `make bench-push`.

Each pusher is a process of its own, and what it uses is counted from its first push on. They take
turns, on the same connections; the gateway and the clients share the machine with them. Exit code 1
when ours makes less than BAR times as many pushes of a CPU second, or one did not arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import uvloop

from bench.support.clients import Client, connect, text_frame
from bench.support.figures import Figures, add_write_option
from bench.support.gateways import cpu_seconds, gateway
from handlers.adapters.deadline import Deadline
from handlers.adapters.gateway.api import MAX_CONCURRENT_CALLS, GatewayApi
from handlers.core.operation import Push

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.support.gateways import Gateway

BAR = 5
ROUNDS = 3
LISTENERS = 100
BOTO3_THREADS = 32
ALL_TOGETHER = 2  # of our pushers, for the most that this machine pushes
WARM_UP = 200
ARRIVE_TIMEOUT_SECONDS = 10
DATA = json.dumps(
    {
        "type": "bonus",
        "server_now": "2026-11-26T20:15:00.000000+00:00",
        "broadcast": {"seq": 17, "follows": 16},
        "bonus": {
            "bonus_id": "0c2dd44e-4d1a-4a7e-9d9e-3f1a2b7f6a51",
            "reward": {"coins": 50},
            "opens_at": "2026-11-26T20:15:00.000000+00:00",
            "expires_at": "2026-11-26T20:15:10.000000+00:00",
        },
    }
).encode()
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Score:
    """What a pusher says of itself."""

    pushes: int
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_cpu_second(self) -> float:
        return self.pushes / self.cpu_seconds

    def __str__(self) -> str:
        return (
            f"{self.pushes / self.seconds:8,.0f} pushes/s {self.cpu_seconds:6.2f} CPU s "
            f"{self.per_cpu_second:8,.0f} of a CPU second   "
            f"p50 {self.p50_ms:5.1f} ms  p99 {self.p99_ms:6.1f} ms"
        )


def main() -> int:
    """Compare; or, as `--pusher`, push to the connections named on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each turn")
    add_write_option(parser)
    parser.add_argument("--pusher", choices=sorted(PUSHERS), help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.pusher:
        ids = itertools.cycle(json.load(sys.stdin))
        print(json.dumps(asdict(PUSHERS[given.pusher](given.endpoint, ids, given.seconds))))
        return 0
    figures = Figures("push")
    with gateway("--quiet") as running:
        is_met = uvloop.run(compare(running, given.seconds, figures))
    if given.write:
        figures.write()
    return 0 if is_met else 1


async def compare(running: Gateway, seconds: float, figures: Figures) -> bool:
    world = World(running, [await listener(running.port) for _ in range(LISTENERS)])
    scores: dict[str, list[Score]] = {name: [] for name in PUSHERS}
    for _ in range(ROUNDS):
        for name in PUSHERS:
            scores[name] += await world.turn(name, seconds)
    together = await world.turn("ours", seconds, many=ALL_TOGETHER)
    rate = sum(score.pushes / score.seconds for score in together)
    print(f"{ALL_TOGETHER} of ours together: {rate:,.0f} pushes/s")
    # Of each round, for what else this machine does changes between them.
    rounds = zip(scores["ours"], scores["boto3"], strict=True)
    ratio = statistics.median(ours.per_cpu_second / boto3.per_cpu_second for ours, boto3 in rounds)
    for name, found in scores.items():
        each = statistics.median(score.pushes / score.seconds for score in found)
        cpu = statistics.median(score.per_cpu_second for score in found)
        figures.add(f"messages posted by {name}", f"{each:,.0f}/s, {cpu:,.0f} per CPU second")
    figures.add(f"ours against boto3, per CPU second (bar: {BAR})", f"{ratio:.1f} times as many")
    figures.add(f"{ALL_TOGETHER} of ours together", f"{rate:,.0f}/s")
    print(f"ours makes {ratio:.1f} times as many pushes of a CPU second as boto3; bar {BAR}")
    return ratio >= BAR and world.lost == 0


class World:
    """The gateway, the clients that listen, and how many pushes they missed."""

    def __init__(self, running: Gateway, listeners: list[Listener]) -> None:
        self._running, self._listeners = running, listeners
        self._heard = self.lost = 0

    async def turn(self, name: str, seconds: float, many: int = 1) -> list[Score]:
        """Let so many pushers of a kind push at once."""
        before = cpu_seconds(self._running.pid)
        scores = await asyncio.gather(*(self._push(name, seconds) for _ in range(many)))
        gateways = cpu_seconds(self._running.pid) - before
        pushes = sum(score.pushes for score in scores) + WARM_UP * many
        arrived = await self._arrived(pushes)
        for score in scores:
            print(f"{name:<6}{score}")
        print(
            f"      {arrived:,} of {pushes:,} arrived; "
            f"the gateway took {gateways / pushes * 1e6:.0f} µs of CPU each",
            flush=True,
        )
        self.lost += abs(pushes - arrived)
        return scores

    async def _push(self, name: str, seconds: float) -> Score:
        ids = json.dumps([listener.connection_id for listener in self._listeners])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.bench_push"),
            *("--pusher", name, "--seconds", str(seconds)),
            *("--endpoint", f"http://127.0.0.1:{self._running.port}/live"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | ENVIRONMENT,
        )
        said, _ = await process.communicate(ids.encode())
        return Score(**json.loads(said))

    async def _arrived(self, pushes: int) -> int:
        """How many have been heard since the last turn, at the latest some seconds from now."""
        for _ in range(ARRIVE_TIMEOUT_SECONDS * 20):
            if sum(listener.heard for listener in self._listeners) >= self._heard + pushes:
                break
            await asyncio.sleep(1 / 20)
        before, self._heard = self._heard, sum(listener.heard for listener in self._listeners)
        return self._heard - before


class Listener:
    """A connection that counts what it is sent; it learns its id from the Forbidden frame."""

    def __init__(self) -> None:
        self.connection_id, self.heard = "", 0
        self.knows = asyncio.Event()

    def hear(self, _: Client, payload: bytes) -> None:
        if self.connection_id:
            self.heard += payload == DATA
        else:
            self.connection_id = json.loads(payload)["connectionId"]
            self.knows.set()


async def listener(port: int) -> Listener:
    """Open a connection that stays for as long as the benchmark."""
    new = Listener()
    client = await connect(port, "/live?ticket=ann", new.hear)
    client.say(text_frame("{}"))
    await new.knows.wait()
    return new


# ---- the pushers


def ours(endpoint: str, ids: Iterator[str], seconds: float) -> Score:
    """As in Lambda: one process, asyncio's own loop."""

    deadline = Deadline()
    deadline.begin(3600)

    async def push() -> Score:
        async with aclosing(GatewayApi(deadline, endpoint)) as connections:

            async def post() -> None:
                await connections.post(Push("ann", "", next(ids), DATA))

            await asyncio.gather(*(post() for _ in range(WARM_UP)))
            clock = Clock(seconds)

            async def caller() -> None:
                while clock.goes_on():
                    began = time.perf_counter()
                    await post()
                    clock.waits.append(time.perf_counter() - began)

            await asyncio.gather(*(caller() for _ in range(MAX_CONCURRENT_CALLS)))
            return clock.score()

    with asyncio.Runner() as runner:
        return runner.run(push())


def boto3(endpoint: str, ids: Iterator[str], seconds: float) -> Score:
    """The most that boto3 makes of a process: one client, threads, and a connection for each."""
    import boto3  # noqa: PLC0415  # not in the process of ours
    from botocore.config import Config  # noqa: PLC0415

    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        config=Config(max_pool_connections=BOTO3_THREADS),
    )

    def post() -> None:
        client.post_to_connection(ConnectionId=next(ids), Data=DATA)

    with ThreadPoolExecutor(BOTO3_THREADS) as threads:
        for done in [threads.submit(post) for _ in range(WARM_UP)]:
            done.result()
        clock = Clock(seconds)

        def caller() -> None:
            while clock.goes_on():
                began = time.perf_counter()
                post()
                clock.waits.append(time.perf_counter() - began)

        for done in [threads.submit(caller) for _ in range(BOTO3_THREADS)]:
            done.result()
        return clock.score()


class Clock:
    """Counts from now on."""

    def __init__(self, seconds: float) -> None:
        self.waits: list[float] = []
        self._began, self._used = time.perf_counter(), _used()
        self._ends = self._began + seconds

    def goes_on(self) -> bool:
        return time.perf_counter() < self._ends

    def score(self) -> Score:
        taken, used = time.perf_counter() - self._began, _used() - self._used
        per_cent = statistics.quantiles(self.waits, n=100)
        return Score(len(self.waits), taken, used, per_cent[49] * 1000, per_cent[98] * 1000)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


PUSHERS = {"boto3": boto3, "ours": ours}

if __name__ == "__main__":
    sys.exit(main())
