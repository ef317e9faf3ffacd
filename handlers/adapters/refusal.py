"""What the HTTP API refuses beyond the shape of a request: a status, a code and a sentence."""

from __future__ import annotations

NARROWER = (
    "the report takes longer than a second: ask for a shorter interval, or for one user or "
    "resource; for all of it there is `python -m sql.export`"
)
DROPPED = (
    "the facts behind this cursor have been pruned: read who is online with GET /online, "
    "then go on without `after`"
)


class Refused(Exception):
    """Answered as `{"detail": reason, "code": code}`; `code` is for programs."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


def foreign_cursor() -> Refused:
    """It belongs to another list, to the same list with other filters, or to another database."""
    return Refused(422, "foreign_cursor", "after is not a cursor of this list with these filters")


def narrower_range() -> Refused:
    return Refused(422, "narrower_range", NARROWER)


def facts_dropped() -> Refused:
    return Refused(410, "facts_dropped", DROPPED)


def reversed_interval() -> Refused:
    return Refused(422, "reversed_interval", "`from` must be before `to`")


def needs_interval() -> Refused:
    return Refused(422, "interval_missing", "give `from` and `to`, or a `user_id`")


def too_many_points(most: int) -> Refused:
    reason = f"an answer has at most {most} steps: take a longer step or a shorter interval"
    return Refused(422, "too_many_points", reason)
