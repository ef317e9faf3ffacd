"""The SQL of a statement, and its rows: a table's records in, the statement's own type out."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin
from uuid import UUID

import msgspec

from handlers.core.operation import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from handlers.core.operation import Statement

QUERIES = Path(__file__).parents[2] / "sql" / "queries"


@cache
def sql_of(statement: type[Statement[Any]]) -> str:
    """The SQL of all statements of a type, with a parameter for each field."""
    if statement.query:
        return text(statement.query)
    parameters = ", ".join(
        f"p_{field.name} => ${n}{_as_text(field.type)}"
        for n, field in enumerate(msgspec.structs.fields(statement), 1)
    )
    select = "select * from" if _is_struct(row_type(statement)) else "select"
    # All names are those of our own classes.
    return f"{select} {statement.function}({parameters})"


@cache
def noted_sql_of(statement: type[Statement[Any]]) -> str:
    """The same with a note in the audit, whose fields are the last parameters.

    In one statement, so that there is no order without its note, and no transaction to open.
    """
    first = len(msgspec.structs.fields(statement)) + 1
    note = ", ".join(f"${n}" for n in range(first, first + len(msgspec.structs.fields(Note))))
    made = sql_of(statement).rstrip().removesuffix(";")
    noted = (
        "insert into audit (author, source, operation, subject, reason, outcome)"
        f" select {note}, {_outcome(statement)}"
    )
    return f"with made as materialized ({made}), noted as ({noted}) select * from made"  # noqa: S608  # our own names


def _outcome(statement: type[Statement[Any]]) -> str:
    """What came of an order: its own word for it, or whether it has done anything."""
    row, column = row_type(statement), statement.function or "outcome"
    if _is_struct(row):
        column = "outcome"
    elif row is bool:
        column = f"case when {column} then 'done' else 'refused' end"
    elif row is UUID:
        return "case when exists (select from made) then 'done' else 'unknown' end"
    return f"(select {column} from made)"  # noqa: S608


def values_of(statement: Statement[Any]) -> list[Any]:
    """The parameters of a statement, as asyncpg takes them."""
    return [_value(one) for one in msgspec.structs.astuple(statement)]


# Of arrays, asyncpg knows those of texts. Of any other it asks the database first, on each new
# connection, and calls `set_config` for that, which pins the connection of RDS Proxy. So they are
# sent as texts. https://github.com/MagicStack/asyncpg/pull/1082 (2026-11-30)
ARRAYS = {bool: "boolean", datetime: "timestamptz"}


def _as_text(field: Any) -> str:
    """The cast of a parameter, where it is an array that is sent as texts."""
    (of,) = get_args(field) if get_origin(field) is list else (str,)
    return "" if of is str else f"::text[]::{ARRAYS[of]}[]"


def _value(given: Any) -> Any:
    if isinstance(given, timedelta):
        return _Seconds(given)
    return list(map(str, given)) if isinstance(given, list) else given


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
