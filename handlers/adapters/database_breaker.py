"""Stops asking a database that does not answer, for a while."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# One call without an answer may have waited for the lock of its user; the next one is another's.
MAX_UNANSWERED_CALLS = 2
# For so long, or down to half of it: copies of a function share nothing, and those that found out
# together do not come back together.
OPEN_SECONDS = 5.0


class DatabaseBreaker:
    """What a process knows of a database that does not answer.

    A call after one without an answer is a probe, which waits for `probe_seconds` at most. After
    two in a row there is none for some seconds, then another probe. Any answer ends that.
    """

    def __init__(
        self,
        probe_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._probe_seconds, self._clock, self._draw = probe_seconds, clock, draw
        self._unanswered_calls = 0
        self._silent_since = self._open_until = 0.0

    @property
    def silent_seconds(self) -> float:
        """For how long no call has been answered; 0 after an answer."""
        return self._clock() - self._silent_since if self._unanswered_calls else 0.0

    def allow(self, at_most_seconds: float) -> float:
        """How many seconds the next call may wait for its answer; 0 if it is not to be made."""
        if not self._unanswered_calls:
            return at_most_seconds
        is_open = self._unanswered_calls >= MAX_UNANSWERED_CALLS
        if is_open and self._clock() < self._open_until:
            return 0.0
        return min(at_most_seconds, self._probe_seconds)

    def record(self, *, is_answered: bool) -> None:
        """Learn from a call that was made."""
        if is_answered:
            self._unanswered_calls = 0
            return
        now = self._clock()
        if not self._unanswered_calls:
            self._silent_since = now
        self._unanswered_calls += 1
        self._open_until = now + OPEN_SECONDS * (1 - self._draw() / 2)
