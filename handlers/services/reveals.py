"""Reveals: content that all of an audience see at one instant."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, TypedDict
from uuid import UUID, uuid5

import msgspec

from handlers.adapters.settings import pushes_per_second
from handlers.core.operation import Json, Statement
from handlers.core.operations.broadcast import Broadcast
from handlers.core.sealing import seal
from handlers.services.announcements import (
    BroadcastRow,
    announce_eventually,
    cancel_id_of,
    find_broadcast,
    is_repeated,
    wake_when_due,
)
from handlers.services.errors import NotFound, TooSoon

if TYPE_CHECKING:
    from handlers.services.announcements import Database, Ports


class CreatedRow(msgspec.Struct, frozen=True):
    outcome: str
    """created, repeated, conflict or too_soon"""
    connections: int
    lead_ms: int
    """How long before the instant the key is told."""


class CreateReveal(Statement[CreatedRow], frozen=True):
    function: ClassVar[str] = "create_reveal"
    order_of: ClassVar[str] = "reveal_id"
    reveal_id: UUID
    content: Json
    sealed: str
    key: str
    audience: str
    resource: str | None
    reveals_in: timedelta
    reveals_at: datetime | None
    """Instead of `reveals_in`."""
    per_second: int
    key_id: UUID
    fingerprint: str


class CancelReveal(Statement[str | None], frozen=True):
    """Returns cancelled, already_cancelled, revealed, or None for an unknown reveal."""

    function: ClassVar[str] = "cancel_reveal"
    order_of: ClassVar[str] = "reveal_id"
    reveal_id: UUID
    cancel_id: UUID


class OrderedReveal(msgspec.Struct, frozen=True):
    """What is revealed, and where it is between its order and its instant."""

    reveal_id: UUID
    content: Json
    audience: str
    resource: str | None
    connections: int
    reveals_at: int
    key_at: int
    created_at: int
    ordered_by: str | None
    state: str


class ListedRevealRow(OrderedReveal, frozen=True):
    position: int
    """`created_at` in microseconds."""


class ListReveals(Statement[ListedRevealRow], frozen=True):
    """All reveals, the newest first."""

    query: ClassVar[str] = "reveals"
    before_created_at: datetime
    before_reveal_id: UUID
    limit: int


class RevealRow(OrderedReveal, frozen=True):
    key_id: UUID
    server_now: int


class FindReveal(Statement[RevealRow], frozen=True):
    query: ClassVar[str] = "reveal"
    reveal_id: UUID


@dataclass(frozen=True)
class Reveal:
    """A reveal, and how far its two broadcasts have come: None before they begin, and once they are
    pruned.
    """

    row: RevealRow
    broadcast: BroadcastRow | None
    key_broadcast: BroadcastRow | None
    is_repeated: bool = False
    """The same request came before."""


class Sealed(TypedDict):
    """What an order is sealed with, and how fast it can be told, as the statement has it."""

    sealed: str
    key: str
    per_second: int


def sealed_with(text: str, key: bytes) -> Sealed:
    """Seal a text as it travels."""
    per_second = pushes_per_second()
    return Sealed(sealed=seal(text, key), key=b64encode(key).decode(), per_second=per_second)


def key_id_of(reveal_id: UUID) -> UUID:
    """Name the broadcast of a reveal's key."""
    return uuid5(reveal_id, "key")


async def create(ports: Ports, new: CreateReveal) -> Reveal:
    """Tell sealed content, and wake a worker for its key. Raises Conflict or TooSoon.

    Should the queue fail, the schedule of awards does both.
    """
    made = await ports.database.fetch_one(new)
    if made.outcome == "too_soon":
        raise TooSoon(made.connections, made.lead_ms)
    was_there = is_repeated(made.outcome)
    row = await _find(ports.database, new.reveal_id)
    if row.state == "sealed":
        await announce_eventually(ports, row.reveal_id)
        key = Broadcast(str(row.key_id), is_news=True)
        await wake_when_due(ports, key, row.key_at - row.server_now)
    return await _with_progress(ports.database, row, was_there)


async def _find(database: Database, reveal_id: UUID) -> RevealRow:
    rows = await database.fetch(FindReveal(reveal_id))
    if not rows:
        raise NotFound("reveal")
    return rows[0]


async def read(database: Database, reveal_id: UUID) -> Reveal:
    """Read a reveal, and how far its audience has been told. Raises NotFound."""
    return await _with_progress(database, await _find(database, reveal_id))


async def _with_progress(database: Database, row: RevealRow, is_repeated: bool = False) -> Reveal:
    sealed = await find_broadcast(database, row.reveal_id)
    key = await find_broadcast(database, row.key_id)
    return Reveal(row, sealed, key, is_repeated)


async def cancel(ports: Ports, reveal_id: UUID) -> Reveal:
    """Keep a reveal from being shown, and tell its audience. Raises NotFound."""
    cancel_id = cancel_id_of(reveal_id)
    await ports.database.fetch(CancelReveal(reveal_id, cancel_id))
    reveal = await read(ports.database, reveal_id)
    await announce_eventually(ports, cancel_id)
    return reveal
