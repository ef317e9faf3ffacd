"""A user's data: what is stored of them, and its erasure."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field, model_validator

from handlers.web.schemas.fields import Author, Millis, NextPage, Schema, StoredObject, UserId


class UserDataPage(Schema):
    """Some of the rows that are stored of a user, of one table."""

    user_id: str
    table: str
    rows: list[dict[str, Any]] = Field(
        description="as the table has them; may be empty before the last page"
    )
    next: NextPage


class ErasureOrder(Schema):
    user_id: UserId
    author: Author
    keep_mentions: bool = Field(
        False,
        description="leave the user's id where it stands in events, states, rewards and news of "
        "others. Otherwise each text there that is the id becomes an empty one",
    )

    @model_validator(mode="after")
    def _author_is_another(self) -> ErasureOrder:
        if self.author == self.user_id:
            raise ValueError("`author` is kept after the erasure; name it without the user's id")
        return self


class Erasure(Schema):
    """An erasure. It does not say of which user."""

    erasure_id: UUID
    pseudonym: str = Field(
        description="stands for the user in grants, the ledger, sessions and counts"
    )
    author: str
    keep_mentions: bool
    asked_at: Millis
    done_at: int | None = Field(
        description="milliseconds since the epoch; null while it is under way"
    )
    counts: StoredObject = Field(description="how many rows have been changed or deleted, by table")


class Erased(Erasure):
    unreachable: int = Field(
        description="connections that could not be closed: their sessions are over, and what they "
        "still send is new data"
    )


class ErasuresPage(Schema):
    items: list[Erasure]
    next: NextPage
