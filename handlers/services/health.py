"""Does the database answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from handlers.core.operation import Statement
from handlers.services.errors import Unavailable

if TYPE_CHECKING:
    from handlers.core.operation import RowT


class Ping(Statement[int], frozen=True):
    query: ClassVar[str] = "health"


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...


async def is_healthy(database: Database) -> bool:
    """Ask the database for a row."""
    try:
        await database.fetch(Ping())
    except Unavailable:
        return False
    return True
