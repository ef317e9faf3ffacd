"""When a client tries again: the rule of `inWindow` in client/src/backoff.js. Pure.

A client whose line is lost cannot see whether it is alone, so its first attempt falls at a random
moment of the window that the last welcome told (`reconnect_within_ms`). An attempt that is refused
is repeated one window later; further ones draw from windows that double.
"""

from __future__ import annotations

LONGEST = 300.0
"""Seconds: what further windows grow to, unless twice the first is longer."""
UNTOLD = 1.0
"""Seconds: the window before the first welcome."""


def pause(attempt: int, window: float, draw: float) -> float:
    """How long to wait before an attempt (0, 1, 2, …) after a loss, in seconds.

    `draw` is a random number from 0 to 1.
    """
    within = min(window * 2**attempt, max(LONGEST, 2 * window))
    return window if attempt == 1 else draw * within
