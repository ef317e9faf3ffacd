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

from handlers.adapters.broadcaster import PAGE_TIMEOUT_SECONDS, Broadcaster
from handlers.adapters.connections import Connections
from handlers.adapters.database import Database, Unavailable
from handlers.adapters.delivery import Delivery, Impatient, deliver
from handlers.adapters.queue import Queue
from handlers.adapters.settings import grace, push_endpoint, setting
from handlers.core import forget

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from handlers.core.operation import Push
    from handlers.core.push import Broadcast

log = logging.getLogger(__name__)

# They say at INFO what they do at each call; access logs say it better.
TALKATIVE = ("botocore", "mangum")

# For whoever waits for the answer: pages begin in the first of these seconds only.
HERE_SECONDS, HERE_PAGE_SECONDS = 3.0, 2.0

T = TypeVar("T")
Event = dict[str, Any]
"""An event as Lambda hands it over: JSON of API Gateway, SQS or EventBridge."""


class Container:
    """Built once per process, each part at its first use."""

    @cached_property
    def database(self) -> Database:
        return Database(setting("DATABASE_URL"))

    @cached_property
    def connections(self) -> Connections:
        connections = Connections(push_endpoint())
        # Lambda kills a process; one that ends by itself would complain of what it left open.
        atexit.register(lambda: self.run(connections.aclose()))
        return connections

    @cached_property
    def posts(self) -> Impatient:
        """What pushes go through."""
        return Impatient(self.connections)

    @cached_property
    def queue(self) -> Queue:
        return Queue()

    @cached_property
    def runner(self) -> asyncio.Runner:
        return asyncio.Runner()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end on the process' own loop."""
        return self.runner.run(coroutine)

    async def deliver(self, pushes: Sequence[Push], within_seconds: float) -> Delivery:
        """Post the pushes and forget the connections found gone; if that fails, the sweep will."""
        delivery = await deliver(self.posts, pushes, within_seconds)
        if delivery.gone:
            gone = [forget.found_gone(push) for push in delivery.gone]
            try:
                await self.database.fetch(forget.query(gone, grace()))
            except Unavailable as error:
                log.warning("%d gone connections stay for the sweep: %s", len(gone), error)
        return delivery

    def broadcaster(
        self,
        broadcast: Broadcast,
        seconds: float,
        page_within_seconds: float = PAGE_TIMEOUT_SECONDS,
    ) -> Broadcaster:
        """A worker for a broadcast."""
        return Broadcaster(self, broadcast, seconds, page_within_seconds)

    async def push_out(self, broadcast: Broadcast) -> None:
        """Push a broadcast to a few listed users from here, within seconds and without the queue.

        Never fails, for the caller has called for a second worker (`Queue.announce_own`), who does
        what is left.
        """
        try:
            await self.broadcaster(broadcast, HERE_SECONDS, HERE_PAGE_SECONDS).work()
        except Exception:
            log.exception("broadcast %s is left to the queue", broadcast.broadcast_id)


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
