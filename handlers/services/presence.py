"""Who is online, sessions, and presence events: what the HTTP API reads."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID

import msgspec

from handlers.adapters.settings import pushes_per_second
from handlers.core.operation import Json, Statement
from handlers.core.operations.maintenance import Finalize
from handlers.services.errors import ForeignPosition, PresenceEventsPruned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.operation import RowT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# asyncpg writes these as '-infinity' and 'infinity'.
ALWAYS = datetime.min  # noqa: DTZ901
NEVER = datetime.max  # noqa: DTZ901
OPEN = 2**63 - 1
"""The position of an open session in the list of sessions."""

COUNTS_TTL_SECONDS = 5.0
MAX_COUNTS = 1_000
FINALIZE_BATCH_SIZE = 5_000


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class OnlineRow(msgspec.Struct, frozen=True):
    user_id: str
    resource: str
    joined_at: int
    connections: int


class ListOnline(Statement[OnlineRow], frozen=True):
    """Users who are online, in the order of user and resource."""

    query: ClassVar[str] = "online"
    resource: str | None
    node: str | None
    after_user_id: str
    after_resource: str
    limit: int


class OnlineTotals(msgspec.Struct, frozen=True):
    server_now: int
    users: int | None
    connections: int | None


class CountOnline(Statement[OnlineTotals], frozen=True):
    """The database's time and, if `is_counted`, how many are online: that looks at every user."""

    query: ClassVar[str] = "online_count"
    resource: str | None
    node: str | None
    is_counted: bool


class CountsRow(msgspec.Struct, frozen=True):
    counted_at: int
    users: int
    connections: int
    resources: Json
    nodes: Json


class CountByPart(Statement[CountsRow], frozen=True):
    """How many are online, in total, by resource and by node."""

    query: ClassVar[str] = "online_counts"
    limit: int


class OnlineCounts:
    """The counts, kept for five seconds: counting looks at every user."""

    def __init__(self) -> None:
        self._counted_at = 0.0
        self._counts: dict[str, Any] | None = None

    async def read(self, database: Database) -> dict[str, Any]:
        """Read the counts: counted_at, users, connections, resources, nodes; pushes_per_second."""
        began_at = time.monotonic()
        if self._counts is None or began_at >= self._counted_at + COUNTS_TTL_SECONDS:
            row = await database.fetch_one(CountByPart(MAX_COUNTS))
            parts = {
                "resources": json.loads(row.resources),
                "nodes": json.loads(row.nodes),
                "pushes_per_second": pushes_per_second(),
            }
            self._counted_at, self._counts = began_at, msgspec.structs.asdict(row) | parts
        return self._counts


class SessionRow(msgspec.Struct, frozen=True):
    session_id: int
    user_id: str
    resource: str
    joined_at: int
    ended_at: int | None
    ended_by: str | None
    ended_within_ms: int | None
    away_since: int | None
    revision: int
    replaced_by: int | None
    watched_ms: int
    position: int
    """The end in microseconds; OPEN for an open session."""


class ListSessions(Statement[SessionRow], frozen=True):
    """Sessions that overlap an interval: open ones first, then the latest end first."""

    query: ClassVar[str] = "sessions"
    begins: datetime
    ends: datetime
    user_id: str | None = None
    resource: str | None = None
    ended_by: str | None = None
    min_length: timedelta | None = None
    max_length: timedelta | None = None
    before_ended_at: datetime | None = None
    before_id: int | None = None
    limit: int | None = None
    now: datetime | None = None
    is_corrected: bool = True


class TotalsRow(msgspec.Struct, frozen=True):
    online: bool
    watched_ms: int
    server_now: int


class ReadTotals(Statement[TotalsRow], frozen=True):
    """Whether a user is online, and their watch time on all resources."""

    query: ClassVar[str] = "watch_time"
    user_id: str


class ReadClock(Statement[int], frozen=True):
    query: ClassVar[str] = "server_time"


class FindSession(Statement[int], frozen=True):
    """The id of the session, if the user has it."""

    query: ClassVar[str] = "find_session"
    user_id: str
    session_id: int


class PresenceEventRow(msgspec.Struct, frozen=True):
    seq: int
    type: str
    session_id: int
    user_id: str
    resource: str
    at: int


class ListPresenceEvents(Statement[PresenceEventRow], frozen=True):
    query: ClassVar[str] = "presence_events"
    after_seq: int
    limit: int


class LogRow(msgspec.Struct, frozen=True):
    epoch: UUID
    pruned_seq: int
    last_seq: int


class ReadPresenceEventLog(Statement[LogRow], frozen=True):
    """Where the presence events begin and end."""

    query: ClassVar[str] = "presence_event_log"


@dataclass(frozen=True)
class PresenceEvents:
    """One page, and the position behind it."""

    rows: Sequence[PresenceEventRow]
    epoch: UUID
    last_seq: int
    has_more: bool


async def read_presence_events(
    database: Database, position: tuple[UUID, int] | None, limit: int
) -> PresenceEvents:
    """Read the events behind a position: the database's epoch and the last event's `seq`.

    None: from the oldest. Raises ForeignPosition or PresenceEventsPruned.
    """
    epoch, after_seq = position or (None, 0)
    finalized = await database.fetch_one(Finalize(FINALIZE_BATCH_SIZE))
    rows = await database.fetch(ListPresenceEvents(after_seq, limit))
    # Read after the events, so that it knows what was pruned meanwhile.
    log = await database.fetch_one(ReadPresenceEventLog())
    if position and (epoch != log.epoch or after_seq > log.last_seq):
        raise ForeignPosition
    if position and after_seq < log.pruned_seq:
        raise PresenceEventsPruned
    last_seq = rows[-1].seq if rows else max(after_seq, log.pruned_seq)
    has_more = last_seq < log.last_seq or finalized.is_behind
    return PresenceEvents(rows, log.epoch, last_seq, has_more)
