"""Award rules: create, end, list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement
from handlers.services.announcements import is_repeated
from handlers.services.errors import NotFound

if TYPE_CHECKING:
    from handlers.core.operation import RowT


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class CreateAwardRule(Statement[str], frozen=True):
    """Returns created, repeated or conflict."""

    query: ClassVar[str] = "create_award_rule"
    rule_id: UUID
    reward: Json
    every: timedelta
    claim_within: timedelta
    resource: str | None
    fingerprint: str
    is_visible: bool = False
    """It pays visible time only."""


class EndAwardRule(Statement[UUID], frozen=True):
    query: ClassVar[str] = "end_award_rule"
    rule_id: UUID


class AwardRuleRow(msgspec.Struct, frozen=True):
    rule_id: UUID
    reward: Json
    every_seconds: float
    claim_within_seconds: float
    resource: str | None
    clock: Literal["connected", "visible"]
    overlap: Literal["once", "each"]
    created_at: int
    ended_at: int | None


class FindAwardRule(Statement[AwardRuleRow], frozen=True):
    query: ClassVar[str] = "award_rule"
    rule_id: UUID


class ListedAwardRuleRow(msgspec.Struct, frozen=True):
    rule_id: UUID
    reward: Json
    every_seconds: float
    claim_within_seconds: float
    resource: str | None
    clock: Literal["connected", "visible"]
    overlap: Literal["once", "each"]
    created_at: int
    ended_at: int | None
    position: int
    """`created_at` in microseconds."""


class ListAwardRules(Statement[ListedAwardRuleRow], frozen=True):
    """All rules, the newest first, ended ones included."""

    query: ClassVar[str] = "award_rules"
    before_created_at: datetime
    before_rule_id: UUID
    limit: int


async def create(database: Database, new: CreateAwardRule) -> tuple[AwardRuleRow, bool]:
    """Create a rule; True if the same request came before. Raises Conflict."""
    was_there = is_repeated(await database.fetch_one(new))
    return await _read(database, new.rule_id), was_there


async def end(database: Database, rule_id: UUID) -> AwardRuleRow:
    """End a rule: it awards nothing more. Raises NotFound."""
    await database.fetch(EndAwardRule(rule_id))
    return await _read(database, rule_id)


async def _read(database: Database, rule_id: UUID) -> AwardRuleRow:
    rows = await database.fetch(FindAwardRule(rule_id))
    if not rows:
        raise NotFound("award rule")
    return rows[0]
