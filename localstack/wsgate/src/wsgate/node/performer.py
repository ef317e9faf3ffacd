"""Carries out what the gateway decided: on sockets, functions, endpoints, and the log."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

from wsgate.core import actions
from wsgate.core.actions import Accept, Action, Close, Drop, Refuse, Step
from wsgate.core.integrations import HttpAnswer
from wsgate.model.invoke import Ending, Invocation, InvokeError
from wsgate.transport.fetch import Fetched, FetchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.core.faults import Faults
    from wsgate.core.gateway import Gateway
    from wsgate.model.ids import Millis
    from wsgate.node.fault_injection import FaultInjection
    from wsgate.node.function_calls import FunctionCalls
    from wsgate.node.invocations import Invocations
    from wsgate.node.record import Record
    from wsgate.transport.websocket import Socket


class PerformingNode(Protocol):
    """The node on which actions are carried out."""

    @property
    def gateway(self) -> Gateway: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def invocations(self) -> Invocations: ...
    def now(self) -> Millis: ...


class Performer:
    """Takes actions one after the other; the answers of functions come back by themselves."""

    def __init__(  # noqa: PLR0913 what an action has to do with
        self,
        node: PerformingNode,
        sockets: dict[str, Socket],
        *,
        record: Record,
        calls: FunctionCalls,
        fault_injection: FaultInjection,
        log: Callable[[str], None],
    ) -> None:
        """`sockets` is the node's own dictionary, by connection id."""
        self._gateway, self._now, self._invocations = node.gateway, node.now, node.invocations
        self._faults, self._fault_injection = node.faults, fault_injection
        self._sockets, self._record, self._calls, self._log = sockets, record, calls, log
        self._log_events, self._journal = record.log_events, record.journal
        self._queueing = set[asyncio.Future[None]]()

    def perform(self, actions: list[Action]) -> None:
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        # By class, in the order of how often: patterns with captures take three times as long.
        if isinstance(action, actions.SendText):
            socket = self._sockets.get(action.connection_id)
            if socket is not None:
                socket.send(action.text)
        elif isinstance(action, actions.Note):
            if self._log_events:
                self._record.note(action)
        elif isinstance(action, actions.Invoke):
            self._invoke(action)
        elif isinstance(action, actions.Fetch):
            self._invocations.fetch(action.request, action.timeout, self._done(action))
        elif isinstance(action, actions.Enqueue):
            task = asyncio.ensure_future(self._enqueue(action))
            self._queueing.add(task)
            task.add_done_callback(self._queueing.discard)
        else:
            self._perform_rare(action)

    def _perform_rare(self, action: Accept | Refuse | Close | Drop) -> None:
        """The socket may have gone since the action was decided."""
        socket = self._sockets.get(action.connection_id)
        match action:
            case _ if socket is None:
                pass
            case Accept(connection_id, _) if self._is_lost(connection_id):
                socket.drop()
            case Accept(_, subprotocol):
                socket.accept(subprotocol)
            case Refuse(_, status):
                socket.refuse(status)
            case Close(_, code, reason):
                socket.close(code, reason)
            case Drop():
                socket.drop()

    def _is_lost(self, connection_id: str) -> bool:
        return self._faults.is_on and self._fault_injection.loses_client(connection_id)

    def _invoke(self, action: actions.Invoke) -> None:
        done = self._done(action)
        if self._faults.is_on:
            self._fault_injection.start(action, done)
        else:
            caller = action.call.connection.principal
            self._invocations.start(action.function, action.event, action.timeout, done, caller)

    def _done(self, action: actions.Invoke | actions.Fetch) -> Callable[[Ending | Fetched], None]:
        socket = self._sockets.get(action.call.connection.id)
        if socket is not None and action.call.step is Step.MESSAGE:
            socket.invoked(_size(action))
        return partial(self._invoked, action, socket)

    def _invoked(
        self,
        action: actions.Invoke | actions.Fetch,
        socket: Socket | None,
        ending: Ending | Fetched,
    ) -> None:
        now = self._now()
        actions = self._after(action.call, ending, now)
        if self._journal is not None:
            self._journal.ended(action, ending, actions, now)
        self.perform(actions)
        if socket is not None and action.call.step is Step.MESSAGE:
            socket.answered(_size(action))

    def _after(self, call: actions.Call, ending: Ending | Fetched, now: Millis) -> list[Action]:
        match ending:
            case Invocation():
                return self._gateway.answered(call, ending, now)
            case HttpAnswer():
                return self._gateway.fetched(call, ending, now)
            case FetchError():
                return self._gateway.unreachable(call, str(ending), now)
            case InvokeError():
                return self._gateway.failed(call, f"{ending.kind}: {ending}", now)
        return self._gateway.timed_out(call, now)

    async def _enqueue(self, action: actions.Enqueue) -> None:
        if not await self._calls.queue(action.function, action.event):
            self._log(f"{action.function} | asynchronous event: given up, too many wait")


def _size(action: actions.Invoke | actions.Fetch) -> int:
    return len(action.event if isinstance(action, actions.Invoke) else action.request.body)
