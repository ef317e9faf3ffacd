"""When the server is asked again for what it put off: the rule of client/src/outbox.js. Pure.

After a loss a client comes back by the Python client's own rule, `headcount_client.backoff`.
"""

from __future__ import annotations

UNTOLD = 1.0
"""Seconds: the window before the first welcome."""


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
