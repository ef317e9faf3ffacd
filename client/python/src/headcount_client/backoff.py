"""How long to wait before the next attempt to connect. Pure: the load tool draws from it, too."""

from __future__ import annotations

MAX_WINDOW = 300.0
"""Seconds: what further windows grow to, unless twice the first is longer."""


def in_window(attempt: int, window: float, draw: float) -> float:
    """Seconds before an attempt (0, 1, 2, …) after a loss, in a window that the server told.

    A client whose line is lost cannot see whether it is alone, so its first attempt falls at a
    random moment of the window. One that is refused is repeated one window later: those who were
    refused together find the gateway as empty as they would have. Further ones draw from windows
    that double. `draw` is a random number from 0 to 1.
    """
    within = min(window * 2.0**attempt, max(MAX_WINDOW, 2 * window))
    return window if attempt == 1 else draw * within


def alone(attempt: int, window: float, draw: float) -> float:
    """Seconds before an attempt, when no other clients come with it: at any moment of a window."""
    return draw * min(MAX_WINDOW, window * 2.0**attempt)
