"""push: a broadcast to everyone it is for, a page of its audience at a time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from handlers.core.operation import Push, Query, Row, bonus_message, message, raw

if TYPE_CHECKING:
    from uuid import UUID

PAGE = 250


@dataclass(frozen=True)
class Broadcast:
    """A message of the queue: come and help with this broadcast, in this round.

    How far it has come does not travel with it: that stands in the database.
    """

    broadcast_id: str
    round: int = 1
    is_news: bool = False
    """News have a queue of their own, so that they never stand before a bonus."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Broadcast:
        """Raises ValueError, TypeError, KeyError or AttributeError for anything else."""
        said = json.loads(text)
        # The release before this one named the bonus, whose offer has the same id.
        broadcast_id = str(said.get("broadcast_id") or said["bonus_id"])
        return Broadcast(broadcast_id, int(said.get("round", 1)), bool(said.get("is_news")))

    def next_round(self) -> Broadcast:
        return replace(self, round=self.round + 1)


class Fared(Protocol):
    """How pushes went: `handlers.adapters.delivery` counts it."""

    sent: int
    gone: list[Push]


@dataclass(frozen=True)
class Report:
    """How the pushes of a page fared; without a page, there was none."""

    shard: int | None = None
    page: int | None = None
    sent: int = 0
    gone: int = 0
    undelivered: int = 0
    dropped: int = 0


def query(broadcast: Broadcast, worker: UUID, per_second: int, report: Report) -> Query:
    """The report of the last page, and the next one: a second's pushes if these are fewer."""
    return _query(broadcast, worker, min(PAGE, per_second), per_second, report)


def last_report(broadcast: Broadcast, worker: UUID, report: Report) -> Query:
    """Report, take no further page, and let go of the shard: whoever is next goes on at once."""
    return _query(broadcast, worker, 0, 1, report)


def _query(broadcast: Broadcast, worker: UUID, page: int, per_second: int, report: Report) -> Query:
    return Query(
        "push",
        (
            broadcast.broadcast_id,
            broadcast.round,
            worker,
            page,
            per_second,
            report.shard,
            report.page,
            report.sent,
            report.gone,
            report.undelivered,
            report.dropped,
        ),
    )


def report(row: Row, pushes: int, fared: Fared, *, is_over: bool) -> Report:
    """Of a page: what has no answer by the end of the window is dropped."""
    left = pushes - fared.sent - len(fared.gone)
    undelivered, dropped = (0, left) if is_over else (left, 0)
    shard, page = int(str(row["shard"])), int(str(row["page"]))
    return Report(shard, page, fared.sent, len(fared.gone), undelivered, dropped)


Recipient = tuple[str, list[tuple[str, str]], msgspec.Raw]
"""user_id, connections [(node, connection id), …], and the event an offer is in their stream."""


def pushes(row: Row) -> list[Push]:
    """One message per connection of the page."""
    same = _message(row)
    return [
        Push(user_id, node, connection_id, data)
        for user_id, connections, event in _recipients(row)
        for data in [same if bytes(event) == b"null" else _event(row, event)]
        for node, connection_id in connections
    ]


def _recipients(row: Row) -> list[Recipient]:
    return msgspec.json.decode(str(row["recipients"]), type=list[Recipient])


def _message(row: Row) -> bytes:
    if row["kind"] != "news":
        return bonus_message({**row, "server_now": _begins_at(row)})
    return message(
        "news",
        server_now=_begins_at(row),
        broadcast=raw(row["broadcast"]),
        news=raw(row["news"]),
    )


def _event(row: Row, event: msgspec.Raw) -> bytes:
    return message("event", server_now=_begins_at(row), epoch=row["epoch"], event=event)


def _begins_at(row: Row) -> int:
    """The database's clock when the page's turn comes: clients set theirs by it."""
    return int(str(row["server_now"])) + int(str(row["wait_ms"] or 0))
