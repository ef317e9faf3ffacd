"""When a client tries again: the rules of `inWindow` in client/src/backoff.js, after a loss, and of
client/src/outbox.js, for a request that was put off. Pure.

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


# client/src/backoff.js, `THROTTLED`, and client/src/outbox.js. In seconds.
THROTTLED = "Too Many Requests"
FIRST_RETRY = {THROTTLED: 4.0}
RETRY_CAP = 30.0
RATE_LIMIT_JITTER = 0.5


def retry(code: str, tries: int, at_least: float, draw: float) -> float:
    """How long to wait before a request is sent again that was put off so often, in seconds.

    `code`: of the error, or the words of the gateway's own; `at_least`: what the server asks for.
    """
    if code == "slow_down":
        return at_least + RATE_LIMIT_JITTER * draw
    return at_least + draw * min(RETRY_CAP, FIRST_RETRY.get(code, 1.0) * float(2**tries))
