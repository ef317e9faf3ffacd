"""Award rules."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from handlers.web.schemas.fields import (
    ClockName,
    Duration,
    Millis,
    Name,
    NextPage,
    OwnId,
    Reward,
    Schema,
    StoredObject,
)

Overlap = Literal["once", "each"]


class AwardRuleOrder(Schema):
    """A bonus for each `every_seconds` that a user watches, over all sessions and devices."""

    rule_id: OwnId = None
    reward: Reward
    every_seconds: Duration = Field(description="how long a user watches for each bonus")
    claim_within_seconds: Duration = Field(description="how long each bonus can be claimed")
    resource: Annotated[
        Name | None, Field(description="the resource that counts; null: every resource")
    ] = None
    clock: ClockName = Field(
        default="connected",
        description="which time the rule pays: `connected`, while a connection was open, or "
        "`visible`, while the user could see the page of one",
    )
    overlap: Overlap | None = Field(
        default=None,
        description="how a minute counts that a user watches on several resources at once. `once`: "
        "it counts once, for a rule without a resource. `each`: it counts on this resource "
        "whatever else is open, for a rule with one. Null: the one that fits",
    )

    @model_validator(mode="after")
    def pays_no_minute_twice(self) -> Self:
        if self.overlap == "each" and self.resource is None:
            raise ValueError(
                'without a resource, overlap "each" would pay a minute once for every resource; '
                'send "once", or a rule for each resource'
            )
        if self.overlap == "once" and self.resource is not None:
            raise ValueError(
                'with a resource, overlap "once" would need to know which other resource comes '
                'first; send "each", or no resource'
            )
        return self


class AwardRule(Schema):
    rule_id: UUID
    reward: StoredObject
    every_seconds: float
    claim_within_seconds: float
    resource: str | None
    clock: ClockName = Field(description="which time the rule pays")
    overlap: Overlap = Field(
        description="how a minute on several resources at once counts: `once`, or on `each`"
    )
    created_at: Millis
    ended_at: int | None = Field(
        description="milliseconds since the epoch; null while the rule awards"
    )


class AwardRulesPage(Schema):
    items: list[AwardRule]
    next: NextPage
