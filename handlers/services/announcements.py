"""Tell an audience about a bonus, its cancellation or news: put the broadcast into the queue."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol
from uuid import UUID

import msgspec

from handlers.adapters.queue import NotQueued
from handlers.core.operation import Json, Statement
from handlers.core.operations.broadcast import Broadcast
from handlers.core.operations.maintenance import MarkBroadcastQueued
from handlers.services import broadcast as broadcasts
from handlers.services.errors import Conflict, QueueUnavailable, Unavailable, WindowOver

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.operation import RowT

log = logging.getLogger(__name__)


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class Queue(Protocol):
    async def enqueue(self, broadcast: Broadcast) -> None: ...
    async def enqueue_backup(self, broadcast: Broadcast) -> None: ...


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
    is_queued: bool
    rounds: int
    shards: int
    shards_done: int
    sent: int
    gone: int
    undelivered: int
    dropped: int
    is_done: bool
    done_at: int | None


class FindBroadcast(Statement[BroadcastRow], frozen=True):
    """No row: there is none, or it was pruned a day after its end."""

    query: ClassVar[str] = "broadcast"
    broadcast_id: UUID


def is_repeated(outcome: str) -> bool:
    """Whether the same request came before. Raises Conflict or WindowOver."""
    if outcome == "conflict":
        raise Conflict
    if outcome == "window_over":
        raise WindowOver
    return outcome == "repeated"


async def announce(ports: Ports, broadcast_id: UUID, *, is_for_few: bool = False) -> None:
    """Enqueue a broadcast, unless it was enqueued before. Raises QueueUnavailable.

    A few users are told from here, before this returns. The broadcast is enqueued before that is
    recorded: a crash in between enqueues it twice, but never loses it.
    """
    for row in await ports.database.fetch(FindBroadcast(broadcast_id)):
        if row.is_queued:
            continue
        broadcast = Broadcast(str(broadcast_id), is_news=row.kind == "news")
        try:
            if is_for_few:
                await ports.queue.enqueue_backup(broadcast)
            else:
                await ports.queue.enqueue(broadcast)
        except NotQueued as error:
            raise QueueUnavailable(str(error)) from error
        with suppress(Unavailable):
            await ports.database.fetch(MarkBroadcastQueued(broadcast_id))
        if is_for_few:
            await broadcasts.broadcast_here(ports.worker_ports(), broadcast)


async def announce_eventually(ports: Ports, broadcast_id: UUID) -> None:
    """Enqueue a broadcast now, or leave it to the schedule of awards, which does it in a minute."""
    try:
        await announce(ports, broadcast_id)
    except QueueUnavailable as error:
        log.warning("broadcast %s is left to the schedule: %s", broadcast_id, error)
