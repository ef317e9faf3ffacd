"""Carries pushes out. One that fails never stops the others."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.connections import Gone, Undelivered, Unreachable
from handlers.adapters.together import together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handlers.core.operation import Push

log = logging.getLogger(__name__)


# After so many posts in a row that nobody answered, a node is left alone for a while: each takes
# seconds, and a place among the calls under way, which those to other nodes wait for.
GIVE_UP_AFTER = 10
LEAVE_ALONE_SECONDS = 5.0


class Posts(Protocol):
    async def post(self, push: Push) -> None:
        """Raises Gone or Undelivered."""
        ...


@dataclass
class Delivery:
    """How pushes fared."""

    sent: int = 0
    gone: list[Push] = field(default_factory=list)
    undelivered: int = 0

    def __str__(self) -> str:
        return f"{self.sent} sent, {len(self.gone)} gone, {self.undelivered} undelivered"


async def deliver(connections: Posts, pushes: Sequence[Push], within_seconds: float) -> Delivery:
    """Post them all together, and say how each fared. The connections bound how many go at once.

    What has no answer `within_seconds` counts as undelivered: somebody else's gateway must not hold
    up the one who waits for a reply.
    """
    delivery = Delivery()

    async def post(push: Push) -> None:
        try:
            await connections.post(push)
            delivery.sent += 1
        except Gone:
            delivery.gone.append(push)
        except Undelivered as error:
            log.warning("push to %s failed: %s", push.connection_id, error)

    await together([post(push) for push in pushes], within_seconds)
    delivery.undelivered = len(pushes) - delivery.sent - len(delivery.gone)
    return delivery


class Impatient:
    """Posts, but not to a node that has stopped answering: some seconds later it may try again."""

    def __init__(self, connections: Posts, clock: Callable[[], float] = time.monotonic) -> None:
        self._connections, self._clock = connections, clock
        self._in_vain: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}

    async def post(self, push: Push) -> None:
        """Raises Gone or Undelivered."""
        if self._clock() < self._not_before.get(push.node, 0.0):
            raise Unreachable(f"{push.node} has stopped answering")
        is_answered = True
        try:
            await self._connections.post(push)
        except Unreachable:
            is_answered = False
            raise
        finally:
            self._hear(push.node, is_answered=is_answered)

    def _hear(self, node: str, *, is_answered: bool) -> None:
        self._in_vain[node] = 0 if is_answered else self._in_vain[node] + 1
        if self._in_vain[node] >= GIVE_UP_AFTER:
            self._not_before[node] = self._clock() + LEAVE_ALONE_SECONDS
