"""When to connect again. All times are seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_WINDOW = 1.0
MAX_WINDOW = 300.0
# After a connection that lived this long, the next loss starts with the shortest window again.
STEADY = 10.0
MAX_FLAPS = 3


class Schedule:
    """Draws the pause before each attempt.

    A client cannot see whether all others lost their connections, too. So it comes back in the
    window that the server told, unless the cause is its own.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._told: float | None = None
        self._attempt = 0
        self._flaps = 0

    def tell(self, window: float | None) -> None:
        """Take the window in which all clients come back after a loss."""
        self._told = window

    def lost(self, lived: float) -> None:
        """A welcomed connection ended after so many seconds."""
        self._flaps = 0 if lived >= STEADY else min(self._flaps + 1, MAX_FLAPS)
        self._attempt = 0

    def pause(self, *, is_own: bool) -> float:
        """Seconds until the next attempt."""
        attempt, self._attempt = self._attempt, self._attempt + 1
        shortest = SHORTEST_WINDOW * 2.0**self._flaps
        if is_own or self._told is None:
            return self._random() * min(MAX_WINDOW, shortest * 2.0**attempt)
        window = max(self._told, shortest)
        # Those who were refused together find the gateway as empty as they would have.
        if attempt == 1:
            return window
        return self._random() * min(max(MAX_WINDOW, 2 * window), window * 2.0**attempt)
