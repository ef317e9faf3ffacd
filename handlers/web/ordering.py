"""The database as one request uses it: what it orders is noted in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from handlers.core.operation import Note, Statement

if TYPE_CHECKING:
    from datetime import timedelta

    from handlers.core.operation import RowT


class Database(Protocol):
    async def fetch(
        self, statement: Statement[RowT], note: Note | None = None, /
    ) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...
    async def report(self, statement: Statement[RowT], within: timedelta, /) -> list[RowT]: ...


class NoteOrder(Statement[int], frozen=True):
    query: ClassVar[str] = "note_order"
    author: str
    source: str | None
    operation: str
    subject: str
    reason: str | None


@dataclass(frozen=True)
class OrderingDatabase:
    """Notes each order in its own statement, so neither is written without the other."""

    database: Database
    author: str
    """The name of the key."""
    source: str | None
    """The address that the request came from."""
    operation: str

    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]:
        if not statement.order_of:
            return await self.database.fetch(statement)
        subject = str(getattr(statement, statement.order_of))
        reason: str | None = getattr(statement, "reason", None)
        note = Note(self.author, self.source, self.operation, subject, reason)
        return await self.database.fetch(statement, note)

    async def fetch_one(self, statement: Statement[RowT], /) -> RowT:
        (row,) = await self.fetch(statement)
        return row

    async def report(self, statement: Statement[RowT], within: timedelta, /) -> list[RowT]:
        return await self.database.report(statement, within)

    async def note(self, subject: str, reason: str | None) -> None:
        """Note an order that is no statement, before it is carried out."""
        note = NoteOrder(self.author, self.source, self.operation, subject, reason)
        await self.database.fetch(note)
