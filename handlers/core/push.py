"""push: a broadcast to everyone it is for, a page of its audience at a time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from handlers.core.happening import Push, Query, Row, bonus_message, message, raw

if TYPE_CHECKING:
    from uuid import UUID

PAGE = 250


@dataclass(frozen=True)
class Broadcast:
    """A message of the queue: come and help with this broadcast, in this round.

    Nothing else travels in it: how far a broadcast has come stands in the database.
    """

    broadcast_id: str
    round: int = 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Broadcast:
        """Raises ValueError, TypeError or KeyError for anything else."""
        said = json.loads(text)
        # The release before this one named the bonus, whose offer has the same id.
        return Broadcast(
            str(said.get("broadcast_id") or said["bonus_id"]), int(said.get("round", 1))
        )

    def next_round(self) -> Broadcast:
        return replace(self, round=self.round + 1)


class Fared(Protocol):
    """How pushes went: `handlers.adapters.delivery` counts it."""

    sent: int
    gone: list[Push]


@dataclass(frozen=True)
class Report:
    """How the pushes of a page fared."""

    shard: int | None = None
    sent: int = 0
    gone: int = 0
    undelivered: int = 0
    dropped: int = 0


def query(
    broadcast: Broadcast, worker: UUID, per_second: int, report: Report, page: int = PAGE
) -> Query:
    return Query(
        "push",
        (
            broadcast.broadcast_id,
            broadcast.round,
            worker,
            page,
            per_second,
            report.shard,
            report.sent,
            report.gone,
            report.undelivered,
            report.dropped,
        ),
    )


def last_report(broadcast: Broadcast, worker: UUID, report: Report) -> Query:
    """Report, take no further page, and let go of the shard: whoever is next goes on at once."""
    return query(broadcast, worker, 1, report, page=0)


def report(row: Row, pushes: int, fared: Fared, *, is_over: bool) -> Report:
    """Of a page: what has no answer by the end of the window is dropped."""
    left = pushes - fared.sent - len(fared.gone)
    undelivered, dropped = (0, left) if is_over else (left, 0)
    return Report(int(str(row["shard"])), fared.sent, len(fared.gone), undelivered, dropped)


Recipient = tuple[str, list[tuple[str, str]], msgspec.Raw]
"""user_id, connections [(node, connection id), …], and the event an offer is in their stream."""


def pushes(row: Row) -> list[Push]:
    """One message per connection of the page."""
    same = _message(row)
    return [
        Push(user_id, node, connection_id, same if event == b"null" else _event(row, event))
        for user_id, connections, event in _recipients(row)
        for node, connection_id in connections
    ]


def _recipients(row: Row) -> list[Recipient]:
    return msgspec.json.decode(str(row["recipients"]), type=list[Recipient])


def _message(row: Row) -> bytes:
    if row["kind"] != "news":
        return bonus_message(row)
    return message(
        "news",
        server_now=row["server_now"],
        broadcast=raw(row["broadcast"]),
        news=raw(row["news"]),
    )


def _event(row: Row, event: msgspec.Raw) -> bytes:
    return message("event", server_now=row["server_now"], epoch=row["epoch"], event=event)
