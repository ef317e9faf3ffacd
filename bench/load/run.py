"""A run: the system, the clients, the stages one after the other, and the truth at each."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load.crowd import Plan
from bench.load.crowds import Crowds
from bench.load.deployed import Deployed, FarTruth
from bench.load.meter import Meter
from bench.load.stages import PLAYED, Scene
from bench.load.system import Down, OwnSystem
from bench.load.tally import merged
from bench.load.truth import FIRST_SOURCE, Truth, wrong

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load.options import Options
    from bench.load.record import Moment, Record
    from bench.load.room import Room

LOOK_SECONDS = 0.5
TICK_SECONDS = 1.0


class Run:
    """One run of the tool."""

    def __init__(
        self,
        options: Options,
        room: Room,
        record: Record,
        tell: Callable[[Record, Moment], None],
        *,
        can_bind: bool = True,
    ) -> None:
        """`tell` gets each second; `can_bind`: all of 127.0.0.0/8 is here."""
        self._options, self._room, self._record, self._tell = options, room, record, tell
        self._can_bind = can_bind
        self._meter = Meter()

    async def play(self) -> None:
        """All stages. Raises Down or CrowdDied when something ended in mid-run."""
        options = self._options
        with tempfile.TemporaryDirectory(prefix="headcount-load-") as name:
            system: OwnSystem | Deployed
            if options.target:
                system = Deployed(options)
            else:
                system = OwnSystem(Path(name), options, self._room.nodes)
            try:
                await system.start()
                await self._with(system)
            finally:
                await system.close()

    async def _with(self, system: OwnSystem | Deployed) -> None:
        crowds = Crowds(self._record.hear)
        try:
            await crowds.start(self._plans(system))
            self._meter.clients(crowds.pids)
            truth = _truth(system, crowds, self._options.grace)
            scene = Scene(self._options, system, crowds, truth, self._record, self._meter)
            watching = asyncio.create_task(_watch(system))
            ticking = asyncio.create_task(self._tick())
            playing = asyncio.create_task(self._stages(scene))
            sweeping = asyncio.create_task(_sweep(system, self._options.scale))
            tasks = (watching, ticking, playing, sweeping)
            try:
                done, _ = await asyncio.wait(
                    {*tasks, crowds.died}, return_when=asyncio.FIRST_COMPLETED
                )
                for ended in done:
                    ended.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await crowds.close()

    async def _stages(self, scene: Scene) -> None:
        for name in self._options.stages:
            stage = self._record.begin(name)
            await PLAYED[name](scene, stage)
            stage.ended = self._record.now
            stage.wrong += merged(await scene.crowds.ask("wrong"))
            stage.wrong += await scene.truth.pushes.once()
            stage.wrong += wrong("the sweep failed", scene.system.failures)
            scene.system.failures.clear()
            if scene.system.too_slow:
                stage.figures["sweeps_out_of_time"] = scene.system.too_slow
                scene.system.too_slow = 0

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            moment = self._record.tick(await asyncio.to_thread(self._meter.sample))
            self._tell(self._record, moment)

    def _plans(self, system: OwnSystem | Deployed) -> list[Plan]:
        """The users, spread evenly over the processes."""
        processes, users = self._room.processes, self._options.users
        run = secrets.token_hex(3)
        names = [f"load-{run}-{number}" for number in range(users)]
        return [
            Plan(
                names[index::processes],
                system.door,
                self._sources(index),
                index,
                self._room.at_once,
            )
            for index in range(processes)
        ]

    def _sources(self, index: int) -> list[str | None]:
        """Two loopback addresses for each process: one has 28,000 ports, some still busy."""
        if self._options.target or not self._can_bind:
            return [None]
        return [f"127.0.{FIRST_SOURCE + index}.{last}" for last in (1, 2)]


def _truth(system: OwnSystem | Deployed, crowds: Crowds, grace: float) -> Truth | FarTruth:
    if isinstance(system, Deployed):
        return FarTruth(system, crowds, grace)
    return Truth(system, crowds, grace)


async def _sweep(system: OwnSystem | Deployed, scale: float) -> None:
    """Run the sweep on its schedule by the scaled clock; by the true one the gateway does."""
    while True:
        await asyncio.sleep(60 / scale)
        if scale == 1 or isinstance(system, Deployed):
            continue
        with contextlib.suppress(OSError):
            await system.run_sweep()


async def _watch(system: OwnSystem | Deployed) -> None:
    """Raise Down once something has ended that should run."""
    while True:
        if how := system.ended():
            raise Down(how)
        await asyncio.sleep(LOOK_SECONDS)
