"""The handlers' statements on a plain connection: `db.fetchrow(*asked(Act(…)))`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.adapters.statements import sql_of, values_of

if TYPE_CHECKING:
    from handlers.core.operation import Statement


def asked(statement: Statement[Any]) -> tuple[Any, ...]:
    """The SQL of a statement, and its arguments."""
    return sql_of(type(statement)), *values_of(statement)
