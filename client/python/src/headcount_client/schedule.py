"""When to connect again. All times are seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headcount_client.backoff import alone, in_window

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_WINDOW = 1.0
# After a connection that lived this long, the next loss starts with the shortest window again.
STEADY = 10.0
# A shorter one was welcomed all the same, so the server has room: no window beyond 2 ** 3 = 8 s.
MAX_FLAPS = 3


class Schedule:
    """Draws the pause before each attempt.

    A client cannot see whether all others lost their connections, too. So it comes back in the
    window that the server told, unless the cause is its own.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._told: float | None = None
        self._window = SHORTEST_WINDOW
        self._attempt = 0
        self._is_own = False
        self._flaps = 0

    def tell(self, window: float | None) -> None:
        """Take the window in which all clients come back after a loss."""
        self._told = window

    def lost(self, lived: float) -> None:
        """A connection ended so many seconds after its welcome."""
        if lived >= STEADY:
            self._flaps = 0
        self._window = SHORTEST_WINDOW * 2.0**self._flaps
        self._flaps = min(self._flaps + 1, MAX_FLAPS)
        self._attempt = 0
        self._is_own = False

    def pause(self, *, is_own: bool) -> float:
        """Seconds until the next attempt. `is_own`: this client alone is affected."""
        # An own cause says nothing about the window: another one starts with its first attempt.
        if is_own != self._is_own and self._told is not None:
            self._attempt = 0
        self._is_own = is_own
        attempt, self._attempt = self._attempt, self._attempt + 1
        if is_own or self._told is None:
            return alone(attempt, self._window, self._random())
        return in_window(attempt, max(self._told, self._window), self._random())
