"""How long calls to the outside may take: what is left of the function's time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# What a call leaves of the function's time for what comes after it. Lambda ends a function that is
# late without a word, and API Gateway answers its client 500 or 502.
ANSWER_SECONDS = 0.5
"""For the answer itself, and the function's last metrics."""
STATEMENT_SECONDS = 2.0
"""For the answer, and one statement before it: to forget connections, or to cancel an order."""


class NoEvent(Exception):
    """A call was made outside of an event, so nothing bounds it."""


class Deadline:
    """When the calls of the event under way must have ended. All adapters of a process share it,
    since Lambda gives a process one event at a time.

    The function's own time is below the 29 s for which API Gateway waits (infra/rules.py).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at: float | None = None

    def begin(self, seconds: float) -> None:
        """An event begins, and its function will be ended in so many seconds."""
        self._ends_at = self._clock() + seconds

    def allow(self, at_most_seconds: float, leaving_seconds: float) -> float:
        """How many seconds a call may take that must leave so many to the function; 0 if none.

        Raises NoEvent.
        """
        if self._ends_at is None:
            raise NoEvent("call Container.begin with the context of the event first")
        left = self._ends_at - leaving_seconds - self._clock()
        return max(0.0, min(at_most_seconds, left))
