"""Several Headcount stacks as one: each user has a cell, and what is for all goes to every cell.

Python's standard library only. Your backend asks this instead of a single stack.
"""

import hashlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Cell:
    """One stack. Users are found by its name, so that never changes."""

    name: str
    url: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to the HTTP API. Raises urllib.error.URLError."""
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)


class Cells:
    """All stacks of one product. Nothing is stored here."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = cells

    def of(self, user_id: str) -> Cell:
        """A user's cell, by rendezvous hashing: the cell that draws the highest number for them.

        Another cell takes its share from all the others, and no other user moves.
        """
        return max(self.cells, key=lambda cell: _draw(cell.name, user_id))

    def ticket(self, user_id: str, **more: object) -> Any:
        """A ticket of the user's cell: its `url` leads there, and all else follows from that."""
        return self.of(user_id).ask("POST", "/tickets", {"user_id": user_id, **more})

    def offer(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The same bonus in every cell that has a part of its audience and stock, by cell.

        `order` has a `bonus_id` of yours: if a cell fails, send the same order again.
        """
        orders = {
            cell: dict(order) | part
            for cell, part in self.parts(order).items()
            if part.get("stock") != 0
        }
        bonuses = self._all(lambda cell: cell.ask("POST", "/bonuses", orders[cell]), list(orders))
        return {cell.name: bonus for cell, bonus in bonuses.items()}

    def online(self) -> int:
        """How many users are online: each is in one cell, so numbers add up."""
        counts = self._all(lambda cell: cell.ask("GET", "/online/counts"), self.cells)
        return sum(one["users"] for one in counts.values())

    def watched_ms(self, begins_at: int, ends_at: int) -> int:
        """Watch time of all users between two moments of at most 1,000 days, in milliseconds."""
        path = f"/watch-time?by=day&limit=1000&from={begins_at}&to={ends_at}"
        answers = self._all(lambda cell: cell.ask("GET", path), self.cells)
        return sum(row["watched_ms"] for one in answers.values() for row in one["items"])

    def grants(self, cursors: dict[str, str | None]) -> Iterator[Any]:
        """Follow the grants of each cell, and move its cursor when all of a page were taken."""
        for cell in self.cells:
            has_more = True
            while has_more:
                after = cursors.get(cell.name)
                query = f"?after={urllib.parse.quote(after)}" if after else ""
                page = cell.ask("GET", f"/grants{query}")
                yield from page["items"]
                cursors[cell.name], has_more = page["next"], page["has_more"]

    def parts(self, order: Mapping[str, Any]) -> dict[Cell, dict[str, Any]]:
        """What of an order each cell gets: its own users of a list, and its share of a stock.

        Shares are equal, since the hash spreads users evenly, and depend on nothing else: an order
        that is sent again is cut the same.
        """
        audience, stock = order["audience"], order.get("stock")
        if audience["kind"] == "users":
            users: dict[Cell, list[str]] = {}
            for user_id in audience["user_ids"]:
                users.setdefault(self.of(user_id), []).append(user_id)
            if stock is not None:
                raise ValueError("a stock for listed users: list as many users as there are pieces")
            return {
                cell: {"audience": {"kind": "users", "user_ids": ids}}
                for cell, ids in users.items()
            }
        if stock is None:
            return {cell: {} for cell in self.cells}
        share, rest = divmod(stock, len(self.cells))
        return {cell: {"stock": share + (n < rest)} for n, cell in enumerate(self.cells)}

    def _all(self, ask: Any, cells: Sequence[Cell]) -> dict[Cell, Any]:
        """Ask at the same time: no cell's audience waits for another's."""
        with ThreadPoolExecutor(max(1, len(cells))) as pool:
            return dict(zip(cells, pool.map(ask, cells), strict=True))


def _draw(cell: str, user_id: str) -> bytes:
    return hashlib.sha256(f"{cell}\0{user_id}".encode()).digest()
