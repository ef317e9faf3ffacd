"""Lists of the HTTP API, page by page: cursors, JSON pages, CSV files."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import Field

from handlers.services.presence import EPOCH, NEVER
from handlers.web.errors import BAD_REQUEST, FOREIGN_CURSOR, ApiError, documented
from handlers.web.schemas.fields import IN_DECIMALS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

# Two names of 128 characters fit, whatever characters they have.
MAX_CURSOR_LENGTH = 4_096
MAX_CSV_ROWS = 10_000
# Lambda returns at most 6 MB, in which the page or the CSV file is a JSON string.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_RESPONSE_BYTES = 5_000_000

# A spreadsheet takes a cell that begins so for a formula. The apostrophe is among them, so that a
# reader gets the name back by removing one apostrophe.
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = tuple("=+-@\t\r\n'＝＋－＠")  # noqa: RUF001  # the full-width ones are meant

Limit = Annotated[int, Field(ge=1, le=1000), IN_DECIMALS, Query(description="rows per page")]
After = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR_LENGTH,
        description="`next` of the page before; without it, the list begins at its start",
    ),
]

# Since the epoch, up to the end of the year 9999.
MAX_MICROSECONDS = 253_402_300_799_999_999
Microseconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_MICROSECONDS)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_MICROSECONDS // 1000)]
BigInt = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

# binascii.Error and UnicodeError are ValueErrors.
UNREADABLE = (ValueError, TypeError, RecursionError, msgspec.MsgspecError)

P = TypeVar("P", bound=tuple[Any, ...])
R = TypeVar("R", bound=msgspec.Struct)


class NewestFirst(NamedTuple):
    """The position in a list whose newest entry comes first."""

    created_at: Microseconds
    id: UUID


def newest_first(position: NewestFirst | None) -> tuple[datetime, UUID]:
    """The `created_at` and the id that the next rows come before."""
    if position is None:
        return NEVER, UUID(int=2**128 - 1)
    return EPOCH + timedelta(microseconds=position.created_at), position.id


class Before(NamedTuple):
    """The position in a list whose entries have a number, the largest first."""

    number: BigInt


def before(position: Before | None) -> int:
    """The number that the next rows come before."""
    return 2**63 - 1 if position is None else position.number


class CsvResponse(Response):
    """A CSV file (RFC 4180) whose first line has the names of the columns."""

    media_type = "text/csv; charset=utf-8; header=present"


@dataclass(frozen=True)
class CsvForm:
    """How a CSV file is asked for."""

    has_iso_times: bool
    has_bom: bool

    def write(self, columns: Iterable[str], rows: Iterable[msgspec.Struct]) -> tuple[str, int]:
        """Write the first rows, at most MAX_RESPONSE_BYTES, and count them."""
        names = tuple(columns)
        iso = {name for name in names if self.has_iso_times and is_moment(name)}
        lines = [_line(names)]
        size = len(lines[0])
        for row in rows:
            given = [(name, getattr(row, name)) for name in names]
            line = _line([iso_time(one) if name in iso else cell(one) for name, one in given])
            size += len(json.dumps(line))
            if size > MAX_RESPONSE_BYTES:
                break
            lines.append(line)
        mark = "\ufeff" if self.has_bom else ""
        return mark + "".join(lines), len(lines) - 1


def csv_form(
    times: Annotated[
        Literal["ms", "iso"],
        Query(
            description="how moments are written: milliseconds since the epoch, or ISO 8601 in UTC "
            "such as `2026-03-01T18:30:00.000Z`"
        ),
    ] = "ms",
    bom: Annotated[
        Literal["false", "true"],
        Query(
            description="whether the file begins with a byte-order mark, without which Excel takes "
            "it for another encoding than UTF-8"
        ),
    ] = "false",
) -> CsvForm:
    return CsvForm(has_iso_times=times == "iso", has_bom=bom == "true")


TheCsvForm = Annotated[CsvForm, Depends(csv_form)]


def is_moment(column: str) -> bool:
    """Whether a column has moments, in milliseconds since the epoch: its name says so."""
    return column == "at" or column.endswith(("_at", "_since"))


def iso_time(milliseconds: int | None) -> str | None:
    """A moment as ISO 8601 (and RFC 3339) in UTC, to the millisecond."""
    if milliseconds is None:
        return None
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


LIST_ERRORS = documented(BAD_REQUEST, FOREIGN_CURSOR)
"""What a route that lists may answer beside 200; some have more."""

CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {CsvResponse.media_type: {"schema": {"type": "string"}}}}
}
"""The 200 of a route for CSV. As a `response_class` it would document the errors as CSV, too."""


class Cursor(Generic[P]):
    """The cursors of one list with its filters. A position is a NamedTuple."""

    def __init__(self, name: str, filters: Sequence[object], position: type[P]) -> None:
        self._mark = hashlib.sha256(repr((name, filters)).encode()).hexdigest()[:12]
        self._position = position

    def write(self, position: P) -> str:
        """Write the cursor of the page after this position."""
        parts = [self._mark, *position]
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), default=str)
        return base64.urlsafe_b64encode(text.encode()).decode()

    def read(self, cursor: str) -> P:
        """Read a position. Raises ApiError for a cursor that is not of this list."""
        try:
            mark, *parts = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            position: P = msgspec.convert(parts, self._position)
        except UNREADABLE as error:
            raise ApiError.of(FOREIGN_CURSOR) from error
        if mark != self._mark:
            raise ApiError.of(FOREIGN_CURSOR)
        return position


@dataclass(frozen=True)
class Listing(Generic[R, P]):
    """One list with its filters. `fetch(position, limit)` reads rows; None: from the start."""

    cursor: Cursor[P]
    columns: Iterable[str]
    fetch: Callable[[P | None, int], Awaitable[list[R]]]
    position: Callable[[R], P]

    async def page(self, after: str | None, limit: int) -> tuple[list[R], str | None]:
        """Return the rows after a cursor and the next cursor, None on the last page.

        A page has at most `limit` rows, and no more than fit into one response. Raises ApiError.
        """
        rows = await self.fetch(self._read(after), limit)
        page = rows[: _count_fitting(rows)]
        is_last = len(page) == len(rows) < limit
        return page, None if is_last else self.cursor_after(page)

    async def csv(self, request: Request, form: CsvForm, after: str | None) -> CsvResponse:
        """Return the rows that fit into one response, and a `Link` to the next. Raises ApiError."""
        rows = await self.fetch(self._read(after), MAX_CSV_ROWS)
        text, written = form.write(self.columns, rows)
        response = CsvResponse(text)
        if written < len(rows) or written == MAX_CSV_ROWS:
            query = [pair for pair in request.query_params.multi_items() if pair[0] != "after"]
            query.append(("after", self.cursor_after(rows[:written])))
            response.headers["link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
        return response

    def cursor_after(self, rows: Sequence[R]) -> str:
        """Write the cursor of the page after these rows."""
        return self.cursor.write(self.position(rows[-1]))

    def _read(self, after: str | None) -> P | None:
        return None if after is None else self.cursor.read(after)


def _count_fitting(rows: Sequence[msgspec.Struct]) -> int:
    """Count the rows that fit into one response."""
    size = 0
    for n, row in enumerate(rows):
        size += len(json.dumps(msgspec.structs.asdict(row), default=str))
        if size > MAX_RESPONSE_BYTES:
            return n
    return len(rows)


def _line(cells: Sequence[object]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


def cell(value: object) -> object:
    """Write a value as a cell: an apostrophe goes before a text that would run as a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
