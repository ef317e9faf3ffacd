"""How much one user may send, over all their connections; and who is kept out for sending on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from handlers.core.reply import error

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.core.operation import Outcome

SLOW_DOWN = "this user sends too many messages: wait for retry_after_ms, then send it again"
KEPT_OUT = (
    "this user kept sending beyond the limit: wait for retry_after_ms, then connect again with "
    "a new ticket"
)

# For so long a process believes that a user is kept out; then it asks the database again.
BELIEF = timedelta(seconds=5)
MAX_KNOWN = 1_000


class LimitedRow(Protocol):
    """What each statement of a message returns. With one of these two outcomes, nothing else."""

    @property
    def outcome(self) -> str:
        """`slow_down`, `kept_out`, or an outcome of the operation's own."""

    @property
    def wait_ms(self) -> int | None: ...


def over_limit(re: str | None, row: LimitedRow) -> Outcome | None:
    """The reply to a message that exceeds the limit; None for one within it."""
    wait_ms = abs(row.wait_ms or 0)
    if row.outcome == "kept_out":
        return kept_out(timedelta(milliseconds=wait_ms))
    if row.outcome != "slow_down":
        return None
    return error(re, "slow_down", SLOW_DOWN, retry_after_ms=wait_ms)


def kept_out(length: timedelta) -> Outcome:
    """The reply to a user who is kept out. It answers no message in particular."""
    wait_ms = -(-length // timedelta(milliseconds=1))
    refusal = error(None, "kept_out", KEPT_OUT, retry_after_ms=wait_ms)
    return replace(refusal, kept_out_for=length)


class KeptOut:
    """The users that this process knows to be kept out, so that their messages cost no statement.

    The database has the truth: what is known here is short-lived, bounded, and forgotten when the
    clock goes back.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def learn(self, user_id: str, length: timedelta, now: datetime) -> None:
        """The database says that this user is kept out for `length` from now."""
        self._known.pop(user_id, None)
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[user_id] = _Known(now, now + length)

    def refusal(self, user_id: str, now: datetime) -> Outcome | None:
        """The answer to each message of a user who is kept out; None: the database must say."""
        known = self._known.get(user_id)
        if known is None or not known.learned_at <= now < min(
            known.until, known.learned_at + BELIEF
        ):
            return None
        return kept_out(known.until - now)

    def is_to_close(self, user_id: str, connection_id: str) -> bool:
        """Whether this connection of a user who was just refused has not been closed yet.

        More of its messages may be under way already, and each would close it again.
        """
        closed = self._known[user_id].closed
        is_open = connection_id not in closed
        closed.add(connection_id)
        return is_open


@dataclass
class _Known:
    learned_at: datetime
    until: datetime
    closed: set[str] = field(default_factory=set)
