"""Churn for minutes: memory must stay flat, and nothing may be left: `make bench-soak`.

Clients come and go the whole time: most say goodbye, some are lost; they send messages that the
gateway answers and messages that a function answers, and are posted to through @connections.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import time
from typing import TYPE_CHECKING

import uvloop

from bench.support.clients import CLOSE_FRAME, Client, Refused, connect, text_frame
from bench.support.figures import Figures, add_write_option
from bench.support.gateways import Gateway, descriptors, family, gateway, private_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AT_ONCE = 1500
LIFE_SECONDS = (1.0, 30.0)
LOST = 0.1
"""The share of clients that vanish without a close frame."""
SAMPLE_SECONDS = 15
BAR_GROWTH = 0.05
"""Of memory, from the second quarter of the time to the last."""
MEBIBYTE = 1024 * 1024

MOCK, CALL = text_frame('{"action":"mock","n":1}'), text_frame('{"action":"call","n":1}')


def main() -> int:
    """Print a line per sample and the verdict; 1 when something grew or was left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--nodes", type=int, default=2)
    add_write_option(parser)
    given, figures = parser.parse_args(), Figures("soak")
    arguments = ("--quiet", "--nodes", str(given.nodes), "--parameter", "Guarded=yes")
    with gateway(*arguments) as running:
        code = uvloop.run(_soak(running, given.minutes * 60, figures))
    if given.write:
        figures.write()
    return code


async def _soak(running: Gateway, seconds: float, figures: Figures) -> int:
    crowd = Crowd(running.port)
    await crowd.run(5)  # every function and each part of the gateway has run
    await asyncio.sleep(2)
    before = _Sample(running)
    print(f"minutes  MiB of {len(before.memory)} processes  descriptors", flush=True)
    churning = asyncio.create_task(crowd.run(seconds))
    samples = [sample async for sample in _samples(running, churning)]
    await asyncio.sleep(5)  # closings are over, the last $disconnect has run
    after = _Sample(running)
    print(f"before   {before}\nafter    {after}\n{crowd}")
    figures.add(
        f"{seconds / 60:.0f} minutes of churn",
        f"{crowd}; memory {after.total:.0f} MB in {len(after.processes)} processes,"
        f" {before.total:.0f} MB before",
    )
    return _verdict(before, samples, after)


async def _samples(running: Gateway, churning: asyncio.Task[None]) -> AsyncIterator[_Sample]:
    began = time.monotonic()
    while not churning.done():
        await asyncio.wait((churning,), timeout=SAMPLE_SECONDS)
        if not churning.done():
            sample = _Sample(running)
            print(f"{(time.monotonic() - began) / 60:7.1f}  {sample}", flush=True)
            yield sample
    churning.result()


class _Sample:
    """What the gateway's processes hold at one moment."""

    def __init__(self, running: Gateway) -> None:
        self.processes = family(running.pid)
        self.memory = [private_bytes(pid) for pid in self.processes]
        self.descriptors = sum(descriptors(pid) for pid in running.nodes)

    @property
    def total(self) -> float:
        return sum(self.memory) / MEBIBYTE

    def __str__(self) -> str:
        return f"{self.total:6.1f} of {len(self.processes)}  {self.descriptors}"


def _verdict(before: _Sample, samples: list[_Sample], after: _Sample) -> int:
    quarter = max(1, len(samples) // 4)
    early = statistics.median(sample.total for sample in samples[quarter : 2 * quarter] or samples)
    late = statistics.median(sample.total for sample in samples[-quarter:])
    growth = late / early - 1
    left = after.descriptors - before.descriptors
    more = set(after.processes) - set(before.processes)
    print(f"memory {growth:+.1%}, descriptors left {left}, processes more {len(more)}")
    return int(growth > BAR_GROWTH or left > 0 or bool(more))


class Crowd:
    """Clients that come, talk, and go."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._random = random.Random(7)  # noqa: S311 not a secret
        self.came = self.heard = self.refused = 0

    async def run(self, seconds: float) -> None:
        """Keep AT_ONCE of them there, for so long."""
        until = time.monotonic() + seconds
        await asyncio.gather(*(self._seat(until) for _ in range(AT_ONCE)))

    async def _seat(self, until: float) -> None:
        """One after the other."""
        await asyncio.sleep(self._random.uniform(0, 2))
        while time.monotonic() < until:
            try:
                client = await connect(self._port, "/live?ticket=ann", self._hear)
            except (Refused, OSError):
                self.refused += 1
                await asyncio.sleep(1)
                continue
            self.came += 1
            await self._stay(client, min(until, time.monotonic() + self._life()))
            await self._leave(client)

    async def _stay(self, client: Client, until: float) -> None:
        while not client.is_closed and (left := until - time.monotonic()) > 0:
            client.say(CALL if self._random.random() < 0.2 else MOCK)
            await asyncio.sleep(min(left, self._random.uniform(0.5, 5)))

    async def _leave(self, client: Client) -> None:
        if self._random.random() < LOST:
            client.transport.abort()
        else:
            client.say(CLOSE_FRAME)
            await asyncio.sleep(0.1)
            client.transport.close()

    def _life(self) -> float:
        return self._random.uniform(*LIFE_SECONDS)

    def _hear(self, client: Client, payload: bytes) -> None:
        self.heard += 1

    def __str__(self) -> str:
        return f"{self.came} connections, {self.heard} answers, {self.refused} refused"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
