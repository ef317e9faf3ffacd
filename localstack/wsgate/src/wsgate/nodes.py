"""Several gateway nodes on one port: a process each, started again when it ends.

The functions, queues and schedules stay in this process, which invokes what a node asks for. Nodes
ask each other for each other's connections (node/neighbours.py). A node that ends takes its own
connections with it, without running their $disconnect; the other nodes are not affected.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wsgate.console.merged_state import MergedConsoleState
from wsgate.logs import LogSink, Told, as_text
from wsgate.node.background import Background
from wsgate.node.invocations import Invocations
from wsgate.node.messages import (
    Act,
    FaultChange,
    InvokeFunction,
    Look,
    QueueEvent,
    ReadMetrics,
    Ready,
    Said,
    Start,
)
from wsgate.restarts import Restarts
from wsgate.transport.channel import Channel, ChannelLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from wsgate.console.state import ConsoleState, View
    from wsgate.model.invoke import Invoker
    from wsgate.model.plan import Plan
    from wsgate.node.settings import Settings

_READY_SECONDS = 30
_LAST_WORDS_SECONDS = 0.2
_PAUSE_SECONDS = 10
"""Before the next start of a node that ends again and again."""


class NodeError(Exception):
    """A node does not start; the message is a sentence."""


@dataclass(frozen=True)
class Places:
    """Where nodes are reached."""

    listeners: Sequence[socket.socket]
    """By clients: one for each node."""
    folder: Path
    """By each other; it is this user's only."""


class Nodes:
    """Starts them, keeps them running, and stands between them."""

    def __init__(  # noqa: PLR0913 what nodes share
        self,
        plan: Plan,
        invoker: Invoker,
        settings: Settings,
        places: Places,
        console_state: ConsoleState | None = None,
        *,
        metrics: Callable[[], Awaitable[str]],
    ) -> None:
        """Start nothing yet; there will be a node for each place.

        `console_state` shows what is here, and gets what the page wants of no connection.
        """
        self._invoker, self._metrics = invoker, metrics
        self.tell: LogSink = settings.lines or as_text(settings.log)
        # Lambda's queue belongs to no node: an event outlives the node that took it.
        self._invocations = Invocations(invoker, settings.log)
        self._background = Background(
            self._invocations, plan.event_policies, settings.limits, settings.log
        )
        self._limits = settings.limits
        self._faults = settings.faults
        self._nodes = [
            _Process(
                self,
                index,
                Start(
                    plan,
                    replace(settings, index=index, log=print, lines=None),
                    listener.fileno(),
                    places.folder,
                    len(places.listeners),
                ),
            )
            for index, listener in enumerate(places.listeners)
        ]
        self._console_state = console_state and MergedConsoleState(console_state, self._nodes)

    async def start(self) -> None:
        """Return when every node accepts connections. Raises NodeError."""
        at_once = asyncio.Semaphore(os.cpu_count() or 1)

        async def in_turn(node: _Process) -> None:
            # Sixty-four that start together are each slower than a node may be.
            async with at_once:
                await node.start()

        await asyncio.gather(*map(in_turn, self._nodes))
        self._kill_if_wanted()

    async def close(self) -> None:
        """Close every node, which tells its connections; then end the asynchronous events."""
        await asyncio.gather(*(node.close() for node in self._nodes))
        self._background.close()
        await self._invocations.settle(self._limits.shutdown)

    def kill(self, index: int) -> None:
        """End a node as a broken machine would."""
        self._nodes[index].kill()

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def connections(self) -> int:
        """How many they take together."""
        return sum(node.connections for node in self._nodes)

    def spread(self, origin: int, change: FaultChange) -> None:
        """A node was told of a fault: this process and the other nodes have to know."""
        self._faults.hear(change.name, change.value)
        if not self._kill_if_wanted():
            for index, node in enumerate(self._nodes):
                if index != origin:
                    node.tell(change)

    def _kill_if_wanted(self) -> bool:
        """`node_kill`: one of them, whichever."""
        is_wanted = self._faults.takes_node_kill()
        if is_wanted:
            index = random.randrange(len(self))  # noqa: S311 not a secret
            self.say(f"fault: node_kill ends node {index}")
            # It may be the very one that was told, and is about to answer.
            asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, self.kill, index)
        return is_wanted

    def say(self, text: str) -> None:
        self.tell(Told(time.time_ns() // 1_000_000, text))

    def answer(self, question: Any) -> Any:
        """What a node asks for, or a coroutine of it."""
        if isinstance(question, InvokeFunction):
            return self._invoker.invoke(question.function, question.payload, question.caller)
        if isinstance(question, QueueEvent):
            return self._background.accept(question.function, question.payload)
        if isinstance(question, ReadMetrics):
            return self._metrics()
        if isinstance(question, Look) and self._console_state is not None:
            return self._console_state.look(question.since)
        if isinstance(question, Act) and self._console_state is not None:
            return self._console_state.act(question.command)
        raise TypeError(question)


class _Process:
    """One node: its process, the channel to it, and its next life."""

    def __init__(self, nodes: Nodes, index: int, start: Start) -> None:
        self._nodes, self._index, self._start = nodes, index, start
        self._channel: Channel | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.connections = 0
        self._is_closing = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._live(), name=f"node {self._index}")
        ready = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait(
            (ready, self._task), timeout=_READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if ready not in done:
            raise NodeError(
                f"Node {self._index} does not start; `wsgate doctor` says what this machine holds."
            )

    async def ask(self, question: Any) -> Any:
        if self._channel is None:
            raise ChannelLost
        return await self._channel.ask(question)

    async def look(self, since: str) -> View:
        """See ConsoleState. Raises ChannelLost."""
        view: View = await self.ask(Look(since))
        return view

    async def act(self, command: Mapping[str, Any]) -> View:
        """See ConsoleState. Raises ChannelLost."""
        view: View = await self.ask(Act(command))
        return view

    def tell(self, news: Any) -> None:
        if self._channel is not None:
            self._channel.tell(news)

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        self._is_closing = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
        if self._task is not None:
            within = 2 * self._start.settings.limits.shutdown.total_seconds() + 1
            await asyncio.wait((self._task,), timeout=within)
            self.kill()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _live(self) -> None:
        """One life after the other; one that never began is not tried again."""
        restarts = Restarts()
        while not self._is_closing:
            code = await self._life()
            if self._is_closing or not self._ready.is_set():
                return
            self._nodes.say(f"node {self._index} ended ({_reason(code)}), and is started again")
            if not restarts.allow(time.monotonic()):
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _life(self) -> int:
        ours, theirs = socket.socketpair()
        with theirs:
            self._channel = await Channel.over(ours, self._nodes.answer, self._heard)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "wsgate.node.process",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self._start.listener),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C in the terminal is for this process only
            )
        self._channel.tell(self._start)
        code = await self._process.wait()
        self._channel.close()
        self._channel = None
        return code

    def _heard(self, news: Any) -> None:
        if isinstance(news, Said):
            self._nodes.tell(news.line)
        elif isinstance(news, FaultChange):
            self._nodes.spread(self._index, news)
        elif isinstance(news, Ready):
            self.connections = news.connections
            self._ready.set()


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return (signal.strsignal(-code) or f"signal {-code}").lower()
