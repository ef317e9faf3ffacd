"""What a function holds for the life of its process: one event loop, and what runs on it.

Importing a handler builds nothing; the first event does. The loop is never closed between events: a
database connection belongs to the loop that made it, and `asyncio.run` per event would end both.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from handlers.adapters.database import Database
from handlers.adapters.gateway.api import GatewayApi
from handlers.adapters.gateway.circuit_breaker import CircuitBreaker
from handlers.adapters.queue import Queue
from handlers.adapters.settings import grace, push_endpoint, pushes_per_second, setting
from handlers.core.rate_limit import KeptOut
from handlers.services import broadcast
from handlers.services.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

# They log at INFO what they do at each call; the access logs have it already.
TALKATIVE = ("botocore", "mangum")

T = TypeVar("T")
Event = dict[str, Any]
"""An event as Lambda hands it over: JSON of API Gateway, SQS or EventBridge."""


class Container:
    """Built once per process, each part at its first use."""

    @cached_property
    def database(self) -> Database:
        return Database(setting("DATABASE_URL"))

    @cached_property
    def gateway(self) -> GatewayApi:
        gateway = GatewayApi(push_endpoint())
        # Lambda kills its processes; one that ends by itself would warn of open connections.
        atexit.register(lambda: self.run(gateway.aclose()))
        return gateway

    @cached_property
    def delivery(self) -> Delivery:
        return Delivery(CircuitBreaker(self.gateway), self.database, grace())

    @cached_property
    def kept_out(self) -> KeptOut:
        return KeptOut()

    @cached_property
    def queue(self) -> Queue:
        return Queue()

    def broadcast_ports(self) -> broadcast.Ports:
        return broadcast.Ports(self.database, self.delivery, self.queue, pushes_per_second())

    @cached_property
    def runner(self) -> asyncio.Runner:
        return asyncio.Runner()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end on the process' own loop."""
        return self.runner.run(coroutine)


C = TypeVar("C", bound=Container)


def live(
    handle: Callable[[Event, Any, C], Any], build: Callable[[], C]
) -> Callable[[Event, Any], Any]:
    """Make a Lambda handler of `handle`: the same, with this process' container."""
    container = build()
    logging.getLogger("handlers").setLevel(logging.INFO)
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)

    def handler(event: Event, context: Any) -> Any:
        return handle(event, context, container)

    return handler
