"""Faults at a node's edge: what core/faults.py decides, done to events, answers and connections.

Nothing here runs while no fault is set. Each injected fault is logged as `fault: …`, so that it is
not mistaken for a bug.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from wsgate.apis import management
from wsgate.core.actions import Drop, Invoke, Note, Step
from wsgate.core.faults import Departure, Faults
from wsgate.transport.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from wsgate.core.actions import Action
    from wsgate.core.gateway import Gateway
    from wsgate.model.ids import Millis
    from wsgate.model.invoke import Invocation, Invoker
    from wsgate.model.limits import Limits
    from wsgate.node.invocations import Done, Invocations
    from wsgate.transport.responses import Request


Start = Callable[[], None]


class FaultyNode(Protocol):
    """The node that faults are done to."""

    @property
    def gateway(self) -> Gateway: ...
    @property
    def invocations(self) -> Invocations: ...
    @property
    def limits(self) -> Limits: ...
    def may_have(self, connection_id: str) -> bool: ...
    def manage(self, connection_id: str, request: Request) -> Response | Awaitable[Response]: ...
    def refuse(self, request: Request, response: Response) -> Response: ...
    def open_ids(self) -> list[str]: ...
    def perform(self, actions: list[Action]) -> None: ...
    def noted(self, note: Note) -> None: ...
    def kill(self) -> None: ...


class FaultInjection:
    """The faults injected in one node."""

    def __init__(self, node: FaultyNode, faults: Faults) -> None:
        self.faults = faults
        self._node = node
        self._waiting: dict[int, tuple[asyncio.TimerHandle, Start]] = {}
        self._numbers = count()
        self._is_ending = False
        self._ticked: Millis | None = None

    def __len__(self) -> int:
        """How many events are held back now; `Limits.late` at most."""
        return len(self._waiting)

    # Events.

    def start(self, action: Invoke, done: Done) -> None:
        """Invoke: now, later, twice, or not at all."""
        start = partial(
            self._node.invocations.start,
            action.function,
            action.event,
            action.timeout,
            done,
            action.call.connection.principal,
        )
        for delay in self._delays(action):
            self._start_later(delay, start)

    def loses_client(self, connection_id: str) -> bool:
        """Whether the client of a connection that was accepted is to be lost now."""
        is_lost = self.faults.loses_client()
        if is_lost:
            self._tell(Step.CONNECT, connection_id, "connect_lost")
        return is_lost

    def _delays(self, action: Invoke) -> list[float]:
        match action.call.step:
            case Step.DISCONNECT:
                delays = self.faults.disconnects()
                words = _words_of(delays)
            case Step.MESSAGE:
                delays = [self.faults.message_delay()]
                words = f"message_late {delays[0]:g} s" if delays[0] else ""
            case _:
                return [0.0]
        if words:
            self._tell(action.call.route, action.call.connection.id, words)
        return delays

    def _start_later(self, delay: float, start: Start) -> None:
        """Beyond the bound an event is not late: what one client does must not fill the memory."""
        if delay <= 0 or self._is_ending or len(self) >= self._node.limits.late:
            start()
            return
        number = next(self._numbers)
        timer = asyncio.get_running_loop().call_later(delay, self._due, number)
        self._waiting[number] = (timer, start)

    def _due(self, number: int) -> None:
        _, start = self._waiting.pop(number)
        start()

    def hurry(self) -> None:
        """The node ends: what was held back happens now, and nothing is late any more."""
        self._is_ending = True
        for number, (timer, _) in list(self._waiting.items()):
            timer.cancel()
            self._due(number)

    # @connections.

    async def manage(self, connection_id: str, request: Request) -> Response:
        """Answer late, or with an error, or as without faults."""
        delay = self.faults.management_delay()
        if delay:
            self._tell(request.method, connection_id, f"management_latency {delay:.3f} s")
            await asyncio.sleep(delay)
        failure = self.faults.management_failure(lives=self._node.may_have(connection_id))
        if failure is not None:
            self._tell(request.method, connection_id, failure.value)
            return self._node.refuse(request, management.FAILURES[failure])
        answer = self._node.manage(connection_id, request)
        return answer if isinstance(answer, Response) else await answer

    # Connections and the node.

    def tick(self, now: Millis) -> None:
        """Called as often as time-outs are looked at, whether a fault is set or not."""
        elapsed = 0 if self._ticked is None else now - self._ticked
        self._ticked = now
        if not self.faults.is_on:
            return
        if self.faults.takes_node_kill():
            self._node.kill()
            return
        for connection_id, how in self.faults.departures(self._node.open_ids(), elapsed):
            self._tell("-", connection_id, how.value)
            if how is Departure.LOST:
                self._node.perform([Drop(connection_id)])
            else:
                self._node.perform(self._node.gateway.send_away(connection_id, now))

    def _tell(self, what: str, connection_id: str, fault: str) -> None:
        self._node.noted(Note(what, connection_id, f"fault: {fault}"))


class SlowInvoker:
    """An Invoker that is reached late when the faults say so; an integration's time counts it."""

    def __init__(self, inner: Invoker, faults: Faults) -> None:
        self._inner, self._faults = inner, faults

    def invoke(
        self, function: str, payload: bytes, caller: str | None = None
    ) -> Coroutine[Any, Any, Invocation]:
        """Run `function` with `payload`; see Invoker."""
        delay = self._faults.integration_delay() if self._faults.is_on else 0
        if not delay:
            return self._inner.invoke(function, payload, caller)
        return self._late(delay, function, payload, caller)

    async def _late(
        self, delay: float, function: str, payload: bytes, caller: str | None
    ) -> Invocation:
        await asyncio.sleep(delay)
        return await self._inner.invoke(function, payload, caller)


def _words_of(delays: list[float]) -> str:
    if not delays:
        return "disconnect_lost"
    twice = ["disconnect_twice"] if len(delays) > 1 else []
    late = [f"disconnect_late {delays[0]:g} s"] if delays[0] else []
    return ", ".join(twice + late)
