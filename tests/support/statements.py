"""The handlers' statements on a plain connection: `db.fetchrow(*asked(Act(…)))`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.adapters.statements import sql_of, values_of
from handlers.core.operation import Limit

if TYPE_CHECKING:
    from handlers.adapters.database import Database
    from handlers.core.operation import RowT, Statement

NO_LIMIT = Limit(gap=timedelta(0), burst=1, keep_out=timedelta(0))


def asked(statement: Statement[Any]) -> tuple[Any, ...]:
    """The SQL of a statement, and its arguments."""
    return sql_of(type(statement)), *values_of(statement)


class Watched:
    """A database that notes what it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked: list[Statement[Any]] = []

    async def fetch(self, statement: Statement[RowT]) -> list[RowT]:
        self.asked.append(statement)
        return await self._database.fetch(statement)

    async def fetch_one(self, statement: Statement[RowT]) -> RowT:
        self.asked.append(statement)
        return await self._database.fetch_one(statement)
