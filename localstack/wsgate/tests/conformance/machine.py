"""A world without sockets: the state machine, and a clock that the case moves."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.vocabulary import Answered, Event, Setup, World
from gateways import Machine, event_of, websocket_api
from wsgate.apis import management
from wsgate.core.actions import Accept, Action, Close, Drop, Invoke, Refuse, SendText
from wsgate.core.quotas import Limiter, scope
from wsgate.model.events import Handshake
from wsgate.model.limits import millis
from wsgate.transport.responses import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

HOST = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
UPGRADE = {
    "Host": HOST,
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "cGxlYXNlIGludmVudCBvbmU=",
    "Sec-WebSocket-Version": "13",
}


@dataclass
class MachineClient:
    world: MachineWorld
    id: str
    subprotocol: str | None = None
    inbox: deque[str] = field(default_factory=deque)
    ended: tuple[int, str] | None = None

    async def say(self, text: str) -> None:
        await self.world.perform(self.world.machine.say(self.id, text))

    async def say_bytes(self, text: str) -> None:
        gateway = self.world.machine.gateway
        await self.world.perform(gateway.binary(self.id, self.world.now))

    async def say_fragments(self, texts: list[str]) -> None:
        """Where a message was cut is below the machine."""
        await self.say("".join(texts))

    async def ping(self) -> None:
        """Do nothing: the protocol below answers, and the machine never sees a ping."""

    async def hear(self) -> str:
        assert self.inbox, "nothing came"
        return self.inbox.popleft()

    async def hears_nothing(self) -> None:
        assert not self.inbox

    async def close(self, code: int | None = None, reason: str = "") -> None:
        ending = (1005, "") if code is None else (code, reason)
        await self.world.perform(self.world.machine.closed(self.id, ending))

    async def lose(self) -> None:
        await self.world.perform(self.world.machine.closed(self.id))

    async def ending(self) -> tuple[int, str]:
        assert self.ended is not None, "no close frame came"
        return self.ended


@dataclass
class MachineAttempt:
    world: MachineWorld
    client: MachineClient
    status: int | None = None

    @property
    def is_answered(self) -> bool:
        return self.status is not None

    async def opened(self) -> MachineClient:
        assert self.status == 101, self.status
        return self.client

    async def refused(self) -> int:
        assert self.status not in {None, 101}
        assert self.status is not None
        return self.status

    async def give_up(self) -> None:
        await self.client.lose()


class MachineWorld(World):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        api = websocket_api(
            setup.routes,
            two_way=setup.two_way,
            sources=setup.sources,
            selection=setup.selection,
            stage_variables=setup.stage_variables,
        )
        api = setup.make(api)
        stages = {scope(api): (api.routes, api.throttles)}
        limiter = None if setup.quotas is None else Limiter(setup.quotas, stages)
        self.machine = Machine(api, setup.limits, limiter=limiter)
        self._attempts: dict[str, MachineAttempt] = {}
        self._waiting: list[tuple[Invoke, int]] = []

    async def dial(
        self,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
        path: str | None = None,
    ) -> MachineAttempt:
        assert path is None, "paths are the node's"
        offered = {"Sec-WebSocket-Protocol": ",".join(subprotocols)} if subprotocols else {}
        pairs = tuple({**UPGRADE, **offered, **(headers or {})}.items())
        handshake = Handshake(pairs, query, "127.0.0.1")
        connection_id, actions = self.machine.gateway.handshake(handshake, self.now)
        attempt = MachineAttempt(self, MachineClient(self, connection_id))
        self._attempts[connection_id] = attempt
        await self.perform(actions)
        return attempt

    async def manage(
        self, method: str, connection_id: str, body: bytes = b"", path: str | None = None
    ) -> Answered:
        assert path is None, "paths are the node's"
        too_large = len(body) > self.setup.limits.message_bytes
        request = Request(method, "", "", (), b"" if too_large else body, "127.0.0.1", too_large)
        gateway = self.machine.gateway
        response, actions = management.answer(gateway, connection_id, request, self.now)
        await self.perform(actions)
        kind = dict(response.headers).get("x-amzn-ErrorType")
        return Answered(response.status, kind, response.body)

    async def sdk(self, method: str, connection_id: str, body: bytes = b"") -> tuple[int, str]:
        answered = await self.manage(method, connection_id, body)
        return answered.status, answered.kind or ""

    async def advance(self, span: timedelta) -> None:
        self.machine.now += millis(span)
        waiting, self._waiting = self._waiting, []
        for invoke, since in waiting:
            if self.now >= since + millis(min(invoke.timeout, self.setup.timeout)):
                await self.perform(self.machine.time_out(invoke))
            else:
                self._waiting.append((invoke, since))
        await self.perform(self.machine.tick(self.now))

    @property
    def now(self) -> int:
        return self.machine.now

    async def until(self, condition: Callable[[], object]) -> None:
        assert condition(), "in the machine everything has happened already"

    async def release(self, name: str) -> None:
        await super().release(name)
        waiting, self._waiting = self._waiting, []
        for invoke, since in waiting:
            if invoke.function == name:
                await self._finish(invoke, event_of(invoke))
            else:
                self._waiting.append((invoke, since))

    async def perform(self, actions: list[Action]) -> None:
        for action in actions:
            await self._perform(action)

    async def _perform(self, action: Action) -> None:
        match action:
            case Invoke(function=name):
                event = event_of(action)
                self.calls.append((name, event))
                if name in self._held:
                    self._waiting.append((action, self.now))
                else:
                    await self._finish(action, event)
            case SendText(connection_id, text):
                self._attempts[connection_id].client.inbox.append(text)
            case Accept(connection_id, subprotocol):
                self._attempts[connection_id].status = 101
                self._attempts[connection_id].client.subprotocol = subprotocol
            case Refuse(connection_id, status):
                self._attempts[connection_id].status = status
            case Close(connection_id, code, reason):
                self._attempts[connection_id].client.ended = (code, reason)
                await self.perform(self.machine.closed(connection_id, (code, reason)))
            case Drop(connection_id):
                await self.perform(self.machine.closed(connection_id))

    async def _finish(self, invoke: Invoke, event: Event) -> None:
        invocation = await self._answer(invoke.function, event)
        await self.perform(self.machine.end(invoke, invocation))
