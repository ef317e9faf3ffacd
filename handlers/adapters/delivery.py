"""Carries pushes out. One that fails never stops the others."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.connections import AT_ONCE, Gone, Undelivered

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
    """How the pushes of one happening fared."""

    sent: int = 0
    gone: list[Push] = field(default_factory=list)
    undelivered: list[Push] = field(default_factory=list)


async def deliver(connections: Posts, pushes: Sequence[Push]) -> Delivery:
    """Post them all, at most AT_ONCE at a time, and say how each fared."""
    delivery = Delivery()
    room = asyncio.Semaphore(AT_ONCE)

    async def post(push: Push) -> None:
        async with room:
            try:
                await connections.post(push)
                delivery.sent += 1
            except Gone:
                delivery.gone.append(push)
            except Undelivered as error:
                log.warning("push to %s failed: %s", push.connection_id, error)
                delivery.undelivered.append(push)

    await asyncio.gather(*(post(push) for push in pushes))
    return delivery
