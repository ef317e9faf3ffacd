"""A list of the API, page by page to its end, as lines of JSON or as CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from headcount.api import Api, Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headcount.api import Answer

MAX_ROWS = 1_000
"""Of a page of JSON."""

Pairs = list[tuple[str, str]]


class Page(NamedTuple):
    data: bytes
    rows: int
    following: str | None
    """The cursor behind this page. Of a list that grows, the last page has one, too."""
    is_last: bool


def json_pages(
    api: Api, path: str, query: Pairs, after: str | None, *, is_paged: bool = True
) -> Iterator[Page]:
    """Lines of JSON, one for each item. Raises Failed."""
    limit = [("limit", str(MAX_ROWS))] if is_paged else []
    while True:
        page = api.get(path, [*query, *limit, *_cursor(after)])
        items: Sequence[Any] = page["items"]
        following = page.get("next")
        is_last = not page.get("has_more", following is not None)
        data = "".join(json.dumps(item) + "\n" for item in items).encode()
        yield Page(data, len(items), following, is_last)
        if is_last:
            return
        after = following


def csv_pages(api: Api, path: str, query: Pairs, after: str | None) -> Iterator[Page]:
    """CSV as the API writes it. The header stands before the first row of the list only.

    Raises Failed.
    """
    first = [("bom", "true")] if ("bom", "true") in query else []
    query = [pair for pair in query if pair not in first]
    while True:
        more = first if after is None else []
        answer = api.send(Request("GET", f"{path}.csv", query=[*query, *more, *_cursor(after)]))
        _header, _, rows = answer.body.partition(b"\r\n")
        following = _next_of(answer)
        count = _count_rows(rows)
        yield Page(answer.body if after is None else rows, count, following, following is None)
        if following is None:
            return
        after = following


def _cursor(after: str | None) -> Pairs:
    return [] if after is None else [("after", after)]


def _next_of(answer: Answer) -> str | None:
    """The cursor in `Link: <…?after=…>; rel="next"`."""
    link = answer.headers.get("link")
    if not link:
        return None
    address = link.partition("<")[2].partition(">")[0]
    return parse_qs(urlsplit(address).query)["after"][0]


def _count_rows(rows: bytes) -> int:
    """Ends of lines that are not in quotes."""
    return sum(part.count(b"\r\n") for part in rows.split(b'"')[::2])
