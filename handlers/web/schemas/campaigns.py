"""Campaigns."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from handlers.web.schemas.fields import (
    FROM_JSON,
    ClockName,
    JsonObject,
    Millis,
    Name,
    NextPage,
    OrderedBy,
    OwnId,
    Reward,
    Schema,
    ServerNow,
)
from handlers.web.schemas.moments import Moment

MAX_MILESTONES = 12
MAX_RESOURCES = 100
# A thousand hours, and a month.
MAX_WATCHED_SECONDS = 3_600_000
MAX_CLAIM_SECONDS = 2_592_000

Overlap = Literal["once", "each"]
Number = Annotated[int, Field(ge=1, le=MAX_MILESTONES)]


class MilestoneOrder(Schema):
    """A reward for having watched so long."""

    milestone: Number | None = Field(
        default=None,
        description="its number in the campaign. Null: the next one that is free. In an edit, the "
        "number tells which milestone is meant",
    )
    watched_seconds: float = Field(
        ge=1, le=MAX_WATCHED_SECONDS, description="how long a user watches for it"
    )
    repeats: bool = Field(
        default=False, description="whether it is reached again each time after as long"
    )
    reward: Reward
    claim_within_seconds: float = Field(
        ge=1,
        le=MAX_CLAIM_SECONDS,
        description="how long its bonus can be claimed, from when it is offered: up to 30 days",
    )


class CampaignEdit(Schema):
    """What counts, when, and what it brings."""

    resources: Annotated[list[Name], Field(min_length=1, max_length=MAX_RESOURCES)] | None = Field(
        default=None, description="the resources that count; null: all"
    )
    clock: ClockName = Field(
        default="connected",
        description="which time counts: `connected`, while a connection was open, or `visible`, "
        "while the user could see the page of one",
    )
    overlap: Overlap = Field(
        default="once",
        description="how a minute counts that a user watches on several of the resources at once: "
        "`once`, or on `each`",
    )
    starts_at: Moment | None = Field(
        default=None,
        description="from when on it counts. Null: from now on; in an edit, from when it did",
    )
    ends_at: Moment | None = Field(
        default=None, description="up to when it counts. Null: until it is ended"
    )
    milestones: Annotated[list[MilestoneOrder], Field(min_length=1, max_length=MAX_MILESTONES)] = (
        Field(description="the first to be reached first")
    )

    @model_validator(mode="after")
    def is_in_order(self) -> Self:
        lengths = [one.watched_seconds for one in self.milestones]
        if any(later <= one for one, later in pairwise(lengths)):
            raise ValueError(
                "milestones must stand in order, each with more watched_seconds than the one before"
            )
        if self.resources and len(set(self.resources)) < len(self.resources):
            raise ValueError("resources names one twice; name each once")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        self.numbers()
        return self

    def numbers(self) -> list[int]:
        """The numbers of the milestones: their own, or the next ones above all of those."""
        given = [one.milestone for one in self.milestones if one.milestone is not None]
        if len(set(given)) < len(given):
            raise ValueError("two milestones have the same number; number each once")
        free = iter(range(max(given, default=0) + 1, MAX_MILESTONES + 1))
        try:
            return [one.milestone or next(free) for one in self.milestones]
        except StopIteration:
            raise ValueError(
                f"the numbers leave no room below {MAX_MILESTONES}; number all milestones"
            ) from None


class CampaignOrder(CampaignEdit):
    """Bonuses for having watched so long, over all sessions and devices."""

    campaign_id: OwnId = None


class Milestone(Schema):
    milestone: int
    watched_seconds: float
    repeats: bool
    reward: JsonObject
    claim_within_seconds: float
    awarded: int = Field(description="how often it was awarded, to all users")


class Campaign(Schema):
    campaign_id: UUID
    resources: list[str] | None = Field(description="null: all")
    clock: ClockName
    overlap: Overlap
    starts_at: Millis
    ends_at: int | None = Field(
        description="milliseconds since the epoch; null: until the campaign is ended"
    )
    paused_at: int | None = Field(
        description="milliseconds since the epoch; null unless the campaign is paused"
    )
    created_at: Millis
    ordered_by: OrderedBy
    state: Literal["upcoming", "running", "paused", "over"]
    milestones: Annotated[list[Milestone], FROM_JSON] = Field(
        description="the first to be reached first"
    )


class MilestoneProgress(Schema):
    milestone: int
    watched_seconds: float = Field(description="how long a user watches for it")
    repeats: bool
    awarded: int = Field(description="how often the user had reached it when they were judged last")


class CampaignProgress(Schema):
    watched_ms: int = Field(description="how long the user has watched for the campaign by now")
    milestones: Annotated[list[MilestoneProgress], FROM_JSON] = Field(
        description="the first to be reached first"
    )
    server_now: ServerNow


class CampaignsPage(Schema):
    items: list[Campaign]
    next: NextPage
