"""News."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from handlers.web.schemas.broadcasts import Everyone, Progress, Viewers
from handlers.web.schemas.fields import (
    MAX_SECONDS,
    JsonObject,
    Millis,
    NextPage,
    OrderedBy,
    OwnId,
    Schema,
    StoredObject,
)


class NewsOrder(Schema):
    """News to broadcast."""

    news_id: OwnId = None
    # As the types of actions: see EventType in handlers/core/message.py.
    type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] = Field(
        description="what kind of news this is, for your front-end"
    )
    body: JsonObject = Field(
        description="any JSON object nested at most 32 levels deep; with `type` at most 4,096 "
        "bytes as stored"
    )
    audience: Annotated[Everyone | Viewers, Field(discriminator="kind", description="who is told")]
    expires_in_seconds: float = Field(
        ge=1,
        le=7 * MAX_SECONDS,
        description="until then, users who come online are told as well",
    )


class News(Schema):
    """Kept until a day after `expires_at`."""

    news_id: UUID
    type: str
    body: StoredObject
    audience: Literal["everyone", "resource"]
    resource: str | None
    at: Millis
    expires_at: Millis
    cancelled_at: Millis | None
    state: Literal["current", "expired", "cancelled"]
    ordered_by: OrderedBy
    broadcast: Progress


class NewsPage(Schema):
    items: list[News]
    next: NextPage
