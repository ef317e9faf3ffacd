"""What a conformance case is written in: a world with a gateway, clients, functions and a clock.

A case says what is done and what must be seen. Two kinds of worlds carry it out: `machine.py`, the
state machine alone, and `sockets.py`, a running gateway with third-party clients.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from gateways import PONG, TIMEOUT, function, raised, returned
from wsgate.model.limits import Limits

if TYPE_CHECKING:
    from wire import Reply
    from wsgate.core.quotas import Quotas
    from wsgate.model.invoke import Invocation
    from wsgate.model.plan import Integration, WebSocketApi

Event = dict[str, Any]
OK = {"statusCode": 200}
MACHINE, SOCKETS = "machine", "sockets"
BOTH = frozenset({MACHINE, SOCKETS})
ONLY_MACHINE, ONLY_SOCKETS = frozenset({MACHINE}), frozenset({SOCKETS})


@dataclass(frozen=True)
class Raise:
    """A function answers so when it raises an exception with this text."""

    text: str


def echo(event: Event) -> Event:
    return {"statusCode": 200, "body": event["body"]}


ROUTES: Mapping[str, Integration] = {
    "$connect": function("connect"),
    "$disconnect": function("disconnect"),
    "echo": function("echo"),
    "tell": function("tell"),
    "ping": PONG,
}
TWO_WAY = frozenset({"echo", "ping"})


def _as_it_is(api: WebSocketApi) -> WebSocketApi:
    return api


@dataclass(frozen=True)
class Setup:
    """The API of a case. Functions that it does not answer for answer 200."""

    routes: Mapping[str, Integration] = field(default_factory=lambda: ROUTES)
    two_way: frozenset[str] = TWO_WAY
    sources: tuple[str, ...] | None = None
    """With identity sources, the function `authorize` guards the API."""
    selection: str = "$request.body.action"
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    timeout: timedelta = TIMEOUT
    """Of every function, so that a case can wait for it on a socket."""
    quotas: Quotas | None = None
    only_plain: bool = False
    """Not for clients that compress."""
    make: Callable[[WebSocketApi], WebSocketApi] = _as_it_is
    """What else is to be said about the API."""


@dataclass(frozen=True)
class Answered:
    """What @connections answered: the status, the error's class, the body's bytes."""

    status: int
    kind: str | None
    body: bytes


class Client(Protocol):
    """One open connection, from its client's side."""

    id: str
    subprotocol: str | None

    async def say(self, text: str) -> None: ...
    async def say_bytes(self, text: str) -> None: ...
    async def say_fragments(self, texts: list[str]) -> None: ...
    async def ping(self) -> None:
        """Send a protocol ping and wait for its pong."""

    async def hear(self) -> str:
        """The next text message."""

    async def hears_nothing(self) -> None:
        """Nothing came, and nothing is on its way."""

    async def close(self, code: int | None = None, reason: str = "") -> None: ...
    async def lose(self) -> None:
        """The network is gone; no close frame is sent."""

    async def ending(self) -> tuple[int, str]:
        """The close frame that the gateway sent."""


class Attempt(Protocol):
    """A handshake under way."""

    @property
    def is_answered(self) -> bool: ...
    async def opened(self) -> Client: ...
    async def refused(self) -> int:
        """The status of the answer that is not 101."""

    async def give_up(self) -> None: ...


class World:
    """What both kinds share: the functions, and what they were told."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.calls: list[tuple[str, Event]] = []
        self._answers: dict[str, Any] = {"echo": echo, "authorize": OK}
        self._held: dict[str, asyncio.Event] = {}

    # Functions.

    def answers(self, name: str, answer: Any) -> None:
        """From now on: a value, a Raise, or a function of the event."""
        self._answers[name] = answer

    def hold(self, name: str) -> None:
        """A function takes its time, until it is released."""
        self._held[name] = asyncio.Event()

    async def release(self, name: str) -> None:
        self._held.pop(name).set()

    def events(self, name: str) -> list[Event]:
        return [event for called, event in self.calls if called == name]

    def event(self, name: str) -> Event:
        """The only one."""
        [event] = self.events(name)
        return event

    async def called(self, name: str, times: int = 1) -> None:
        """Wait until a function was called so often."""
        await self.until(lambda: len(self.events(name)) >= times)
        assert len(self.events(name)) == times

    async def until(self, condition: Callable[[], Any]) -> None:
        raise NotImplementedError

    async def _answer(self, name: str, event: Event) -> Invocation:
        answer = self._answers.get(name, OK)
        value = answer(event) if callable(answer) else answer
        if inspect.isawaitable(value):
            value = await value
        return raised(value.text) if isinstance(value, Raise) else returned(value)

    # Clients.

    async def dial(
        self,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
        path: str | None = None,
    ) -> Attempt:
        """Begin a handshake; `path` replaces the stage's."""
        raise NotImplementedError

    async def connect(
        self,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
    ) -> Client:
        return await (await self.dial(query, headers, subprotocols)).opened()

    async def refused(
        self, query: str = "", headers: Mapping[str, str] | None = None, path: str | None = None
    ) -> int:
        return await (await self.dial(query, headers, path=path)).refused()

    # @connections.

    async def manage(
        self, method: str, connection_id: str, body: bytes = b"", path: str | None = None
    ) -> Answered:
        """A plain HTTP request; `path` replaces the usual one."""
        raise NotImplementedError

    async def sdk(self, method: str, connection_id: str, body: bytes = b"") -> tuple[int, str]:
        """What an AWS SDK makes of it: the status, and the error's class or nothing."""
        raise NotImplementedError

    # Bytes.

    async def raw(self, request: bytes) -> Reply:
        """What is answered to these bytes, with all its headers."""
        raise NotImplementedError

    # Time.

    async def advance(self, span: timedelta) -> None:
        raise NotImplementedError

    @property
    def now(self) -> int:
        raise NotImplementedError


@dataclass(frozen=True)
class Case:
    id: str
    lines: str
    """The lines of docs/aws-behaviour.md that it proves."""
    sentence: str
    setup: Setup
    levels: frozenset[str]
    scenario: Callable[[World], Awaitable[None]]


Scenario = Callable[[World], Coroutine[Any, Any, None]]


class Table(list[Case]):
    """The cases, in the order of their writing."""

    def case(
        self,
        id: str,
        lines: str,
        setup: Setup | None = None,
        levels: frozenset[str] = BOTH,
    ) -> Callable[[Scenario], Scenario]:
        """Make a scenario a row; its docstring is the sentence."""

        def row(scenario: Scenario) -> Scenario:
            sentence = inspect.getdoc(scenario)
            assert sentence, f"{id} says nothing"
            self.append(Case(id, lines, sentence, setup or Setup(), levels, scenario))
            return scenario

        return row


def seconds(span: float) -> timedelta:
    return timedelta(seconds=span)


def minutes(span: float) -> timedelta:
    return timedelta(minutes=span)


def spoken(text: str) -> Any:
    return json.loads(text)
