"""Grants."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from handlers.web.schemas.fields import (
    FROM_JSON,
    HasMore,
    Millis,
    NextPoll,
    Schema,
    StoredObject,
)

GrantState = Literal["pending", "fulfilled", "rejected"]


class Payout(Schema):
    """What became of a grant, as it was said last."""

    payout_id: str
    reason: str | None
    gave_back: bool = Field(description="whether another user can claim what this one got")
    author: str = Field(description="the name of the key that said so")
    at: Millis
    revision: int = Field(description="1, or more if it corrects another one")


class Grant(Schema):
    """A granted claim. `bonus_id` and `user_id` identify it: a bonus is granted to a user once."""

    grant_id: int = Field(description="unique until a backup is restored")
    bonus_id: UUID
    user_id: str
    claim_id: str = Field(description="the id that the client gave its claim; unique per user")
    reward: StoredObject
    claimed_at: Millis
    state: GrantState = Field(description="pending until POST /payouts says what became of it")
    payout: Annotated[Payout | None, FROM_JSON] = Field(description="null while it is pending")


class GrantsPage(Schema):
    items: list[Grant]
    next: NextPoll
    has_more: HasMore
