"""erase: what is stored of one user is deleted, or is theirs no more."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from handlers.core.operation import Statement

ROWS_AT_ONCE = 10_000
"""Of a user's rows; more of those that are only read."""


class CreateErasure(Statement[UUID], frozen=True):
    """Begins to erase a user's data, or finds the erasure that is under way."""

    function: ClassVar[str] = "create_erasure"
    order_of: ClassVar[str] = "user_id"
    user_id: str
    author: str
    keep_mentions: bool


class ErasePart(Statement[bool], frozen=True):
    """Erases the next part. Returns whether all is erased."""

    function: ClassVar[str] = "erase_part"
    erasure_id: UUID
    limit: int = ROWS_AT_ONCE


class ListErasuresUnderWay(Statement[UUID], frozen=True):
    query: ClassVar[str] = "erasures_under_way"
