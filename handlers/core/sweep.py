"""sweep: a page of the connections that sessions list as open."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.core.forget import Gone
from handlers.core.happening import Query

if TYPE_CHECKING:
    from handlers.core.happening import Row


@dataclass(frozen=True)
class Page:
    """Some of the sessions, in order; a cycle of pages looks at all of them."""

    cycle_started_at: object
    has_more: bool
    expired: tuple[Gone, ...]
    """Two hours old: API Gateway has ended them, nobody needs to ask."""
    to_ask: tuple[Gone, ...]
    """Those that are gone if API Gateway says so."""


def query(limit: int) -> Query:
    return Query("sweep", (limit,))


def page(row: Row) -> Page:
    listed = json.loads(str(row["connections"]))
    return Page(
        row["cycle_started_at"],
        bool(row["has_more"]),
        tuple(Gone(u, n, c, "expired") for u, n, c, is_expired, _ in listed if is_expired),
        tuple(Gone(u, n, c, "swept") for u, n, c, is_expired, _ in listed if not is_expired),
    )


def asked(page: Page) -> Query:
    """The page is done: all of it was asked for, and what was gone is forgotten."""
    return Query("swept", (page.cycle_started_at,))
