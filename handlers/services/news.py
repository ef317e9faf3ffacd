"""News: create, read, list, cancel."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from handlers.core.operation import Json, Statement
from handlers.services.announcements import (
    BroadcastRow,
    FindBroadcast,
    announce_eventually,
    cancel_id_of,
    is_repeated,
)
from handlers.services.errors import NotFound

if TYPE_CHECKING:
    from handlers.services.announcements import Database, Ports


class CreateNews(Statement[str], frozen=True):
    """Returns created, repeated or conflict."""

    function: ClassVar[str] = "create_news"
    order_of: ClassVar[str] = "broadcast_id"
    broadcast_id: UUID
    news: Json
    """type and body"""
    audience: str
    resource: str | None
    good_for: timedelta
    fingerprint: str


class CancelNews(Statement[str | None], frozen=True):
    """Returns cancelled, already_cancelled, expired, or None for unknown news."""

    function: ClassVar[str] = "cancel_news"
    order_of: ClassVar[str] = "broadcast_id"
    broadcast_id: UUID
    cancel_id: UUID


class ListedNewsRow(BroadcastRow, frozen=True):
    seq: int


class ListNews(Statement[ListedNewsRow], frozen=True):
    """All news, the newest first, without what tells that some is cancelled."""

    query: ClassVar[str] = "news"
    before_seq: int
    limit: int


@dataclass(frozen=True)
class News:
    row: BroadcastRow
    is_repeated: bool = False
    """The same request came before."""


async def create(ports: Ports, new: CreateNews) -> News:
    """Create news and tell their audience, within a minute at the latest. Raises Conflict."""
    was_there = is_repeated(await ports.database.fetch_one(new))
    await announce_eventually(ports, new.broadcast_id)
    news = await read(ports.database, new.broadcast_id)
    return News(news.row, was_there)


async def read(database: Database, news_id: UUID) -> News:
    """Read news and the progress of their broadcast. Raises NotFound."""
    rows = await database.fetch(FindBroadcast(news_id))
    content = json.loads(rows[0].news or "{}") if rows else {}
    # A type with a dot is the server's own, of a question.
    if not content or "cancels" in content or "." in content["type"]:
        raise NotFound("news")
    return News(rows[0])


async def cancel(ports: Ports, news_id: UUID) -> News:
    """Push news no further, and tell their audience. Raises NotFound."""
    cancel_id = cancel_id_of(news_id)
    await ports.database.fetch(CancelNews(news_id, cancel_id))
    found = await read(ports.database, news_id)
    await announce_eventually(ports, cancel_id)
    return found
