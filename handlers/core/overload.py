"""Overload: which messages come too late to be handled, and when a client sends one again.

A statement has only so long, and a message that has waited too long for its function costs none:
its client would have the answer too late. Both are answered `unavailable`, with a time to wait that
grows with what the message has waited and is random, so that those who came together do not come
back together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from handlers.core.reply import error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.core.operation import Outcome

# With the statement and the pushes of `services/message.py` after it, an answer comes well within
# the 29 s for which API Gateway waits, and the half minute of client/src/connection.js.
MAX_WAIT = timedelta(seconds=10)
# No gateway holds a message for so long: the clocks differ, or an emulator counts in other units.
CLOCKS_DIFFER = timedelta(minutes=10)

FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(seconds=20)

MILLISECOND = timedelta(milliseconds=1)

UNAVAILABLE = (
    "the service cannot reach its database: wait for retry_after_ms, then send the same again"
)
OVERLOADED = (
    "more messages came than could be handled: wait for retry_after_ms, then send the same again"
)


def waited(request: Mapping[str, Any], now: datetime) -> timedelta:
    """How long ago the gateway took a message, by its event's `requestContext`; 0 if in doubt."""
    arrived_ms = request.get("requestTimeEpoch", 0)
    age = (now - datetime.fromtimestamp(0, UTC)) - MILLISECOND * arrived_ms
    return age if timedelta(0) < age < CLOCKS_DIFFER else timedelta(0)


def is_too_late(age: timedelta) -> bool:
    """Whether a message that has waited for so long is not handled any more."""
    return age > MAX_WAIT


def unavailable(re: str | None, reason: str, age: timedelta, draw: float) -> Outcome:
    """Ask the client to send a message again that has waited for so long, or that came when no
    message had been answered for so long.

    `draw` is uniform in 0..1, and the time to wait uniform from a tenth of that to all of it: so
    long took what came before it, and no more can be done meanwhile.
    """
    wait = min(LAST_RETRY, max(FIRST_RETRY, age)) * (0.1 + 0.9 * draw)
    return error(re, "unavailable", reason, retry_after_ms=wait // MILLISECOND)
