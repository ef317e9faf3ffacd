"""The scheduled cleanup: finalizes sessions, and closes those whose $disconnect never arrived.

Runs every minute and may overlap itself. Each step has a bound, leaves the rest to the next run,
and fails alone: a log that cannot be pruned keeps no user online. An earlier step may not use up
the time of a later one (`UNTIL`).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec

from handlers.adapters.concurrency import RateLimiter, gather_within
from handlers.adapters.database import Unavailable
from handlers.adapters.gateway.api import MAX_CONCURRENT_CALLS
from handlers.adapters.gateway.errors import GatewayRejected, Undelivered, Unreachable
from handlers.adapters.settings import (
    database_cluster,
    grace,
    keep_event_days,
    keep_grant_days,
    keep_ledger_days,
    keep_presence_event_days,
    keep_session_months,
    keep_stream_months,
    limits,
    sweep_requests_per_second,
)
from handlers.core import failure_detection
from handlers.core.failure_detection import CLEAR, Answer
from handlers.core.limits import Limits
from handlers.core.metrics import SWEEP, counts_of
from handlers.core.operations import forget, sweep
from handlers.core.operations.erase import ErasePart, ListErasuresUnderWay
from handlers.core.operations.maintenance import (
    Finalize,
    IsClockSteady,
    KeepDays,
    KeepMonths,
    NoticeRestore,
    Prune,
    PruneLag,
    PruneStreams,
    PruneWebhookEvents,
    RollUp,
    RollUpLag,
    set_line_limits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handlers.core.failure_detection import ListedConnection
    from handlers.core.operation import RowT, Statement
    from handlers.core.operations.forget import GoneConnection
    from handlers.core.operations.maintenance import PartitionsRow

log = logging.getLogger(__name__)

# By which share of the run's time a step begins nothing new. What is left at the end covers the
# last statement: the database has ten seconds for one, and needs a tenth of one.
UNTIL = {
    "notice_restore": 0.2,
    "finalize": 0.3,
    "prune": 0.4,
    "roll_up": 0.43,
    "erase": 0.45,
    "probe": 0.5,
    "sweep": 0.75,
    "look_up": 0.8,
    "evict": 0.95,
}

RENUMBER_BATCH_SIZE = 10_000
FINALIZE_BATCH_SIZE = 5_000
PRUNE_BATCH_SIZE = 10_000
# One quarter hour becomes final every 15 minutes, and takes seconds with 640,000 online. After an
# outage a run makes up for four hours.
ROLL_UP_BATCH_SIZE = 1
MAX_ROLL_UPS = 16
# Sessions of a page, or a second's requests if these are fewer: a page is done soon.
PAGE_SIZE = 500
# Requests of so long begin together.
BEAT_SECONDS = 0.02
# Pages in a row without a clear answer: the gateway is down, or refuses us.
MAX_UNCLEAR_PAGES = 10
EVICT_BATCH_SIZE = 2_000


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class Gateway(Protocol):
    async def is_open(self, node: str, connection_id: str) -> bool:
        """Raises Undelivered."""
        ...


class Keep(msgspec.Struct, frozen=True):
    """For how long rows are kept, by their kind. 0: for ever."""

    session_months: int
    ledger_days: int
    grant_days: int
    event_days: int
    presence_event_days: int
    stream_months: int

    @property
    def bonuses(self) -> timedelta | None:
        """Until no list needs its reward; None: for ever."""
        days = (self.ledger_days, self.grant_days)
        return timedelta(days=max(days)) if all(days) else None

    @property
    def events(self) -> timedelta | None:
        return timedelta(days=self.event_days) or None

    @property
    def presence_events(self) -> timedelta | None:
        return timedelta(days=self.presence_event_days) or None


class Settings(msgspec.Struct, frozen=True):
    grace: timedelta
    requests_per_second: int
    database_cluster: str | None
    keep: Keep
    limits: Limits


def read_settings() -> Settings:
    """What the function's environment says. Raises Contradiction."""
    keep = Keep(
        keep_session_months(),
        keep_ledger_days(),
        keep_grant_days(),
        keep_event_days(),
        keep_presence_event_days(),
        keep_stream_months(),
    )
    return Settings(grace(), sweep_requests_per_second(), database_cluster(), keep, limits())


class SweepRun:
    """One run for an app, and its numbers. What it learns about the nodes ends with it."""

    def __init__(
        self,
        database: Database,
        gateway: Gateway,
        settings: Settings,
        remaining_ms: Callable[[], int],
    ) -> None:
        self._database, self._gateway, self._settings = database, gateway, settings
        self._remaining_ms, self._given_ms = remaining_ms, remaining_ms()
        self._rate_limiter = RateLimiter(settings.requests_per_second, BEAT_SECONDS)
        self._nodes = failure_detection.Nodes()
        self._last_error = ""
        self._may_remove = False
        self.failures: list[Unavailable] = []
        self.numbers: dict[str, float] = dict.fromkeys(counts_of(SWEEP), 0)

    async def run(self) -> dict[str, float]:
        """Do all steps and return what was done. Raises the first failure, after the last step."""
        try:
            await self._all_steps()
        finally:
            self.numbers["duration_ms"] = self._elapsed_ms()
        if self.failures:
            raise self.failures[0]
        return self.numbers

    async def _all_steps(self) -> None:
        for step in (
            self.notice_restore,
            self.set_line_limits,
            self.finalize,
            self.prune,
            self.keep_partitions,
            self.roll_up,
            self.erase,
            self.probe_nodes,
            self.sweep_pages,
            self.evict_nodes,
        ):
            try:
                await step()
            except Unavailable as error:
                log.error("%s: %s", step.__name__, error)
                self.failures.append(error)

    async def notice_restore(self) -> None:
        """First: until then clients go on from numbers that a restored database gives again."""
        statement = NoticeRestore(self._settings.database_cluster, RENUMBER_BATCH_SIZE)
        is_full = True
        while is_full and self._has_time("notice_restore"):
            row = await self._database.fetch_one(statement)
            if row.is_restored:
                self.numbers["restores_noticed"] += 1
                log.warning("the database was restored or copied: clients and readers begin again")
            is_full = row.renumbered == RENUMBER_BATCH_SIZE

    async def set_line_limits(self) -> None:
        """Early: it is quick, and in a storm all else may take its time."""
        row = await self._database.fetch_one(set_line_limits(self._settings.limits))
        self.numbers["connections"] = row.connections
        self.numbers["reconnect_within_ms"] = row.reconnect_within_ms

    async def finalize(self) -> None:
        is_behind = True
        while is_behind and self._has_time("finalize"):
            row = await self._database.fetch_one(Finalize(FINALIZE_BATCH_SIZE))
            self.numbers["presence_events_recorded"] += row.events
            is_behind = row.is_behind

    async def prune(self) -> None:
        """Before the sweep: a session can be swept later, but a log only grows."""
        self._may_remove = await self._database.fetch_one(IsClockSteady())
        if not self._may_remove:
            log.warning(
                "nothing is removed: the clock jumped within the last hours, or stood still"
            )
            return
        kept = self._settings.keep
        keep = (kept.events, kept.presence_events, kept.bonuses)
        statement = Prune(*keep, PRUNE_BATCH_SIZE)
        is_full = True
        while is_full and self._has_time("prune"):
            row = await self._database.fetch_one(statement)
            pruned = msgspec.structs.asdict(row)
            for name, count in pruned.items():
                self.numbers[f"pruned_{name}"] += count
            is_full = PRUNE_BATCH_SIZE in pruned.values()
        events = await self._database.fetch_one(PruneWebhookEvents(PRUNE_BATCH_SIZE))
        self.numbers["pruned_webhook_events"] = events
        if kept.stream_months:
            streams = PruneStreams(kept.stream_months, PRUNE_BATCH_SIZE)
            pruned_streams = await self._database.fetch_one(streams)
            self.numbers["pruned_streams"] = pruned_streams
        self.numbers["prune_behind_seconds"] = await self._database.fetch_one(PruneLag(*keep))

    async def keep_partitions(self) -> None:
        months, days = self._settings.keep.session_months, self._settings.keep.ledger_days
        await self._keep("months", KeepMonths(months if self._may_remove else 0))
        await self._keep("days", KeepDays(days if self._may_remove else 0))

    async def _keep(self, units: str, statement: Statement[PartitionsRow]) -> None:
        """While a report holds the lock, new rows wait in the default partition."""
        try:
            row = await self._database.fetch_one(statement)
        except Unavailable as error:
            log.warning("partitions by %s wait for the next run: %s", units, error)
            return
        self.numbers[f"{units}_made"] = len(row.made)
        self.numbers[f"{units}_dropped"] = len(row.dropped)

    async def roll_up(self) -> None:
        """Reports over weeks read these sums; until they are made, they read the sessions."""
        # First: its alarm needs it most when the sums fail each time, or have no time.
        self.numbers["rollups_behind_seconds"] = await self._database.fetch_one(RollUpLag())
        for _ in range(MAX_ROLL_UPS):
            if not self._has_time("roll_up"):
                break
            try:
                row = await self._database.fetch_one(RollUp(ROLL_UP_BATCH_SIZE))
            except Unavailable as error:
                log.warning("the sums of the next quarter hour wait for the next run: %s", error)
                break
            self.numbers["quarters_rolled_up"] += row.quarters
            self.numbers["rollups_behind_seconds"] = row.behind_seconds
            if not row.is_behind:
                break

    async def erase(self) -> None:
        """Go on with erasures whose request ended before they were done."""
        under_way = await self._database.fetch(ListErasuresUnderWay())
        self.numbers["erasures_under_way"] = len(under_way)
        for erasure_id in under_way:
            while self._has_time("erase"):
                if await self._database.fetch_one(ErasePart(erasure_id)):
                    break

    async def probe_nodes(self) -> None:
        """Ask nodes first that could not be reached: then the pages lose no time to them."""
        nodes = await self._database.fetch(sweep.ListUnreachableNodes())
        await self._look_up(failure_detection.probes(nodes), "probe")

    async def sweep_pages(self) -> None:
        """Go on where the last run stopped, to the end of the cycle at most."""
        has_more, unclear_pages = True, 0
        limit = min(PAGE_SIZE, self._settings.requests_per_second)
        while has_more and unclear_pages < MAX_UNCLEAR_PAGES and self._has_time("sweep"):
            page = sweep.page(await self._database.fetch_one(sweep.Sweep(limit)))
            answers = await self._look_up(page.to_look_up, "look_up")
            await self._conclude(page, answers)
            has_more = page.has_more
            is_unclear = page.to_look_up and not CLEAR & set(answers.values())
            unclear_pages = unclear_pages + 1 if is_unclear else 0
            self.numbers["cycle_age_seconds"] = page.cycle_age_seconds
        if self._last_error:
            log.warning("%d unanswered, the last: %s", self.numbers["unanswered"], self._last_error)

    async def evict_nodes(self) -> None:
        """All connections of a dead node have ended with it; they are not looked up."""
        self.numbers["unreachable_nodes"] = len(self._nodes.unreachable)
        statement = sweep.record(self._nodes, self._settings.grace)
        for node in await self._database.fetch(statement):
            await self._evict(node)

    async def _conclude(self, page: sweep.Page, answers: dict[ListedConnection, Answer]) -> None:
        """In this order: if the run dies on the way, the page does not count as finished."""
        gone = sweep.gone(page, answers)
        self.numbers["expired"] += len(page.expired)
        self.numbers["gone"] += len(gone) - len(page.expired)
        self.numbers["unanswered"] += sum(answer not in CLEAR for answer in answers.values())
        await self._forget(gone)
        if suspicions := sweep.suspicions(answers):
            await self._database.fetch(suspicions)
        await self._database.fetch(sweep.finish(page))

    async def _look_up(
        self, connections: Sequence[ListedConnection], until: str
    ) -> dict[ListedConnection, Answer]:
        """Ask API Gateway for each, so many at a time, and stop waiting in time."""
        answers = dict.fromkeys(connections, Answer.UNASKED)
        waiting = iter(connections)

        async def ask_in_turn() -> None:
            for one in waiting:
                if self._nodes.is_worth_asking(one.node):
                    await self._rate_limiter.turn()
                    self.numbers["asked"] += 1
                    answers[one] = await self._ask(one)
                    self._nodes.record(one.node, answers[one])

        callers = [ask_in_turn() for _ in range(min(MAX_CONCURRENT_CALLS, len(connections)))]
        await gather_within(callers, self._left_ms(until) / 1000)
        return answers

    async def _ask(self, one: ListedConnection) -> Answer:
        try:
            is_open = await self._gateway.is_open(one.node, one.connection_id)
        except Undelivered as error:
            self._last_error = f"{one.node}: {error}"
            return _answer(error)
        return Answer.ALIVE if is_open else Answer.GONE

    async def _evict(self, node: str) -> None:
        after: sweep.NodeConnection | None = None
        while self._has_time("evict"):
            statement = sweep.list_node_connections(node, after, EVICT_BATCH_SIZE)
            rows = await self._database.fetch(statement)
            if not rows:
                await self._database.fetch(sweep.node_evicted(node, self._settings.grace))
                break
            await self._forget(sweep.evicted(node, rows))
            self.numbers["node_evicted"] += len(rows)
            after = rows[-1]

    async def _forget(self, gone: Sequence[GoneConnection]) -> None:
        if gone:
            statement = forget.statement(gone, self._settings.grace)
            closed = await self._database.fetch_one(statement)
            self.numbers["closed"] += closed

    def _has_time(self, step: str) -> bool:
        return self._left_ms(step) > 0

    def _left_ms(self, step: str) -> float:
        return max(0.0, UNTIL[step] * self._given_ms - self._elapsed_ms())

    def _elapsed_ms(self) -> int:
        return self._given_ms - self._remaining_ms()


def _answer(error: Undelivered) -> Answer:
    match error:
        case Unreachable():
            return Answer.SILENT
        case GatewayRejected():
            return Answer.REFUSED
    return Answer.UNASKED
