"""What a function holds for the life of its process: one event loop, and what runs on it.

There is a container for each app that events came from, with the app's own database: one connection
to each, kept. A single one for all would be closed and opened at most events, which takes the
database many times what a statement takes.

Importing a handler builds nothing; the first event does. The loop is never closed between events: a
database connection belongs to the loop that made it, and `asyncio.run` per event would end both.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from functools import cached_property
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

from handlers.adapters.database import CALL_SECONDS, CLIENT_PROBE_SECONDS, Database
from handlers.adapters.database_breaker import DatabaseBreaker
from handlers.adapters.deadline import Deadline
from handlers.adapters.event_log import EVENT
from handlers.adapters.gateway.api import GatewayApi
from handlers.adapters.gateway.circuit_breaker import CircuitBreaker
from handlers.adapters.metrics import Metrics
from handlers.adapters.queue import Queue
from handlers.adapters.settings import (
    apps,
    database_url,
    grace,
    push_endpoint,
    pushes_per_second,
    rules,
)
from handlers.core.apps import MAIN
from handlers.services.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from handlers.core.operation import Rules
    from handlers.core.rate_limit import KeptOut
    from handlers.services import broadcast

# They log at INFO what they do at each call; the access logs have it already.
TALKATIVE = ("botocore", "mangum")

T = TypeVar("T")
Event = dict[str, Any]
"""An event as Lambda hands it over: JSON of API Gateway, SQS or EventBridge."""


class Context(Protocol):
    """What Lambda hands over beside the event."""

    def get_remaining_time_in_millis(self) -> int: ...


def shared(build: Callable[[Any], T]) -> cached_property[T]:
    """A part that the containers of all apps have together."""

    def part(container: Container) -> T:
        if container.main is None:
            return build(container)
        found: T = getattr(container.main, build.__name__)
        return found

    return cached_property(part)


class Container:
    """Built once per process, and then for each other app; each part at its first use."""

    call_seconds: ClassVar[float] = CALL_SECONDS
    """How long a call to the database may take."""
    probe_seconds: ClassVar[float] = CALL_SECONDS
    """How long one may take after a call without an answer."""

    def __init__(self, main: Self | None = None, app: str = MAIN) -> None:
        """`main`: the container of the process, if this is one of another app."""
        self.main, self.app = main, app
        self._others: dict[str, Self] = {}

    def of_app(self, app: str) -> Self:
        """The container of an app that a ticket, a key or a message of ours has named."""
        if app == self.app:
            return self
        if app not in self._others:
            self._others[app] = type(self)(self, app)
        return self._others[app]

    def of_all(self) -> list[Self]:
        """The containers of all apps of this deployment."""
        return [self.of_app(app) for app in apps()]

    @shared
    def deadline(self) -> Deadline:
        return Deadline()

    @shared
    def metrics(self) -> Metrics:
        return Metrics()

    @cached_property
    def database(self) -> Database:
        return self._new_database()

    @cached_property
    def second_database(self) -> Database:
        """Another connection, for what is done at once."""
        return self._new_database()

    def _new_database(self) -> Database:
        breaker, took = DatabaseBreaker(self.probe_seconds), self.metrics.database_took
        url = database_url(self.app)
        return Database(url, self.deadline, self.call_seconds, breaker, took)

    @shared
    def gateway(self) -> GatewayApi:
        gateway = GatewayApi(self.deadline, push_endpoint())
        # Lambda kills its processes; one that ends by itself would warn of open connections.
        atexit.register(lambda: self.runner.run(gateway.aclose()))
        return gateway

    @cached_property
    def delivery(self) -> Delivery:
        self.prepare_pushes()  # while the first statement is on its way
        return Delivery(CircuitBreaker(self.gateway), self.database, grace())

    @shared
    def rules(self) -> Rules:
        return rules()

    @cached_property
    def kept_out(self) -> KeptOut:
        from handlers.core.rate_limit import KeptOut  # noqa: PLC0415  # it is for messages alone

        return KeptOut()

    @cached_property
    def queue(self) -> Queue:
        return Queue(self.deadline, lambda: self.metrics.count("queue_unavailable"), self.app)

    def prepare_pushes(self) -> None:
        """Begin to import what pushes need, which takes longer than all else, beside other work."""
        Thread(target=import_module, args=("handlers.adapters.gateway.http",), daemon=True).start()

    def broadcast_ports(self) -> broadcast.Ports:
        # Pushes are next: what the first one needs takes longer to import than a page may take.
        import handlers.adapters.gateway.http  # noqa: F401, PLC0415
        from handlers.services import broadcast  # noqa: PLC0415  # only three functions push

        return broadcast.Ports(self.database, self.delivery, self.queue, pushes_per_second())

    @shared
    def runner(self) -> asyncio.Runner:
        return asyncio.Runner()

    def begin(self, context: Context) -> None:
        """Bound all calls to the outside by the time that the function has for this event."""
        self.deadline.begin(context.get_remaining_time_in_millis() / 1000)

    def run(self, coroutine: Coroutine[Any, Any, T], context: Context) -> T:
        """Run what an event asks for to its end, on the process' own loop."""
        self.begin(context)
        # Not the runner's own `run`: it sets and resets a signal handler, 30 µs for each event.
        return self.runner.get_loop().run_until_complete(coroutine)


class ClientContainer(Container):
    """Of a function that clients wait for."""

    probe_seconds = CLIENT_PROBE_SECONDS


C = TypeVar("C", bound=Container)


def live(
    handle: Callable[[Event, Context, C], Any], build: Callable[[], C]
) -> Callable[[Event, Context], Any]:
    """Make a Lambda handler of `handle`: the same, with this process' container."""
    container = build()
    EVENT.watch()
    logging.getLogger("handlers").setLevel(logging.INFO)
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)

    def handler(event: Event, context: Context) -> Any:
        EVENT.begin(event)
        try:
            return handle(event, context, container)
        finally:
            container.metrics.flush()

    return handler
