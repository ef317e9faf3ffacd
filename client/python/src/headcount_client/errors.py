"""What callers can catch."""

from __future__ import annotations


class HeadcountError(Exception):
    """A request that failed for good.

    `code` is the server's, or the client's: queue_full, too_large, closed (after `close()`),
    stopped (the ticket was refused), another_user (the next ticket was another user's).
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class TicketRefused(Exception):
    """Raise it in your ticket function when asking again would not help. The client stops."""
