"""Tell an audience about a bonus, its cancellation or news: put the broadcast into the queue."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID, uuid5

import msgspec

from handlers.adapters.queue import NotQueued
from handlers.core.operation import Json, Statement
from handlers.core.operations.broadcast import Broadcast
from handlers.core.operations.maintenance import MarkBroadcastQueued
from handlers.services import broadcast as broadcasts
from handlers.services.errors import Conflict, QueueUnavailable, Unavailable, WindowOver

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from handlers.core.operation import RowT

log = logging.getLogger(__name__)

# DelaySeconds of SQS has at most so many.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
# (2026-11-30)
MAX_DELAY_SECONDS = 900


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class Queue(Protocol):
    async def enqueue(self, broadcast: Broadcast) -> None: ...
    async def enqueue_backup(self, broadcast: Broadcast) -> None: ...
    async def wake(self, broadcast: Broadcast, delay_seconds: int = 0) -> None: ...


@dataclass(frozen=True)
class Ports:
    """What an announcement needs."""

    database: Database
    queue: Queue
    worker_ports: Callable[[], broadcasts.Ports]
    """What a worker needs, built when one works here."""


class BroadcastRow(msgspec.Struct, frozen=True):
    """A broadcast and how far it has come, over all its rounds."""

    broadcast_id: UUID
    kind: str
    news: Json | None
    audience: str
    resource: str | None
    at: int
    expires_at: int
    cancelled_at: int | None
    """Of news."""
    is_queued: bool
    ordered_by: str | None
    """Of news: the name of the key."""
    rounds: int
    shards: int
    shards_done: int
    sent: int
    gone: int
    undelivered: int
    dropped: int
    is_done: bool
    done_at: int | None
    server_now: int


class FindBroadcast(Statement[BroadcastRow], frozen=True):
    """No row: there is none, or it was pruned a day after its end."""

    query: ClassVar[str] = "broadcast"
    broadcast_id: UUID


async def find_broadcast(database: Database, broadcast_id: UUID) -> BroadcastRow | None:
    """None: it has not begun, or was pruned."""
    rows = await database.fetch(FindBroadcast(broadcast_id))
    return rows[0] if rows else None


def is_repeated(outcome: str) -> bool:
    """Whether the same request came before. Raises Conflict or WindowOver."""
    if outcome == "conflict":
        raise Conflict
    if outcome == "window_over":
        raise WindowOver
    return outcome == "repeated"


def cancel_id_of(broadcast_id: UUID) -> UUID:
    """Name the broadcast of a cancellation: always the same, so the audience is told once."""
    return uuid5(broadcast_id, "cancel")


async def announce(ports: Ports, broadcast_id: UUID) -> None:
    """Enqueue a broadcast, unless it was enqueued before. Raises QueueUnavailable.

    The broadcast is enqueued before that is recorded: a crash in between enqueues it twice, but
    never loses it.
    """
    for broadcast in await _unqueued(ports, broadcast_id):
        await _record(ports, broadcast_id, ports.queue.enqueue(broadcast))


async def announce_to_few(ports: Ports, broadcast_id: UUID) -> None:
    """Push a broadcast to its few users from here, and enqueue a backup meanwhile, unless that was
    done before.

    The pushes do not wait for the queue. Should it fail, the schedule of awards is the backup: it
    enqueues each broadcast of which nothing is recorded, in a minute.
    """
    for broadcast in await _unqueued(ports, broadcast_id):
        await asyncio.gather(
            _eventually(
                broadcast_id, _record(ports, broadcast_id, ports.queue.enqueue_backup(broadcast))
            ),
            broadcasts.broadcast_here(ports.worker_ports(), broadcast),
        )


async def announce_eventually(ports: Ports, broadcast_id: UUID) -> None:
    """Enqueue a broadcast now, or leave it to the schedule of awards, which does it in a minute."""
    await _eventually(broadcast_id, announce(ports, broadcast_id))


async def wake_when_due(ports: Ports, broadcast: Broadcast, due_in_ms: int) -> None:
    """Wake a worker a little before a scheduled broadcast is due: it waits for the rest.

    What is later than a queue can delay is left to the schedule of awards, and so is all if the
    queue fails.
    """
    delay_seconds = max(0, due_in_ms) // 1000
    if delay_seconds <= MAX_DELAY_SECONDS:
        waking = ports.queue.wake(broadcast, delay_seconds)
        await _eventually(
            UUID(broadcast.broadcast_id), _record(ports, UUID(broadcast.broadcast_id), waking)
        )


async def _unqueued(ports: Ports, broadcast_id: UUID) -> list[Broadcast]:
    rows = await ports.database.fetch(FindBroadcast(broadcast_id))
    waiting = [row for row in rows if not row.is_queued]
    for row in waiting:
        log.info("broadcast %s: %s for %s", broadcast_id, row.kind, row.audience)
    return [Broadcast(str(broadcast_id), is_news=row.kind == "news") for row in waiting]


async def _record(ports: Ports, broadcast_id: UUID, enqueuing: Coroutine[Any, Any, None]) -> None:
    try:
        await enqueuing
    except NotQueued as error:
        raise QueueUnavailable(str(error)) from error
    with suppress(Unavailable):
        await ports.database.fetch(MarkBroadcastQueued(broadcast_id))


async def _eventually(broadcast_id: UUID, announcing: Coroutine[Any, Any, None]) -> None:
    try:
        await announcing
    except QueueUnavailable as error:
        log.warning("broadcast %s is left to the schedule: %s", broadcast_id, error)
