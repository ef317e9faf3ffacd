"""Award rules."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from handlers.web.schemas.fields import (
    Duration,
    Millis,
    Name,
    NextPage,
    OwnId,
    Reward,
    Schema,
    StoredObject,
)


class AwardRuleOrder(Schema):
    """A bonus for each `every_seconds` that a user watches within one session."""

    rule_id: OwnId = None
    reward: Reward
    every_seconds: Duration = Field(description="how long a user watches for each bonus")
    claim_within_seconds: Duration = Field(description="how long each bonus can be claimed")
    resource: Annotated[
        Name | None, Field(description="the resource that counts; null: every resource")
    ] = None


class AwardRule(Schema):
    rule_id: UUID
    reward: StoredObject
    every_seconds: float
    claim_within_seconds: float
    resource: str | None
    created_at: Millis
    ended_at: int | None = Field(
        description="milliseconds since the epoch; null while the rule awards"
    )


class AwardRulesPage(Schema):
    items: list[AwardRule]
    next: NextPage
