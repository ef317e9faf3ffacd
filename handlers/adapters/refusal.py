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
MOVED = (
    "the grants were copied from another database, whose transactions do not compare with this "
    "one's: `update ledger set xid = 0; update stream_epoch set epoch = gen_random_uuid()`"
)


class Refused(Exception):
    """Answered as `{"detail": reason, "code": code}`; `code` is for programs."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


def not_found(what: str) -> Refused:
    return Refused(404, "not_found", f"there is no such {what}")


def conflict() -> Refused:
    """The same id with the same order is no conflict: it is answered with what it made."""
    return Refused(409, "conflict", "this id has been used for another order")


def window_over() -> Refused:
    return Refused(422, "window_over", "the window would be over already")


def too_large(what: str) -> Refused:
    """As PostgreSQL writes it: 1e308 is five characters in an order and 309 there."""
    return Refused(422, f"{what}_too_large", f"{what} may have at most 4,096 bytes of JSON")


def unavailable(reason: str) -> Refused:
    """The same request may be sent again."""
    return Refused(503, "unavailable", reason)


def foreign_cursor() -> Refused:
    """It belongs to another list, to the same list with other filters, or to another database."""
    return Refused(422, "foreign_cursor", "after is not a cursor of this list with these filters")


def narrower_range() -> Refused:
    return Refused(422, "narrower_range", NARROWER)


def facts_dropped() -> Refused:
    return Refused(410, "facts_dropped", DROPPED)


def database_moved() -> Refused:
    """Grants are read in the order of transaction ids, and each cluster has its own."""
    return Refused(503, "database_moved", MOVED)


def reversed_interval() -> Refused:
    return Refused(422, "reversed_interval", "`from` must be before `to`")


def needs_interval() -> Refused:
    return Refused(422, "interval_missing", "give `from` and `to`, or a `user_id`")


def too_many_points(most: int) -> Refused:
    reason = f"an answer has at most {most} steps: take a longer step or a shorter interval"
    return Refused(422, "too_many_points", reason)
