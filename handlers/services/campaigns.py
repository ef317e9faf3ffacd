"""Campaigns: create, edit, pause, resume, end, list."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement
from handlers.services.announcements import is_repeated
from handlers.services.errors import (
    CampaignOver,
    InPast,
    NotFound,
    UnknownTimeZone,
    WouldTakeBack,
)

if TYPE_CHECKING:
    from handlers.core.operation import RowT


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


class CreateCampaign(Statement[str], frozen=True):
    """Returns created, repeated, conflict, in_past or unknown_timezone."""

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
    timezone: str | None
    """Of its days."""
    limits: Json
    """See `ordered_limits` in SQL."""
    announced_at: datetime | None
    """None: it is shown from its start."""
    test_user_ids: list[str] | None
    """None: it is for all."""
    fingerprint: str


class EditedRow(msgspec.Struct, frozen=True):
    outcome: str
    """edited, unknown, over, in_past, unknown_timezone or would_take_back"""
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
    timezone: str | None
    limits: Json
    announced_at: datetime | None
    test_user_ids: list[str] | None


Change = Literal["pause", "resume", "end"]
State = Literal["upcoming", "running", "paused", "over"]


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
    timezone: str | None
    announced_at: int | None
    starts_at: int
    ends_at: int | None
    paused_at: int | None
    created_at: int
    ordered_by: str | None
    state: State
    milestones: Json
    limits: Json
    test_user_ids: list[str] | None


class FindCampaign(Statement[CampaignRow], frozen=True):
    query: ClassVar[str] = "campaign"
    campaign_id: UUID


class ListedCampaignRow(CampaignRow, frozen=True):
    position: int
    """`created_at` in microseconds."""


class ListCampaigns(Statement[ListedCampaignRow], frozen=True):
    """Campaigns, the newest first, those that are over included."""

    query: ClassVar[str] = "campaigns"
    before_created_at: datetime
    before_campaign_id: UUID
    limit: int
    state: State | None
    resource: str | None
    begins: datetime
    ends: datetime


class ProgressRow(msgspec.Struct, frozen=True):
    watched_ms: int
    watched_today_ms: int | None
    milestones: Json
    server_now: int


class CampaignProgressOf(Statement[ProgressRow], frozen=True):
    """How far a user is in a campaign. No row: there is no such campaign."""

    function: ClassVar[str] = "campaign_progress_of"
    campaign_id: UUID
    user_id: str


async def create(database: Database, new: CreateCampaign) -> tuple[CampaignRow, bool]:
    """Create a campaign; True if the same request came before.

    Raises Conflict, InPast or UnknownTimeZone.
    """
    outcome = await database.fetch_one(new)
    _check(outcome)
    was_there = is_repeated(outcome)
    return await read(database, new.campaign_id), was_there


async def edit(database: Database, wanted: EditCampaign) -> CampaignRow:
    """Replace a campaign.

    Raises NotFound, CampaignOver, InPast, UnknownTimeZone or WouldTakeBack.
    """
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
    if outcome == "unknown_timezone":
        raise UnknownTimeZone(outcome)
