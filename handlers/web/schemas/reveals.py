"""Reveals."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from handlers.web.schemas.broadcasts import Everyone, Progress, Viewers
from handlers.web.schemas.fields import (
    MAX_SECONDS,
    JsonObject,
    Millis,
    NextPage,
    OrderedBy,
    OwnId,
    Schema,
    ServerNow,
    StoredObject,
)
from handlers.web.schemas.moments import Moment

MAX_BYTES = 2_048


class RevealOrder(Schema):
    """Something to reveal at one instant."""

    reveal_id: OwnId = None
    content: JsonObject = Field(
        description="what is revealed: any JSON object of at most 2,048 bytes, nested at most 32 "
        "levels deep"
    )
    audience: Annotated[
        Everyone | Viewers, Field(discriminator="kind", description="who it is revealed to")
    ]
    reveals_in_seconds: float | None = Field(
        default=None,
        ge=1,
        le=MAX_SECONDS,
        description="the instant, from now by the database's clock",
    )
    reveals_at: Moment | None = Field(
        default=None,
        description="instead of `reveals_in_seconds`: the instant, in milliseconds since the epoch "
        "or as RFC 3339",
    )

    @model_validator(mode="after")
    def has_an_instant(self) -> Self:
        if (self.reveals_at is None) == (self.reveals_in_seconds is None):
            raise ValueError("send either reveals_at or reveals_in_seconds")
        return self

    @model_validator(mode="after")
    def fits(self) -> Self:
        written = json.dumps(self.content, ensure_ascii=False)
        if len(written.encode(errors="replace")) > MAX_BYTES:
            raise ValueError("content takes more than 2,048 bytes; shorten it, or send a URL")
        return self


class ListedReveal(Schema):
    """Kept as long as grants."""

    reveal_id: UUID
    content: StoredObject
    audience: Literal["everyone", "resource"]
    resource: str | None
    connections: int = Field(
        description="connections of the audience when it was ordered; of many, estimated"
    )
    reveals_at: Millis
    key_at: int = Field(
        description="when the key is told, in milliseconds since the epoch; from then on a user "
        "who reads what the browser receives can read the content"
    )
    created_at: Millis
    ordered_by: OrderedBy
    state: Literal["sealed", "revealed", "cancelled"]


class Reveal(ListedReveal):
    broadcast: Progress | None = Field(
        description="how far the audience has the sealed content; null from a day after its end"
    )
    key_broadcast: Progress | None = Field(
        description="how far it has the key; null before `key_at`, and from a day after its end"
    )
    server_now: ServerNow


class RevealsPage(Schema):
    items: list[ListedReveal]
    next: NextPage
