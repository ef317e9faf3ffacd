"""How often something that ends by itself is started again: often, but not for ever."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import Final

MOST: Final = 5
WITHIN: Final = timedelta(minutes=1)


class Restarts:
    """Counts tries; more than `MOST` within `WITHIN` are a fault that starting does not mend."""

    def __init__(self) -> None:
        self._tries: deque[float] = deque(maxlen=MOST)

    def allow(self, now: float) -> bool:
        """Say whether there may be another try, and count it. `now` is a monotonic clock's."""
        full = len(self._tries) == MOST
        if full and now - self._tries[0] < WITHIN.total_seconds():
            return False
        self._tries.append(now)
        return True
