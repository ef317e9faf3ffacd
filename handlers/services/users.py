"""Users by the beginning of their id."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from handlers.core.operation import Statement


class FoundUserRow(msgspec.Struct, frozen=True):
    user_id: str
    is_online: bool


class ListUsers(Statement[FoundUserRow], frozen=True):
    """Users who are here or whose watch time is kept, by their id."""

    query: ClassVar[str] = "users"
    prefix: str
    after_user_id: str
    limit: int
