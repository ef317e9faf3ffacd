"""The scheduled cleanup: connections whose $disconnect never came leave their sessions."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.adapters.connections import Undelivered
from handlers.adapters.container import Container, Event, live
from handlers.adapters.settings import grace
from handlers.adapters.together import together
from handlers.core import forget, sweep
from handlers.core.happening import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.forget import Gone

log = logging.getLogger(__name__)

# About a tenth of the account's 10,000 requests/s (APIGW.md §12.2) while a page is asked for.
PAGE = 1_000
# Pages per run: bounded, so that a run ends before the next one a minute later begins.
PAGES = 20
RESERVE_MS = 5_000
KEEP_EVENTS = timedelta(days=1)
KEEP_FACTS = timedelta(days=7)
PRUNE_AT_ONCE = 10_000


def handle(_event: Event, context: Any, container: Container) -> dict[str, int]:
    """Look at the next pages of open connections. Returns and logs what was found."""
    numbers = container.run(_prune(context, container))
    numbers |= container.run(_sweep(context, container))
    log.info("sweep %s", json.dumps(numbers))
    return numbers


async def _sweep(context: Any, container: Container) -> dict[str, int]:
    numbers = {"asked": 0, "gone": 0, "closed": 0, "unanswered": 0}
    has_more = True
    for _ in range(PAGES):
        left_ms = context.get_remaining_time_in_millis() - RESERVE_MS
        if not has_more or left_ms < 0:
            break
        page = sweep.page(await container.database.fetch_one(sweep.query(PAGE)))
        has_more = page.has_more
        answers = await _ask(page.to_ask, container, left_ms / 1000)
        gone = [*page.expired, *answers.gone]
        numbers["asked"] += len(page.to_ask)
        numbers["gone"] += len(gone)
        numbers["unanswered"] += answers.unanswered
        if gone:
            row = await container.database.fetch_one(forget.query(gone, grace()))
            numbers["closed"] += int(str(row["closed"]))
        if not answers.unanswered:
            await container.database.fetch(sweep.asked(page))
    return numbers


@dataclass
class _Answers:
    gone: list[Gone] = field(default_factory=list)
    unanswered: int = 0


async def _ask(which: Sequence[Gone], container: Container, within_seconds: float) -> _Answers:
    """Ask API Gateway for each, and stop waiting in time: a node may be out of reach."""
    answers = _Answers(unanswered=len(which))

    async def ask(one: Gone) -> None:
        try:
            is_open = await container.connections.is_open(one.node, one.connection_id)
        except Undelivered as error:
            log.warning("cannot ask for %s: %s", one.connection_id, error)
            return
        answers.unanswered -= 1
        if not is_open:
            answers.gone.append(one)

    await together([ask(one) for one in which], within_seconds)
    return answers


async def _prune(context: Any, container: Container) -> dict[str, int]:
    """Before the sweep: what is not swept today is swept tomorrow, but a log only grows."""
    numbers = {"tickets": 0, "events": 0, "facts": 0}
    while context.get_remaining_time_in_millis() > RESERVE_MS:
        row = await container.database.fetch_one(
            Query("prune", (KEEP_EVENTS, KEEP_FACTS, PRUNE_AT_ONCE))
        )
        pruned = {name: int(str(count)) for name, count in row.items()}
        numbers = {name: numbers[name] + pruned[name] for name in numbers}
        if max(pruned.values()) < PRUNE_AT_ONCE:
            break
    return numbers


handler = live(handle, Container)
