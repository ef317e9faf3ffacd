"""A gateway node in a process of its own: `python -m wsgate.node.process CHANNEL`.

`nodes.py` starts it, with one end of a socket pair as the descriptor CHANNEL. What to run comes
over it first; then the functions' answers, and what other nodes are asked about our connections.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsgate import open_files
from wsgate.console.api import Console
from wsgate.logs import Told
from wsgate.loops import loop_factory
from wsgate.model.invoke import Invocation, InvokeError
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
from wsgate.node.neighbours import Manage, Neighbours
from wsgate.node.node import Node
from wsgate.transport.channel import Channel, ChannelLost
from wsgate.transport.listening import listening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.console.state import View
    from wsgate.logs import Line
    from wsgate.transport.responses import Response


NICE = 5
"""What is under way goes before what comes in: the functions, and the process that starts them.

There may be ten nodes to one of that, and they would leave it a tenth of a processor.
"""

AT_ONCE = 500
"""Calls that a node has under way at most. More are throttled at once: they would wait in the
channel, where nothing bounds for how long, and every caller has given up before its call runs.
"""


def main() -> int:
    """Serve until told to stop, or until the parent is gone."""
    os.nice(NICE)
    # Ctrl-C in a terminal is for the parent, who tells us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_live(socket.socket(fileno=int(sys.argv[1]))))
    return 0


async def _live(sock: socket.socket) -> None:
    told: asyncio.Future[Start] = asyncio.get_running_loop().create_future()
    nodes: list[Node] = []

    async def answer(question: Any) -> Any:
        console_state = nodes[0].console_state
        if isinstance(question, Look) and console_state is not None:
            return await console_state.look(question.since)
        if isinstance(question, Act) and console_state is not None:
            return await console_state.act(question.command)
        raise TypeError(question)

    def heard(news: Any) -> None:
        if isinstance(news, Start):
            told.set_result(news)
        elif isinstance(news, FaultChange):
            faults = nodes[0].faults if nodes else told.result().settings.faults
            faults.hear(news.name, news.value)

    channel = await Channel.over(sock, answer, heard)
    start = await told

    def manage_here(question: Manage) -> Response:
        return nodes[0].manage_here(question.connection_id, question.request)

    neighbours = Neighbours(start.folder, start.settings.index, manage_here)
    parent = Parent(channel, neighbours)
    faults = start.settings.faults.for_node(start.settings.index)
    faults.spread = lambda name, value: channel.tell(FaultChange(name, value))
    room = open_files.capacity(open_files.raise_limit(), neighbours=start.nodes - 1)
    settings = replace(
        start.settings, log=parent.hear, lines=parent.say, faults=faults, capacity=room
    )
    node = Node(start.plan, parent, settings, parent)
    if node.console is not None:
        node.console = Console(parent, settings.address)
    node.metrics = parent.metrics
    nodes.append(node)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await neighbours.start()
    gc.freeze()  # what is there now stays: later collections need not look at it
    async with listening(node, socket.socket(fileno=start.listener)):
        channel.tell(Ready(room.connections))
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(channel.lost.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    neighbours.close()
    channel.close()


class Parent:
    """The functions and the other nodes, as a node sees them."""

    def __init__(self, channel: Channel, neighbours: Neighbours) -> None:
        self._channel, self.manage = channel, neighbours.manage
        self._under_way = 0

    def say(self, line: Line) -> None:
        """Pass on a line for the log."""
        self._channel.tell(Said(line))

    def hear(self, text: str) -> None:
        """Pass on a log message."""
        self.say(Told(time.time_ns() // 1_000_000, text))

    async def look(self, since: str) -> View:
        """See ConsoleState: at all nodes."""
        view: View = await self._channel.ask(Look(since))
        return view

    async def metrics(self) -> str:
        """What the parent has counted."""
        text: str = await self._channel.ask(ReadMetrics())
        return text

    async def act(self, command: Mapping[str, Any]) -> View:
        """See ConsoleState: for whichever node."""
        view: View = await self._channel.ask(Act(command))
        return view

    async def invoke(self, function: str, payload: bytes, caller: str | None = None) -> Invocation:
        """See Invoker."""
        if self._under_way >= AT_ONCE:
            raise InvokeError(429, "TooManyRequestsException", "Rate Exceeded.")
        self._under_way += 1
        try:
            answer: Invocation = await self._channel.ask(InvokeFunction(function, payload, caller))
        except ChannelLost as error:
            raise InvokeError(503, "ServiceException", "the gateway is shutting down") from error
        finally:
            self._under_way -= 1
        return answer

    async def queue(self, function: str, payload: bytes) -> bool:
        """See Peers."""
        try:
            is_taken: bool = await self._channel.ask(QueueEvent(function, payload))
        except ChannelLost:
            return False
        return is_taken


if __name__ == "__main__":
    sys.exit(main())
