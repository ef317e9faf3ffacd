"""How many messages one user may send, over all their connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from handlers.core.operation import Outcome, encode

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True)
class Limit:
    """A message each `gap`, and `burst` of them at once; without a gap there is no limit."""

    gap: timedelta
    burst: int


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
