"""Granted claims, in an order in which a payout service can follow them without missing one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, Protocol
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement
from handlers.services.errors import DatabaseMoved, ForeignPosition, GrantsPruned
from handlers.services.presence import ALWAYS, NEVER

if TYPE_CHECKING:
    from handlers.core.operation import RowT


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class GrantRow(msgspec.Struct, frozen=True):
    epoch: str
    xid: int
    grant_id: int
    bonus_id: UUID
    user_id: str
    claim_id: str
    reward: Json
    claimed_at: int
    state: str
    """pending, fulfilled or rejected"""
    payout: Json | None
    """The one in force."""


class ListGrants(Statement[GrantRow], frozen=True):
    query: ClassVar[str] = "grants"
    after_xid: int
    after_grant_id: int
    begins: datetime = ALWAYS
    ends: datetime = NEVER
    limit: int | None = None


class FoundGrantRow(GrantRow, frozen=True):
    is_match: bool
    """False: it only says up to where was looked."""
    is_cut: bool
    """There may be more behind it."""


class FindGrants(Statement[FoundGrantRow], frozen=True):
    function: ClassVar[str] = "find_grants"
    after_xid: int
    after_grant_id: int
    bonus_id: UUID | None
    campaign_id: UUID | None
    user_id: str | None
    state: str | None
    begins: datetime
    ends: datetime
    limit: int


class LogRow(msgspec.Struct, frozen=True):
    epoch: str
    next_xid: int
    """No transaction of this database has had it yet."""
    is_moved: bool
    """There are grants of later transactions: they were copied from another cluster."""
    pruned_xid: int
    pruned_grant_id: int
    """Up to here grants have been removed."""


@dataclass(frozen=True)
class Wanted:
    """Which grants; None: any."""

    bonus_id: UUID | None = None
    campaign_id: UUID | None = None
    user_id: str | None = None
    state: str | None = None
    begins: datetime | None = None
    ends: datetime | None = None


ANY = Wanted()


class ReadGrantLog(Statement[LogRow], frozen=True):
    query: ClassVar[str] = "grant_log"


BigInt = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Position(NamedTuple):
    """The last grant that was read; `epoch` names its database."""

    epoch: str
    xid: BigInt
    grant_id: BigInt


async def read(
    database: Database, wanted: Wanted, position: Position | None, limit: int
) -> list[GrantRow]:
    """Read the grants behind a position; None: from the first that is kept.

    Raises DatabaseMoved; ForeignPosition, since a restored database gives transaction ids again; or
    GrantsPruned.
    """
    xid, grant_id = position[1:] if position else (0, 0)
    rows = await _rows(database, wanted, xid, grant_id, limit)
    # Read after the grants, so that it knows what was removed meanwhile.
    log = await database.fetch_one(ReadGrantLog())
    if log.is_moved:
        raise DatabaseMoved
    if position and (position.epoch != log.epoch or xid >= log.next_xid):
        raise ForeignPosition
    if position and (xid, grant_id) < (log.pruned_xid, log.pruned_grant_id):
        raise GrantsPruned
    return rows


async def _rows(
    database: Database, wanted: Wanted, xid: int, grant_id: int, limit: int
) -> list[GrantRow]:
    if wanted == ANY:
        return await database.fetch(ListGrants(xid, grant_id, limit=limit))
    names = (wanted.bonus_id, wanted.campaign_id, wanted.user_id, wanted.state)
    interval = (wanted.begins or ALWAYS, wanted.ends or NEVER)
    return [*await database.fetch(FindGrants(xid, grant_id, *names, *interval, limit))]


async def start(database: Database) -> Position:
    """The position before the first grant that is kept."""
    log = await database.fetch_one(ReadGrantLog())
    return Position(log.epoch, log.pruned_xid, log.pruned_grant_id)


def is_match(row: GrantRow) -> bool:
    """False: a row that only says up to where a search has looked."""
    return not isinstance(row, FoundGrantRow) or row.is_match


def is_cut(row: GrantRow) -> bool:
    """Whether a search ends here, and there may be more."""
    return isinstance(row, FoundGrantRow) and row.is_cut
