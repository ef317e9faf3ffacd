"""Campaigns: create, edit, pause, resume, end, list."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement
from handlers.services.announcements import is_repeated
from handlers.services.errors import CampaignOver, InPast, NotFound, WouldTakeBack

if TYPE_CHECKING:
    from handlers.core.operation import RowT


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class CreateCampaign(Statement[str], frozen=True):
    """Returns created, repeated, conflict or in_past."""

    function: ClassVar[str] = "create_campaign"
    order_of: ClassVar[str] = "campaign_id"
    campaign_id: UUID
    resources: list[str] | None
    """None: all."""
    is_visible: bool
    """It pays visible time only."""
    is_each: bool
    """A minute on two resources at once is two."""
    starts_at: datetime | None
    """None: now."""
    ends_at: datetime | None
    """None: until it is ended."""
    milestones: Json
    """See `ordered_milestones` in SQL."""
    fingerprint: str


class EditedRow(msgspec.Struct, frozen=True):
    outcome: str
    """edited, unknown, over, in_past or would_take_back"""
    what: str | None
    """What would be taken back."""


class EditCampaign(Statement[EditedRow], frozen=True):
    function: ClassVar[str] = "edit_campaign"
    order_of: ClassVar[str] = "campaign_id"
    campaign_id: UUID
    resources: list[str] | None
    is_visible: bool
    is_each: bool
    starts_at: datetime | None
    """None: as it was."""
    ends_at: datetime | None
    milestones: Json


Change = Literal["pause", "resume", "end"]


class ChangeCampaign(Statement[str], frozen=True):
    """Returns changed, unchanged, unknown or over."""

    function: ClassVar[str] = "change_campaign"
    order_of: ClassVar[str] = "campaign_id"
    campaign_id: UUID
    change: Change


class CampaignRow(msgspec.Struct, frozen=True):
    campaign_id: UUID
    resources: list[str] | None
    clock: Literal["connected", "visible"]
    overlap: Literal["once", "each"]
    starts_at: int
    ends_at: int | None
    paused_at: int | None
    created_at: int
    ordered_by: str | None
    state: Literal["upcoming", "running", "paused", "over"]
    milestones: Json


class FindCampaign(Statement[CampaignRow], frozen=True):
    query: ClassVar[str] = "campaign"
    campaign_id: UUID


class ListedCampaignRow(CampaignRow, frozen=True):
    position: int
    """`created_at` in microseconds."""


class ListCampaigns(Statement[ListedCampaignRow], frozen=True):
    """All campaigns, the newest first, those that are over included."""

    query: ClassVar[str] = "campaigns"
    before_created_at: datetime
    before_campaign_id: UUID
    limit: int


class ProgressRow(msgspec.Struct, frozen=True):
    watched_ms: int
    milestones: Json
    server_now: int


class CampaignProgressOf(Statement[ProgressRow], frozen=True):
    """How far a user is in a campaign. No row: there is no such campaign."""

    function: ClassVar[str] = "campaign_progress_of"
    campaign_id: UUID
    user_id: str


async def create(database: Database, new: CreateCampaign) -> tuple[CampaignRow, bool]:
    """Create a campaign; True if the same request came before. Raises Conflict or InPast."""
    outcome = await database.fetch_one(new)
    if outcome == "in_past":
        raise InPast
    was_there = is_repeated(outcome)
    return await read(database, new.campaign_id), was_there


async def edit(database: Database, wanted: EditCampaign) -> CampaignRow:
    """Replace a campaign. Raises NotFound, CampaignOver, InPast or WouldTakeBack."""
    row = await database.fetch_one(wanted)
    if row.outcome == "would_take_back":
        raise WouldTakeBack(row.what or "")
    _check(row.outcome)
    return await read(database, wanted.campaign_id)


async def change(database: Database, campaign_id: UUID, how: Change) -> CampaignRow:
    """Pause, resume or end a campaign. Raises NotFound or CampaignOver."""
    _check(await database.fetch_one(ChangeCampaign(campaign_id, how)))
    return await read(database, campaign_id)


async def read(database: Database, campaign_id: UUID) -> CampaignRow:
    """Raises NotFound."""
    rows = await database.fetch(FindCampaign(campaign_id))
    if not rows:
        raise NotFound("campaign")
    return rows[0]


async def progress(database: Database, campaign_id: UUID, user_id: str) -> ProgressRow:
    """Raises NotFound."""
    rows = await database.fetch(CampaignProgressOf(campaign_id, user_id))
    if not rows:
        raise NotFound("campaign")
    return rows[0]


def _check(outcome: str) -> None:
    if outcome == "unknown":
        raise NotFound("campaign")
    if outcome == "over":
        raise CampaignOver
    if outcome == "in_past":
        raise InPast
