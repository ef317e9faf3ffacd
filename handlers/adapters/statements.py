"""The SQL of a statement, and its rows: a table's records in, the statement's own type out."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from handlers.core.operation import Statement

QUERIES = Path(__file__).parents[2] / "sql" / "queries"


@cache
def sql_of(statement: type[Statement[Any]]) -> str:
    """The SQL of all statements of a type, with a parameter for each field."""
    if statement.query:
        return text(statement.query)
    fields = statement.__struct_fields__
    parameters = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(fields, 1))
    select = "select * from" if _is_struct(row_type(statement)) else "select"
    # All names are those of our own classes.
    return f"{select} {statement.function}({parameters})"


def values_of(statement: Statement[Any]) -> list[Any]:
    """The parameters of a statement, as asyncpg takes them."""
    given = msgspec.structs.astuple(statement)
    return [_Seconds(one) if isinstance(one, timedelta) else one for one in given]


class _Seconds:
    """A length without days. To PostgreSQL a day is one of the calendar, which has 23 or 25 hours
    where the role's time zone changes its clocks; asyncpg writes the days of a `timedelta` so.

    It reads these three of whatever stands for an interval (its pgproto/codecs/datetime.pyx). A
    codec of ours would do as well, but asks the database once more on each new connection.
    """

    days = 0

    def __init__(self, length: timedelta) -> None:
        self.seconds = length.days * 86_400 + length.seconds
        self.microseconds = length.microseconds


@cache
def text(name: str) -> str:
    """The query in `sql/queries/<name>.sql`."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


@cache
def reader(statement: type[Statement[Any]]) -> Callable[[Mapping[str, Any]], Any]:
    """Make a statement's row of a record.

    A column without a field is skipped: a migration may add one while this code still runs.
    """
    row = row_type(statement)
    if row is type(None):
        return lambda _record: None
    if not _is_struct(row):
        return lambda record: next(iter(record.values()))
    fields = row.__struct_fields__
    return lambda record: row(*[record[name] for name in fields])


def row_type(statement: type[Statement[Any]]) -> Any:
    """The `RowT` of a `Statement[RowT]`."""
    (base,) = statement.__orig_bases__  # type: ignore[attr-defined]  # typing.Generic sets it
    return get_args(base)[0]


def name(statement: Statement[Any]) -> str:
    """What a statement is called in logs and errors."""
    return statement.function or statement.query


def _is_struct(row: Any) -> bool:
    return isinstance(row, type) and issubclass(row, msgspec.Struct)
