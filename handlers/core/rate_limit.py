"""How many messages one user may send, over all their connections."""

from __future__ import annotations

from typing import Protocol

from handlers.core.operation import Outcome, encode


class LimitedRow(Protocol):
    """What each statement of a message returns. With one of these two outcomes, nothing else."""

    @property
    def outcome(self) -> str:
        """`slow_down`, `disconnect`, or an outcome of the operation's own."""

    @property
    def wait_ms(self) -> int | None: ...


def over_limit(re: str, row: LimitedRow) -> Outcome | None:
    """The reply to a message that exceeds the limit; None for one within it."""
    if row.outcome not in ("slow_down", "disconnect"):
        return None
    reply = encode(
        "error",
        re=re,
        code="slow_down",
        reason="this user sends too many messages: wait for retry_after_ms, then send it again",
        retry_after_ms=abs(row.wait_ms or 0),
    )
    return Outcome(reply, disconnects=row.outcome == "disconnect")
