"""Bonuses."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from handlers.web.schemas.broadcasts import Everyone, Listed, Progress, Viewers
from handlers.web.schemas.fields import (
    MAX_SECONDS,
    ClockName,
    Duration,
    Millis,
    NextPage,
    OrderedBy,
    OwnId,
    Reward,
    Schema,
    ServerNow,
    StoredObject,
)
from handlers.web.schemas.moments import Moment


class BonusOrder(Schema):
    """A bonus to offer."""

    bonus_id: OwnId = None
    reward: Reward
    audience: Annotated[
        Everyone | Viewers | Listed,
        Field(discriminator="kind", description="who is told about the bonus and may claim it"),
    ]
    opens_in_seconds: float = Field(
        default=0,
        ge=0,
        le=MAX_SECONDS,
        description="when the claim window opens, from now by the database's clock",
    )
    opens_at: Moment | None = Field(
        default=None,
        description="instead of `opens_in_seconds`: when the claim window opens, in milliseconds "
        "since the epoch or as RFC 3339. May be in the past as long as the window has not ended",
    )
    window_seconds: Duration = Field(description="how long the bonus can be claimed")
    stock: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="how many users can claim it; null: no limit",
    )
    min_watched_seconds: float | None = Field(
        default=None,
        ge=1,
        le=31_536_000,
        description="only users who have watched this long by the time of their claim can claim: "
        "the audience's resource, or any resource for another audience, where a moment on several "
        "resources counts once",
    )
    clock: ClockName = Field(
        default="connected",
        description="which time `min_watched_seconds` counts: `connected`, while a connection was "
        "open, or `visible`, while the user could see the page of one",
    )
    acknowledge: bool | None = Field(
        default=None,
        description="whether each device acknowledges that it shows the bonus. Users who have "
        "neither acknowledged nor claimed it are told again after 5 seconds, at most twice, and "
        "the bonus counts the acknowledgements. This costs one message per user who shows it, so "
        "null means true for listed users and false for other audiences",
    )

    @model_validator(mode="after")
    def opens_once(self) -> Self:
        if self.opens_at is not None and "opens_in_seconds" in self.model_fields_set:
            raise ValueError("send opens_at or opens_in_seconds, not both")
        return self

    @model_validator(mode="after")
    def counts_something(self) -> Self:
        if self.clock == "visible" and self.min_watched_seconds is None:
            raise ValueError(
                'without min_watched_seconds, clock "visible" would count nothing; send both, or '
                "neither"
            )
        return self


class ListedBonus(Schema):
    bonus_id: UUID
    reward: StoredObject
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: Millis
    expires_at: Millis
    stock: int | None
    left: int | None = Field(description="what is left of the stock; null without a stock")
    min_watched_ms: int | None
    clock: ClockName = Field(description="which time `min_watched_ms` counts")
    acknowledge: bool
    campaign_id: UUID | None = Field(description="the campaign that made this bonus, if any")
    milestone: int | None = Field(description="the number of its milestone")
    created_at: Millis
    ordered_by: OrderedBy
    state: Literal["upcoming", "open", "expired", "cancelled"]


class Bonus(ListedBonus):
    claimed: int = Field(description="users who have claimed the bonus")
    acknowledged: int = Field(
        description="users who have acknowledged the bonus; deleted together with `broadcast`"
    )
    broadcast: Progress | None = Field(
        description="how far the audience has been told; null from a day after the bonus' end"
    )
    server_now: ServerNow


class Estimate(Schema):
    connections: int = Field(
        description="connections of the audience when the bonus was created; of many, estimated"
    )
    reaches: int = Field(
        description="how many of them are told before the bonus expires, if no other broadcast is "
        "under way"
    )
    takes_ms: int = Field(description="how long it takes to tell all of them")


class BonusWarning(Schema):
    code: Literal["window_too_short"]
    detail: str = Field(description="what is wrong and what to do, for people")


class CreatedBonus(Bonus):
    estimate: Estimate | None = Field(description="null if the bonus is over already")
    warnings: list[BonusWarning] = Field(
        description="why the bonus may not do what it is for. It was created all the same. "
        "`window_too_short`: it expires before all of its audience has been told"
    )


class Claim(Schema):
    """A claim that was granted."""

    user_id: str
    claimed_at: Millis
    state: Literal["pending", "fulfilled", "rejected"] = Field(
        description="what became of it: see POST /payouts"
    )


class ClaimsPage(Schema):
    items: list[Claim]
    next: NextPage


class ClaimCount(Schema):
    """One step."""

    at: int = Field(description="when the step begins, in milliseconds since the epoch")
    claims: int = Field(description="claims that were granted within the step")


class ClaimCounts(Schema):
    items: list[ClaimCount]
    step_seconds: int | None = Field(description="how long each step is; null: there is no claim")


class BonusesPage(Schema):
    items: list[ListedBonus]
    next: NextPage
