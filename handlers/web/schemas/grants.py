"""Grants."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from handlers.web.schemas.fields import HasMore, Millis, NextPoll, Schema, StoredObject


class Grant(Schema):
    """A granted claim. `bonus_id` and `user_id` identify it: a bonus is granted to a user once."""

    grant_id: int = Field(description="unique until a backup is restored")
    bonus_id: UUID
    user_id: str
    claim_id: str = Field(description="the id that the client gave its claim; unique per user")
    reward: StoredObject
    claimed_at: Millis


class GrantsPage(Schema):
    items: list[Grant]
    next: NextPoll
    has_more: HasMore
