"""A list of the HTTP API, page by page: as JSON, or as CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from fastapi import Request

    from handlers.adapters.cursors import Cursor
    from handlers.core.operation import Row

ROWS_OF_CSV = 10_000
# Of Lambda's 6 MB for an answer, which is JSON with the page or the CSV in a string.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
BYTES_OF_ANSWER = 5_000_000

# What a spreadsheet takes for a formula, and the apostrophe itself: then whoever reads takes one
# apostrophe away, and has the name again. https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = tuple("=+-@\t\r\n'＝＋－＠")  # noqa: RUF001  # the wide ones are meant


@dataclass(frozen=True)
class Listing:
    """One list with its filters. `fetch(position, limit)` reads a page; None: from the start."""

    cursor: Cursor
    columns: tuple[str, ...]
    fetch: Callable[[list[object] | None, int], Awaitable[list[Row]]]
    position: Callable[[Row], Sequence[object]]

    async def page(self, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        """The rows behind a cursor and the next one, None on the last page. Raises Refused.

        At most `limit`, and what fits into one answer.
        """
        rows = await self.fetch(self.cursor.read(after) if after is not None else None, limit)
        page = rows[: _fitting(rows)]
        is_last = len(page) == len(rows) < limit
        return page, None if is_last else self._next(page)

    async def csv(self, request: Request, after: str | None) -> Response:
        """As many rows as fit into one answer; `Link: <…>; rel="next"` leads on. Raises Refused."""
        position = self.cursor.read(after) if after is not None else None
        rows = await self.fetch(position, ROWS_OF_CSV)
        text, written = as_csv(self.columns, rows)
        answer = Response(text, media_type="text/csv; charset=utf-8; header=present")
        if written < len(rows) or written == ROWS_OF_CSV:
            query = [pair for pair in request.query_params.multi_items() if pair[0] != "after"]
            query.append(("after", self._next(rows[:written])))
            answer.headers["link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
        return answer

    def _next(self, rows: Sequence[Row]) -> str:
        return self.cursor.write(self.position(rows[-1]))


def _fitting(rows: Sequence[Row]) -> int:
    """How many rows fit into one answer."""
    size = 0
    for n, row in enumerate(rows):
        size += len(json.dumps(row, default=str))
        if size > BYTES_OF_ANSWER:
            return n
    return len(rows)


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> tuple[str, int]:
    """CSV (RFC 4180) of the first rows, at most BYTES_OF_ANSWER, and how many those are."""
    lines = [_line(columns)]
    size = len(lines[0])
    for row in rows:
        line = _line([cell(row[name]) for name in columns])
        size += len(json.dumps(line))
        if size > BYTES_OF_ANSWER:
            break
        lines.append(line)
    return "".join(lines), len(lines) - 1


def _line(cells: Sequence[object]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()


def cell(value: object) -> object:
    """A value as a cell: a name that a spreadsheet would run gets an apostrophe before it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
