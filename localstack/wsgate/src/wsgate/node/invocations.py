"""Invocations under way: each ends once, within the time its integration has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsgate.model.invoke import Ending, InvokeError, Invoker
from wsgate.transport.fetch import Fetched, Fetcher, FetchError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

    from wsgate.core.integrations import HttpRequest

Done = Callable[[Ending], None]


class Invocations:
    """Runs invocations as tasks and tells how each ended."""

    def __init__(self, invoker: Invoker, log: Callable[[str], None]) -> None:
        self._invoker, self._log = invoker, log
        self._fetcher = Fetcher()
        self._running: set[_Running] = set()

    def start(
        self,
        function: str,
        event: bytes,
        within: timedelta | None,
        done: Done,
        caller: str | None = None,
    ) -> None:
        """Invoke, and call `done` once: with the answer, the failure, or TimeoutError.

        For `caller`, see Invoker.

        After a time-out the function runs on and its result is dropped (docs/aws-behaviour.md
        §8.2).
        """
        self._begin(self._invoker.invoke(function, event, caller), function, within, done)

    def fetch(
        self, request: HttpRequest, within: timedelta, done: Callable[[Fetched], None]
    ) -> None:
        """Ask an endpoint, and call `done` once: with the answer, the failure, or TimeoutError."""
        self._begin(self._fetcher.fetch(request, within), request.method, within, done)

    async def run(self, function: str, event: bytes, within: timedelta | None) -> Ending:
        """Invoke and wait for the ending."""
        future: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

        def done(ending: Ending) -> None:
            if not future.done():
                future.set_result(ending)

        self.start(function, event, within, done)
        return await future

    def __len__(self) -> int:
        return len(self._running)

    def _begin(
        self,
        work: Coroutine[Any, Any, Any],
        name: str,
        within: timedelta | None,
        done: Callable[[Any], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        running = _Running(done)
        if within is not None:
            running.timer = loop.call_later(within.total_seconds(), running.expire)
        running.task = loop.create_task(work)
        self._running.add(running)
        running.task.add_done_callback(lambda task: self._ended(running, name, task))

    async def settle(self, within: timedelta) -> None:
        """Wait for what runs, and for what follows from it; then cancel what is left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while self._running:
                    await asyncio.wait(self._tasks())
                    await asyncio.sleep(0)  # their callbacks run, and may start more
        for task in self._tasks():
            task.cancel()
        await asyncio.gather(*self._tasks(), return_exceptions=True)
        self._fetcher.close()

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [running.task for running in self._running if running.task]

    def _ended(self, running: _Running, name: str, task: asyncio.Task[Any]) -> None:
        self._running.discard(running)
        if task.cancelled():
            running.finish(InvokeError(503, "ServiceException", "the gateway is shutting down"))
            return
        error = task.exception()
        if error is None:
            running.finish(task.result())
        elif isinstance(error, InvokeError | FetchError):
            running.finish(error)
        else:  # a fault of the runner's own: whole into the log, and the caller gets an answer
            self._log(f"{name}: {type(error).__name__}: {error}")
            running.finish(InvokeError(500, "ServiceException", "the runner failed"))


class _Running:
    __slots__ = ("__weakref__", "_done", "task", "timer")

    def __init__(self, done: Callable[[Any], None]) -> None:
        self._done: Callable[[Any], None] | None = done
        self.task: asyncio.Task[Any] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def expire(self) -> None:
        self.finish(TimeoutError())

    def finish(self, ending: Ending | Fetched) -> None:
        if self.timer is not None:
            self.timer.cancel()
        done, self._done = self._done, None
        if done is not None:
            done(ending)
