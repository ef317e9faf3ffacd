"""News: create and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from handlers.core.operation import Json, Statement
from handlers.services.announcements import (
    BroadcastRow,
    FindBroadcast,
    announce_eventually,
    is_repeated,
)
from handlers.services.errors import NotFound

if TYPE_CHECKING:
    from handlers.services.announcements import Database, Ports


class CreateNews(Statement[str], frozen=True):
    """Returns created, repeated or conflict."""

    function: ClassVar[str] = "create_news"
    broadcast_id: UUID
    news: Json
    """type and body"""
    audience: str
    resource: str | None
    good_for: timedelta
    fingerprint: str


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
    if not rows or rows[0].kind != "news":
        raise NotFound("news")
    return News(rows[0])
