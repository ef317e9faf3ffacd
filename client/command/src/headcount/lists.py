"""Lists of the API that grow, asked again and again for what is new."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headcount.run import Run

    Items = list[dict[str, Any]]
    Filters = Sequence[tuple[str, str]]

MAX_ROWS = ("limit", "1000")
SAY_EVERY_SECONDS = 2.0


class GrowingList(Protocol):
    def start(self) -> None:
        """Go on behind what is there already. Raises Failed."""

    def news(self) -> Items:
        """What was added since the last call, the oldest first. Raises Failed."""


class CursorList:
    """One that is read behind a cursor, the oldest first."""

    def __init__(self, run: Run, path: str, filters: Filters = ()) -> None:
        self._run, self._path, self._filters = run, path, [*filters, MAX_ROWS]
        self._after: str | None = None

    def start(self) -> None:
        """The API has no cursor of the end, so this reads what is kept, once."""
        rows, said_at, has_more = 0, time.monotonic(), True
        while has_more:
            items, has_more = self._page()
            rows += len(items)
            if time.monotonic() >= said_at + SAY_EVERY_SECONDS:
                said_at = time.monotonic()
                self._run.say(f"{rows:,} older entries passed over so far")

    def news(self) -> Items:
        found: Items = []
        has_more = True
        while has_more:
            items, has_more = self._page()
            found += items
        return found

    def _page(self) -> tuple[Items, bool]:
        cursor = [] if self._after is None else [("after", self._after)]
        page = self._run.api.get(self._path, [*self._filters, *cursor])
        self._after = page["next"]
        return page["items"], page["has_more"]


class NewestFirstList:
    """One that has its newest item first; `key` numbers the items, upwards."""

    def __init__(self, run: Run, path: str, key: str, filters: Filters = ()) -> None:
        self._run, self._path, self._key, self._filters = run, path, key, list(filters)
        self._last = 0

    def start(self) -> None:
        newest = self._run.api.get(self._path, [*self._filters, ("limit", "1")])["items"]
        self._last = newest[0][self._key] if newest else 0

    def news(self) -> Items:
        found: Items = []
        after: list[tuple[str, str]] = []
        while True:
            page = self._run.api.get(self._path, [*self._filters, *after])
            new = [item for item in page["items"] if item[self._key] > self._last]
            found += new
            if len(new) < len(page["items"]) or page["next"] is None:
                break
            after = [("after", page["next"])]
        if found:
            self._last = found[0][self._key]
        return found[::-1]
