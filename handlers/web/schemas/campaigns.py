"""Campaigns."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from handlers.web.schemas.fields import (
    FROM_JSON,
    TIMEZONE_PATTERN,
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
# A year; and the shortest day, when the clocks go forward.
MAX_DAYS = 366
MAX_SECONDS_A_DAY = 82_800
MAX_AWARDS_PER_USER = 1_000_000
MAX_AWARDS = 1_000_000_000_000
MAX_TEST_USERS = 100

Overlap = Literal["once", "each"]
Number = Annotated[int, Field(ge=1, le=MAX_MILESTONES)]
AwardsPerUser = Annotated[int, Field(ge=1, le=MAX_AWARDS_PER_USER)]


class MilestoneOrder(Schema):
    """A reward for having watched so long."""

    milestone: Number | None = Field(
        default=None,
        description="its number in the campaign. Null: the next one that is free. In an edit, the "
        "number tells which milestone is meant",
    )
    watched_seconds: float = Field(
        ge=1,
        le=MAX_WATCHED_SECONDS,
        description="how long a user watches for it; of a streak, on each of its days, at most "
        "82,800 (23 hours)",
    )
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = Field(
        default=None,
        description="a streak: on how many days in a row, in `timezone`. Null: all that is watched "
        "adds up",
    )
    repeats: bool = Field(
        default=False,
        description="whether it is reached again each time after as long, or as many days more",
    )
    reward: Reward
    claim_within_seconds: float = Field(
        ge=1,
        le=MAX_CLAIM_SECONDS,
        description="how long its bonus can be claimed, from when it is offered: up to 30 days",
    )


class Limits(Schema):
    """How many awards there are at most. Null: no limit."""

    per_user: AwardsPerUser | None = Field(default=None, description="to one user")
    per_day: AwardsPerUser | None = Field(
        default=None, description="to one user on one day, in `timezone`"
    )
    in_all: Annotated[int, Field(ge=1, le=MAX_AWARDS)] | None = Field(
        default=None, description="to all users together"
    )
    cool_down_seconds: Annotated[float, Field(ge=1, le=MAX_CLAIM_SECONDS)] | None = Field(
        default=None, description="how long a user gets nothing after an award: up to 30 days"
    )

    @model_validator(mode="after")
    def is_in_order(self) -> Self:
        given = [one for one in (self.per_day, self.per_user, self.in_all) if one is not None]
        if given != sorted(given):
            raise ValueError("limits must not grow: in_all, then per_user, then per_day")
        return self


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
    timezone: Annotated[str, StringConstraints(pattern=TIMEZONE_PATTERN)] | None = Field(
        default=None,
        description="of its days, for streaks and `per_day`: `UTC`, or a name of the IANA database "
        "such as `Europe/Berlin`",
    )
    announced_at: Moment | None = Field(
        default=None,
        description="from when on its users can see it with its start and its rewards; needs "
        "`starts_at`. Null: from its start",
    )
    starts_at: Moment | None = Field(
        default=None,
        description="from when on it counts. Null: from now on; in an edit, from when it did",
    )
    ends_at: Moment | None = Field(
        default=None, description="up to when it counts. Null: until it is ended"
    )
    milestones: Annotated[list[MilestoneOrder], Field(min_length=1, max_length=MAX_MILESTONES)] = (
        Field(description="the first to be reached first, streaks after the others")
    )
    limits: Limits = Field(
        default_factory=Limits,
        description="what a limit holds back is awarded once it allows that, a milestone that was "
        "reached several times meanwhile once",
    )
    test_user_ids: Annotated[list[Name], Field(min_length=1, max_length=MAX_TEST_USERS)] | None = (
        Field(
            default=None,
            description="a test: only these users are awarded anything. An edit without it begins "
            "the campaign for all, and nothing of the test counts. Null: it is for all",
        )
    )

    @model_validator(mode="after")
    def is_in_order(self) -> Self:
        for names in ("resources", "test_user_ids"):
            given = getattr(self, names) or []
            if len(set(given)) < len(given):
                raise ValueError(f"{names} names one twice; name each once")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        if self.announced_at and not (self.starts_at and self.announced_at < self.starts_at):
            raise ValueError("announced_at must be before starts_at; send both")
        return self

    @model_validator(mode="after")
    def has_milestones_in_order(self) -> Self:
        lengths = [(one.days or 0, one.watched_seconds) for one in self.milestones]
        if any(later <= one for one, later in pairwise(lengths)):
            raise ValueError(
                "milestones must stand in order, each with more watched_seconds than the one "
                "before; then those with days, each with more of them, or of watched_seconds"
            )
        if any(days and seconds > MAX_SECONDS_A_DAY for days, seconds in lengths):
            raise ValueError(
                f"no day has so many watched_seconds; send at most {MAX_SECONDS_A_DAY} beside days"
            )
        if self.timezone is None and (self.limits.per_day or any(days for days, _ in lengths)):
            raise ValueError("days and limits.per_day need a timezone; name one, or UTC")
        self.numbers()
        return self

    @model_validator(mode="after")
    def is_within_its_limits(self) -> Self:
        limit, count = self.limits.per_user, len(self.milestones)
        if limit and limit < count:
            raise ValueError(
                f"limits.per_user is below the number of milestones; send {count} or more"
            )
        if limit and limit > count and not any(one.repeats for one in self.milestones):
            raise ValueError(
                "limits.per_user is above what the milestones bring, for none repeats; leave it out"
            )
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

    @model_validator(mode="after")
    def can_be_reached(self) -> Self:
        if not (self.starts_at and self.ends_at):
            return self
        longest = (self.ends_at - self.starts_at).total_seconds()
        days = longest // MAX_SECONDS_A_DAY + 2
        if self.overlap == "each":
            longest *= len(self.resources) if self.resources else math.inf
        for one in self.milestones:
            if (one.days or 1) > days or one.watched_seconds > longest:
                raise ValueError(
                    "a milestone takes longer than the campaign, from starts_at to ends_at; "
                    "nothing could bring it"
                )
        return self


class Milestone(Schema):
    milestone: int
    watched_seconds: float
    days: int | None
    repeats: bool
    reward: JsonObject
    claim_within_seconds: float
    awarded: int = Field(description="how often it was awarded, to all users")


class Campaign(Schema):
    campaign_id: UUID
    resources: list[str] | None = Field(description="null: all")
    clock: ClockName
    overlap: Overlap
    timezone: str | None
    announced_at: int | None = Field(
        description="milliseconds since the epoch; null: it is not shown before its start"
    )
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
        description="the first to be reached first, streaks after the others"
    )
    limits: Annotated[Limits, FROM_JSON]
    test_user_ids: list[str] | None = Field(
        description="the users of a test; null: the campaign is for all"
    )


class MilestoneProgress(Schema):
    milestone: int
    watched_seconds: float = Field(description="how long a user watches for it")
    days: int | None = Field(description="on how many days in a row; null: it is no streak")
    repeats: bool
    reward: JsonObject
    claim_within_seconds: float
    awarded: int = Field(description="how often the user had reached it when they were judged last")
    days_in_a_row: int | None = Field(
        description="up to today, or up to yesterday while today is not reached; null: it is no "
        "streak"
    )


class CampaignProgress(Schema):
    watched_ms: int = Field(description="how long the user has watched for the campaign by now")
    watched_today_ms: int | None = Field(
        description="on this day of its `timezone`; null: it has none"
    )
    milestones: Annotated[list[MilestoneProgress], FROM_JSON] = Field(
        description="the first to be reached first, streaks after the others"
    )
    server_now: ServerNow


class CampaignsPage(Schema):
    items: list[Campaign]
    next: NextPage
