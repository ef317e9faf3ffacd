"""What is stored of one user: read it, erase it, and show who has asked for that."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Protocol
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement
from handlers.core.operations.erase import CreateErasure, ErasePart

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.core.operation import RowT

# No part begins after that: the function has 29 s, and a statement ten of them.
ERASE_WITHIN_SECONDS = 10.0


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class UserDataRow(msgspec.Struct, frozen=True):
    name: str | None
    """The table; None: there is no such step."""
    rows: Json | None
    next_step: int | None
    """None: these are the last."""
    next_after: Json | None


class ReadUserData(Statement[UserDataRow], frozen=True):
    """The next rows that are stored of a user, from step 1 on."""

    function: ClassVar[str] = "user_data"
    user_id: str
    step: int
    after: Json | None
    limit: int


class ErasureRow(msgspec.Struct, frozen=True):
    erasure_id: UUID
    pseudonym: str
    author: str
    keep_mentions: bool
    asked_at: int
    done_at: int | None
    counts: Json


class FindErasure(Statement[ErasureRow], frozen=True):
    query: ClassVar[str] = "erasure"
    erasure_id: UUID


class ListedErasureRow(ErasureRow, frozen=True):
    position: int
    """`asked_at` in microseconds."""


class ListErasures(Statement[ListedErasureRow], frozen=True):
    """All erasures, the newest first."""

    query: ClassVar[str] = "erasures"
    before_asked_at: datetime
    before_erasure_id: UUID
    limit: int


async def erase(
    database: Database, new: CreateErasure, clock: Callable[[], float] = time.monotonic
) -> ErasureRow:
    """Erase a user's data, or go on with it, for as long as a request may take.

    What is left then is done by the same request again, or by the sweep.
    """
    erasure_id = await database.fetch_one(new)
    until = clock() + ERASE_WITHIN_SECONDS
    is_done = False
    while not is_done and clock() < until:
        is_done = await database.fetch_one(ErasePart(erasure_id))
    return await database.fetch_one(FindErasure(erasure_id))
