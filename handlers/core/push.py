"""push: a bonus to everyone it is for, a page of sessions at a time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from handlers.core.happening import Push, Query, Row, connections, message, raw, to_connections

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = 500


@dataclass(frozen=True)
class Broadcast:
    """A message of the queue: which bonus, and behind which session to go on."""

    bonus_id: str
    after_user_id: str = ""
    after_resource: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Broadcast:
        """Raises ValueError, TypeError or AttributeError for anything else."""
        return Broadcast(**json.loads(text))


def query(broadcast: Broadcast) -> Query:
    return Query(
        "push", (broadcast.bonus_id, broadcast.after_user_id, broadcast.after_resource, PAGE)
    )


def pushes(rows: Sequence[Row]) -> list[Push]:
    """One message per connection of the page; `server_now` is when the page was read."""
    return [
        push
        for row in rows
        for push in to_connections(
            str(row["user_id"]),
            connections(row["connections"]),
            message("bonus", server_now=row["server_now"], bonus=raw(row["bonus"])),
        )
    ]


def rest(broadcast: Broadcast, rows: Sequence[Row]) -> Broadcast | None:
    """What is left after this page; None after the last."""
    if len(rows) < PAGE:
        return None
    return Broadcast(broadcast.bonus_id, str(rows[-1]["user_id"]), str(rows[-1]["resource"]))
