"""Corrections: say when the user of a past session was there; read what was said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Protocol
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement
from handlers.services.errors import Conflict, NotCorrected, NotFound

if TYPE_CHECKING:
    from handlers.core.operation import RowT


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...
    async def report(self, statement: Statement[RowT], within: timedelta, /) -> list[RowT]: ...


class OutcomeRow(msgspec.Struct, frozen=True):
    outcome: str
    in_force: int | None
    """The session's revision."""
    other_session_id: int | None


class CreateCorrection(Statement[OutcomeRow], frozen=True):
    """Says when the user of a session was there: from each `joined_at` to the `ended_at` beside it.

    In order, apart, and in whole milliseconds.
    """

    function: ClassVar[str] = "create_correction"
    order_of: ClassVar[str] = "correction_id"
    correction_id: UUID
    user_id: str
    session_id: int
    revision: int
    joined_at: list[datetime]
    ended_at: list[datetime]
    reason: str
    author: str
    fingerprint: str


class CorrectionRow(msgspec.Struct, frozen=True):
    correction_id: UUID
    session_id: int
    user_id: str
    resource: str
    revision: int
    times: Json
    reason: str
    author: str
    at: int
    is_in_force: bool


class FindCorrection(Statement[CorrectionRow], frozen=True):
    query: ClassVar[str] = "correction"
    correction_id: UUID


class ListedCorrectionRow(CorrectionRow, frozen=True):
    position: int
    """`at` in microseconds."""


class ListCorrections(Statement[ListedCorrectionRow], frozen=True):
    """Corrections, the newest first."""

    query: ClassVar[str] = "corrections"
    before_at: datetime
    before_correction_id: UUID
    user_id: str | None
    session_id: int | None
    begins: datetime
    ends: datetime
    limit: int


async def create(database: Database, new: CreateCorrection) -> tuple[CorrectionRow, bool]:
    """Correct a session; True if the same request came before.

    Raises Conflict, NotFound or NotCorrected.
    """
    row = await database.fetch_one(new)
    if row.outcome == "conflict":
        raise Conflict
    if row.outcome == "unknown":
        raise NotFound("past session of this user")
    if row.outcome not in {"created", "repeated"}:
        raise NotCorrected(row.outcome, row.in_force, row.other_session_id)
    return await read(database, new.correction_id), row.outcome == "repeated"


async def read(database: Database, correction_id: UUID) -> CorrectionRow:
    """Raises NotFound."""
    rows = await database.fetch(FindCorrection(correction_id))
    if not rows:
        raise NotFound("correction")
    return rows[0]
