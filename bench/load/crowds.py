"""All client processes of a run: start them, tell them what to do, hear what happened."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from typing import TYPE_CHECKING, Any

from bench.load import crowd
from bench.load.pipe import Pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import ForkServerProcess

    from bench.load.crowd import Plan
    from bench.load.tally import Report

STOP_SECONDS = 10.0


class CrowdDied(Exception):
    """A client process ended, or failed at what it was told; the message is a sentence."""


class Crowds:
    """The client processes."""

    def __init__(self, heard: Callable[[int, Report], None]) -> None:
        """`heard(index, report)` gets what each process tells once a second."""
        self._heard = heard
        self._pipes: list[Pipe] = []
        self._processes: list[ForkServerProcess] = []
        self._readers: list[asyncio.Task[None]] = []
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self.died: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, plans: Sequence[Plan]) -> None:
        """A process for each plan."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["bench.load.preloaded"])
        for index, plan in enumerate(plans):
            ours, theirs = socket.socketpair()
            with theirs:
                process = context.Process(target=crowd.run, args=(plan, theirs), daemon=True)
                process.start()
            self._processes.append(process)
            self._pipes.append(await Pipe.over(ours))
            self._readers.append(asyncio.create_task(self._read(index)))

    def __len__(self) -> int:
        return len(self._pipes)

    @property
    def pids(self) -> list[int]:
        return [process.pid or 0 for process in self._processes]

    async def ask(self, what: str, *arguments: Any) -> list[Any]:
        """Tell all of them the same; their results when the last is done. Raises CrowdDied."""
        return await self.ask_each(what, [arguments] * len(self))

    async def ask_each(self, what: str, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """Tell each of them, with arguments of its own. Raises CrowdDied."""
        asked = [self._ask(index, what, each) for index, each in enumerate(arguments)]
        return await asyncio.gather(*asked)

    async def ask_one(self, index: int, what: str, *arguments: Any) -> Any:
        """Tell one of them. Raises CrowdDied."""
        return await self._ask(index, what, arguments)

    async def close(self) -> None:
        """End them; their connections break off."""
        for reader in self._readers:
            reader.cancel()
        for pipe in self._pipes:
            pipe.close()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for process in self._processes:
            process.join(STOP_SECONDS)
            process.kill()
            process.join()

    def _ask(self, index: int, what: str, arguments: Sequence[Any]) -> asyncio.Future[Any]:
        self._number += 1
        answer = self._asked[self._number] = asyncio.get_running_loop().create_future()
        if self.died.done():
            answer.set_exception(CrowdDied(f"Client process {index} has ended."))
        self._pipes[index].send((self._number, what, arguments))
        return answer

    async def _read(self, index: int) -> None:
        async for told in self._pipes[index].things():
            self._take(index, *told)
        self._fail(CrowdDied(f"Client process {index} ended by itself."))

    def _take(self, index: int, kind: str, *told: Any) -> None:
        if kind == "report":
            self._heard(index, told[0])
            return
        number, result = told
        answer = self._asked.pop(number)
        if answer.done():
            return
        if kind == "done":
            answer.set_result(result)
        else:
            answer.set_exception(CrowdDied(f"Client process {index} failed: {result}."))

    def _fail(self, error: CrowdDied) -> None:
        if not self.died.done():
            self.died.set_exception(error)
            self.died.exception()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(error)
