"""Draws among those who are present, or among the claims of a bonus."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement
from handlers.services import bonuses
from handlers.services.announcements import is_repeated
from handlers.services.errors import NotDrawn, NotFound

if TYPE_CHECKING:
    from handlers.services.announcements import Database, Ports


class CreateDraw(Statement[str], frozen=True):
    """Returns created, repeated, conflict, unknown_bonus, too_early or no_candidates."""

    function: ClassVar[str] = "create_draw"
    order_of: ClassVar[str] = "bonus_id"
    bonus_id: UUID
    reward: Json
    resource: str | None
    among_bonus_id: UUID | None
    within: timedelta | None
    winners: int
    claim_within: timedelta
    fingerprint: str


class DrawRow(msgspec.Struct, frozen=True):
    bonus_id: UUID
    among: Literal["present", "claims"]
    resource: str | None
    among_bonus_id: UUID | None
    within_ms: int | None
    winners: int
    candidates: int
    seed: str
    digest: str
    drawn_at: int


class FindDraw(Statement[DrawRow], frozen=True):
    query: ClassVar[str] = "draw"
    bonus_id: UUID


class CandidateRow(msgspec.Struct, frozen=True):
    user_id: str
    rank: str
    has_won: bool


class ListCandidates(Statement[CandidateRow], frozen=True):
    """By rank, so the winners come first."""

    query: ClassVar[str] = "draw_candidates"
    bonus_id: UUID
    after_rank: str
    limit: int


async def create(ports: Ports, new: CreateDraw, *, is_repeatable: bool) -> tuple[DrawRow, bool]:
    """Draw, and offer the winners their bonus; True if the same request came before.

    Raises Conflict, NotFound, NotDrawn, or QueueUnavailable as a bonus does.
    """
    outcome = await ports.database.fetch_one(new)
    if outcome == "unknown_bonus":
        raise NotFound("bonus")
    if outcome in ("too_early", "no_candidates"):
        raise NotDrawn(outcome)
    was_there = is_repeated(outcome)
    bonus = await bonuses.read(ports.database, new.bonus_id)
    is_for_few = new.winners <= bonuses.MAX_FEW_USERS
    await bonuses.tell(ports, bonus, is_for_few=is_for_few, is_repeatable=is_repeatable)
    return await read(ports.database, new.bonus_id), was_there


async def read(database: Database, bonus_id: UUID) -> DrawRow:
    """Read a draw. Raises NotFound."""
    rows = await database.fetch(FindDraw(bonus_id))
    if not rows:
        raise NotFound("draw")
    return rows[0]


async def candidates(database: Database, wanted: ListCandidates) -> list[CandidateRow]:
    """Read candidates of a draw. Raises NotFound for an unknown draw."""
    rows = await database.fetch(wanted)
    if not rows:
        await read(database, wanted.bonus_id)
    return rows
