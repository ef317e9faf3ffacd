"""What happened to a user: their ledger and their stream."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from handlers.web.schemas.fields import FROM_JSON, Millis, NextPage, Schema, StoredObject


class LedgerEntry(Schema):
    id: int
    entry: Literal["offered", "claimed", "expired", "cancelled", "fulfilled", "rejected"] = Field(
        description="`offered` to this user alone; `fulfilled` and `rejected` say what became of "
        "the claim"
    )
    bonus_id: UUID
    reward: StoredObject
    at: Millis
    reason: str | None = Field(description="of a payout, in words for the user")


class LedgerPage(Schema):
    items: list[LedgerEntry]
    next: NextPage


class UserEvent(Schema):
    seq: int = Field(description="1, 2, 3, … per user, without gaps")
    type: str
    body: StoredObject
    patch: Annotated[dict[str, object] | None, FROM_JSON] = Field(
        description="what it changed in the user's state, as a JSON merge patch (RFC 7396)"
    )
    at: Millis


class UserEventsPage(Schema):
    items: list[UserEvent]
    next: NextPage
