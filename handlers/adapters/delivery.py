"""Carries pushes out. One that fails never stops the others."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.connections import Gone, Undelivered
from handlers.adapters.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.happening import Push

log = logging.getLogger(__name__)


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
