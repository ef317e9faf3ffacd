"""The scheduled cleanup: connections whose $disconnect never came leave their sessions."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.adapters.connections import Undelivered
from handlers.adapters.container import Container, Event, live
from handlers.core import forget, sweep
from handlers.core.happening import Query

if TYPE_CHECKING:
    from handlers.core.sweep import Listed

log = logging.getLogger(__name__)

# About a tenth of the account's 10,000 requests/s (APIGW.md §12.2) while a page is asked for.
PAGE = 1_000
# Pages per run: bounded, so that a run ends before the next one a minute later begins.
PAGES = 20
RESERVE_MS = 5_000
KEEP_EVENTS = timedelta(days=1)
PRUNE_AT_MOST = 50_000


def handle(_event: Event, context: Any, container: Container) -> dict[str, int]:
    """Look at the next pages of open connections. Returns and logs what was found."""
    numbers = container.run(_sweep(context, container))
    log.info("sweep %s", json.dumps(numbers))
    return numbers


async def _sweep(context: Any, container: Container) -> dict[str, int]:
    numbers = {"looked_at": 0, "gone": 0, "closed": 0}
    for _ in range(PAGES):
        page = sweep.listed(await container.database.fetch(sweep.query(PAGE)))
        gone = [sweep.expired(one) for one in page if one.expired]
        gone += await _found_gone([one for one in page if not one.expired], container)
        numbers["looked_at"] += len(page)
        numbers["gone"] += len(gone)
        if gone:
            row = await container.database.fetch_one(forget.query(gone))
            numbers["closed"] += int(str(row["closed"]))
        if len(page) < PAGE or context.get_remaining_time_in_millis() < RESERVE_MS:
            break
    pruned = await container.database.fetch_one(Query("prune", (KEEP_EVENTS, PRUNE_AT_MOST)))
    return numbers | {name: int(str(count)) for name, count in pruned.items()}


async def _found_gone(connections: list[Listed], container: Container) -> list[forget.Gone]:
    async def ask(one: Listed) -> forget.Gone | None:
        try:
            is_open = await container.connections.is_open(one.node, one.connection_id)
        except Undelivered as error:
            log.warning("cannot ask for %s: %s", one.connection_id, error)
            return None
        return None if is_open else sweep.swept(one)

    answers = await asyncio.gather(*(ask(one) for one in connections))
    return [gone for gone in answers if gone]


handler = live(handle, Container)
