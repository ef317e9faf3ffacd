"""News."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

from fastapi import Path, Response

from handlers.services import news
from handlers.web.deps import TheDatabase, ThePorts, service_router
from handlers.web.errors import BAD_REQUEST, NEWS_TOO_LARGE, NOT_FOUND, UNSTORABLE, documented
from handlers.web.orders import audience_of, created, fingerprint, named, to_json
from handlers.web.pagination import LIST_ERRORS, After, Before, Cursor, Limit, Listing, before
from handlers.web.schemas.broadcasts import Progress
from handlers.web.schemas.news import News, NewsOrder, NewsPage

if TYPE_CHECKING:
    from handlers.services.announcements import BroadcastRow
    from handlers.services.news import ListedNewsRow

router = service_router("news")

NewsId = Annotated[UUID, Path(description="the id of the news")]


@router.post(
    "/news", status_code=201, responses=created(News, BAD_REQUEST, NEWS_TOO_LARGE, UNSTORABLE)
)
async def create_news(order: NewsOrder, ports: ThePorts, response: Response) -> News:
    """Broadcast news to all users, or to the users who watch a resource.

    Users who are online are told now, or within a minute if the queue does not answer. Users who
    come online before the news expire are told then. Bonuses go first.
    """
    audience, resource = audience_of(order.audience)
    new = news.CreateNews(
        broadcast_id=order.news_id or uuid4(),
        news=to_json({"type": order.type, "body": order.body}),
        audience=audience,
        resource=resource,
        good_for=timedelta(seconds=order.expires_in_seconds),
        fingerprint=fingerprint(order, "news_id"),
    )
    with named("news_id", order, new.broadcast_id):
        made = await news.create(ports, new)
    if made.is_repeated:
        response.status_code = 200
    return _news(made.row)


@router.get("/news/{news_id}", responses=documented(NOT_FOUND))
async def read_news(news_id: NewsId, database: TheDatabase) -> News:
    """Read news and how far their audience has been told.

    News are kept until a day after `expires_at`; then the answer is 404.
    """
    return _news((await news.read(database, news_id)).row)


@router.get("/news", responses=LIST_ERRORS)
async def list_news(database: TheDatabase, limit: Limit = 100, after: After = None) -> NewsPage:
    """List all news that is kept, the newest first, and how far its audience has been told."""

    async def fetch(position: Before | None, rows: int) -> list[ListedNewsRow]:
        return await database.fetch(news.ListNews(before(position), rows))

    listing = Listing(Cursor("news", (), Before), News.model_fields, fetch, _position)
    rows, following = await listing.page(after, limit)
    return NewsPage(items=[_news(row) for row in rows], next=following)


@router.delete("/news/{news_id}", responses=documented(NOT_FOUND))
async def cancel_news(news_id: NewsId, ports: ThePorts) -> News:
    """Cancel news: it is told no further, and those who have seen it are told to remove it.

    Cancelling again changes nothing, and neither does cancelling news that has expired.
    """
    return _news((await news.cancel(ports, news_id)).row)


def _position(row: ListedNewsRow) -> Before:
    return Before(row.seq)


def _news(row: BroadcastRow) -> News:
    content = json.loads(row.news or "{}")
    is_over = row.server_now >= row.expires_at
    return News.model_validate(
        {
            "news_id": row.broadcast_id,
            "type": content["type"],
            "body": content["body"],
            "audience": row.audience,
            "resource": row.resource,
            "at": row.at,
            "expires_at": row.expires_at,
            "cancelled_at": row.cancelled_at,
            "state": "cancelled" if row.cancelled_at else "expired" if is_over else "current",
            "ordered_by": row.ordered_by,
            "broadcast": Progress.model_validate(row),
        }
    )
