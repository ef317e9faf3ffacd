"""The scheduled cleanup: what is due becomes a fact, and who never said goodbye leaves.

Runs every minute and may overlap itself. Each step has a bound, leaves the rest to the next run,
and fails alone: a log that cannot be pruned keeps nobody online. An earlier step may not use up the
time of a later one (`UNTIL`).
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.adapters import metrics
from handlers.adapters.connections import AT_ONCE, Refused, Undelivered, Unreachable
from handlers.adapters.container import Container, Event, live
from handlers.adapters.database import Unavailable
from handlers.adapters.settings import grace, keep_session_months, sweep_requests_per_second
from handlers.adapters.together import Pace, together
from handlers.core import forget, sweep
from handlers.core.operation import Query
from handlers.core.sweep import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.core.forget import Gone
    from handlers.core.operation import Row
    from handlers.core.sweep import Listed, Page

log = logging.getLogger(__name__)

# By when of the run's time a step begins nothing new. What is left at the end covers the last
# statement: the database has ten seconds for one, and needs a tenth of one.
UNTIL = {"finalize": 0.3, "prune": 0.4, "probe": 0.5, "sweep": 0.75, "ask": 0.8, "lose": 0.95}

SETTLE_BATCH_SIZE = 5_000
PRUNE_BATCH_SIZE = 10_000
KEEP_EVENTS = timedelta(days=1)
KEEP_FACTS = timedelta(days=7)
# Sessions of a page, or a second's requests if these are fewer: a page is done soon.
PAGE = 500
# Pages in a row without one yes or no: nobody is there to ask, or nobody lets us.
IN_VAIN = 10
LOSE_BATCH_SIZE = 2_000

UNITS = dict.fromkeys(
    (
        "presence_events_recorded",
        "pruned_tickets",
        "pruned_events",
        "pruned_presence_events",
        "pruned_acks",
        "pruned_broadcasts",
        "pruned_limits",
        "months_made",
        "months_dropped",
        "asked",
        "unanswered",
        "expired",
        "gone",
        "node_evicted",
        "closed",
        "unreachable_nodes",
    ),
    "Count",
) | {"cycle_age_seconds": "Seconds", "duration_ms": "Milliseconds"}


def handle(_event: Event, context: Any, container: Container) -> dict[str, float]:
    """Do all steps; return, and tell CloudWatch, what was found. Raises the first failure."""
    run = Run(context, container)
    try:
        container.run(run.all())
    finally:
        run.numbers["duration_ms"] = run.elapsed_ms()
        metrics.put(run.numbers, UNITS, time.time_ns() // 1_000_000)
    if run.failures:
        raise run.failures[0]
    return run.numbers


class Run:
    """One run, and its numbers. What it knows of the nodes ends with it."""

    def __init__(self, context: Any, container: Container) -> None:
        self._context, self.container = context, container
        self._given_ms = context.get_remaining_time_in_millis()
        self._pace = Pace(sweep_requests_per_second())
        self._nodes = sweep.Nodes()
        self._complaint = ""
        self.failures: list[Unavailable] = []
        self.numbers: dict[str, float] = dict.fromkeys(
            (name for name, unit in UNITS.items() if unit == "Count"), 0
        )

    def elapsed_ms(self) -> int:
        elapsed: int = self._given_ms - self._context.get_remaining_time_in_millis()
        return elapsed

    async def all(self) -> None:
        for step in (
            self.finalize,
            self.prune,
            self.keep_months,
            self.probe_nodes,
            self.sweep_pages,
            self.lose_nodes,
        ):
            try:
                await step()
            except Unavailable as error:
                log.error("%s: %s", step.__name__, error)
                self.failures.append(error)

    async def finalize(self) -> None:
        """What is due becomes a fact, until nothing is."""
        is_behind = True
        while is_behind and self._has_time("finalize"):
            row = await self._fetch_one(Query("finalize", (SETTLE_BATCH_SIZE,)))
            self._count("presence_events_recorded", row["events"])
            is_behind = bool(row["is_behind"])

    async def prune(self) -> None:
        """Before the sweep: what is not swept now is swept later, but a log only grows."""
        is_full = True
        while is_full and self._has_time("prune"):
            row = await self._fetch_one(Query("prune", (KEEP_EVENTS, KEEP_FACTS, PRUNE_BATCH_SIZE)))
            for name, count in row.items():
                self._count(f"pruned_{name}", count)
            is_full = PRUNE_BATCH_SIZE in row.values()

    async def keep_months(self) -> None:
        """While a report holds the lock, past sessions wait in the default, and this for later."""
        try:
            row = await self._fetch_one(Query("keep_months", (keep_session_months(),)))
        except Unavailable as error:
            log.warning("months of past sessions wait for the next run: %s", error)
            return
        self.numbers["months_made"] = len(_names(row["made"]))
        self.numbers["months_dropped"] = len(_names(row["dropped"]))

    async def probe_nodes(self) -> None:
        """Ask first whoever could not be reached: it costs the pages no time then."""
        rows = await self.container.database.fetch(Query("unreachable_nodes", ()))
        await self._ask(sweep.probes(rows), "probe")

    async def sweep_pages(self) -> None:
        """Go on where the last run stopped, to the end of the cycle at most."""
        has_more, in_vain = True, 0
        limit = min(PAGE, sweep_requests_per_second())
        while has_more and in_vain < IN_VAIN and self._has_time("sweep"):
            page = sweep.page(await self._fetch_one(sweep.query(limit)))
            answers = await self._ask(page.to_ask, "ask")
            await self._conclude(page, answers)
            has_more = page.has_more
            is_in_vain = page.to_ask and not sweep.DECISIVE & set(answers.values())
            in_vain = in_vain + 1 if is_in_vain else 0
            self.numbers["cycle_age_seconds"] = page.cycle_age_seconds
        if self._complaint:
            log.warning("%d unanswered, the last: %s", self.numbers["unanswered"], self._complaint)

    async def lose_nodes(self) -> None:
        """Whoever was on a node that is lost is gone with it, without being asked for."""
        self.numbers["unreachable_nodes"] = len(self._nodes.unreachable)
        for row in await self.container.database.fetch(self._nodes.query(grace())):
            await self._lose(str(row["node"]))

    async def _conclude(self, page: Page, answers: dict[Listed, Answer]) -> None:
        """In this order: whoever dies on the way leaves a page that does not count as asked for."""
        gone = sweep.gone(page, answers)
        self._count("expired", len(page.expired))
        self._count("gone", len(gone) - len(page.expired))
        self._count("unanswered", sum(a not in sweep.DECISIVE for a in answers.values()))
        await self._forget(gone)
        if doubts := sweep.doubts(answers):
            await self.container.database.fetch(doubts)
        await self.container.database.fetch(sweep.asked(page))

    async def _ask(self, which: Sequence[Listed], until: str) -> dict[Listed, Answer]:
        """Ask API Gateway for each, so many at a time, and stop waiting in time."""
        answers = dict.fromkeys(which, Answer.UNASKED)
        waiting = iter(which)

        async def ask_in_turn() -> None:
            for one in waiting:
                if self._nodes.is_worth_asking(one.node):
                    await self._pace.turn()
                    self._count("asked", 1)
                    answers[one] = await self._ask_for(one)
                    self._nodes.hear(one.node, answers[one])

        callers = [ask_in_turn() for _ in range(min(AT_ONCE, len(which)))]
        await together(callers, self._left_ms(until) / 1000)
        return answers

    async def _ask_for(self, one: Listed) -> Answer:
        try:
            is_open = await self.container.connections.is_open(one.node, one.connection_id)
        except Undelivered as error:
            self._complaint = f"{one.node}: {error}"
            return _answer(error)
        return Answer.ALIVE if is_open else Answer.GONE

    async def _lose(self, node: str) -> None:
        after: Row | None = None
        while self._has_time("lose"):
            rows = await self.container.database.fetch(sweep.lost(node, after, LOSE_BATCH_SIZE))
            if not rows:
                await self.container.database.fetch(sweep.emptied(node, grace()))
                break
            await self._forget(sweep.lost_with(node, rows))
            self._count("node_evicted", len(rows))
            after = rows[-1]

    async def _forget(self, gone: Sequence[Gone]) -> None:
        if gone:
            row = await self._fetch_one(forget.query(gone, grace()))
            self._count("closed", row["closed"])

    async def _fetch_one(self, query: Query) -> Row:
        return await self.container.database.fetch_one(query)

    def _count(self, name: str, more: object) -> None:
        self.numbers[name] += int(str(more))

    def _has_time(self, step: str) -> bool:
        return self._left_ms(step) > 0

    def _left_ms(self, step: str) -> float:
        left: float = max(0.0, UNTIL[step] * self._given_ms - self.elapsed_ms())
        return left


def _answer(error: Undelivered) -> Answer:
    match error:
        case Unreachable():
            return Answer.SILENT
        case Refused():
            return Answer.REFUSED
    return Answer.UNASKED


def _names(column: object) -> list[str]:
    """A column of type text[]."""
    return list(column) if isinstance(column, list) else []


handler = live(handle, Container)
