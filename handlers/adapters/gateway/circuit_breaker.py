"""Leaves a silent node alone for a while."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.gateway.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.operation import Push

# After this many posts in a row without an answer: each takes seconds, and one of the concurrent
# calls, for which posts to other nodes wait.
MAX_SILENT_POSTS = 10
OPEN_SECONDS = 5.0


class Posts(Protocol):
    async def post(self, push: Push) -> None:
        """Raises Gone or Undelivered."""
        ...


class CircuitBreaker:
    """Posts, but not to a node that has stopped answering: it is tried again some seconds later."""

    def __init__(self, gateway: Posts, clock: Callable[[], float] = time.monotonic) -> None:
        self._gateway, self._clock = gateway, clock
        self._answers: Counter[str] = Counter()
        self._silent_posts: Counter[str] = Counter()
        self._open_until: dict[str, float] = {}

    async def post(self, push: Push) -> None:
        """Raises Gone or Undelivered."""
        if self._clock() < self._open_until.get(push.node, 0.0):
            raise Unreachable(f"{push.node} has stopped answering")
        answers, is_answered = self._answers[push.node], True
        try:
            await self._gateway.post(push)
        except Unreachable:
            is_answered = False
            raise
        except asyncio.CancelledError:
            # The caller waits no longer. A node that has answered others meanwhile is slow only.
            is_answered = self._answers[push.node] > answers
            raise
        finally:
            self._record(push.node, is_answered=is_answered)

    def _record(self, node: str, *, is_answered: bool) -> None:
        self._answers[node] += is_answered
        self._silent_posts[node] = 0 if is_answered else self._silent_posts[node] + 1
        if self._silent_posts[node] >= MAX_SILENT_POSTS:
            self._open_until[node] = self._clock() + OPEN_SECONDS
