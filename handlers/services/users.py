"""Users by the beginning of their id, and what happened to one: their ledger and stream."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID  # msgspec reads the annotations

import msgspec

from handlers.core.operation import Json, Statement


class FoundUserRow(msgspec.Struct, frozen=True):
    user_id: str
    is_online: bool


class ListUsers(Statement[FoundUserRow], frozen=True):
    """Users who are here or whose watch time is kept, by their id."""

    query: ClassVar[str] = "users"
    prefix: str
    after_user_id: str
    limit: int


class LedgerEntryRow(msgspec.Struct, frozen=True):
    id: int
    entry: str
    bonus_id: UUID
    reward: Json
    at: int
    reason: str | None


class ListLedger(Statement[LedgerEntryRow], frozen=True):
    """The ledger of a user, newest first."""

    query: ClassVar[str] = "ledger"
    user_id: str
    before_id: int
    limit: int


class UserEventRow(msgspec.Struct, frozen=True):
    seq: int
    type: str
    body: Json
    patch: Json | None
    at: int


class ListUserEvents(Statement[UserEventRow], frozen=True):
    """The stream of a user, newest first."""

    query: ClassVar[str] = "user_events"
    user_id: str
    before_seq: int
    limit: int
