"""What goes into the HTTP API and comes out of it, with every bound."""

from __future__ import annotations

import json
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
    model_validator,
)

from handlers.core.ticket import LONGEST_MAY_WATCH, LONGEST_NAME, is_short

LARGEST_REWARD = 4_096


def _storable(name: str) -> str:
    if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
        raise ValueError("a name has no NUL and no half of a surrogate pair")
    return name


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_NAME),
    AfterValidator(_storable),
]


class Shape(BaseModel):
    """What goes in and out of the API. Times are integer milliseconds since the epoch."""

    model_config = ConfigDict(extra="forbid")


class TicketOrder(Shape):
    user_id: Name
    resource: Name = "site"
    device: Name | None = Field(
        default=None, description='what /devices calls this connection, such as "phone"'
    )
    may_watch: Literal["*"] | list[Name] = Field(
        default=[],
        description="the resources that this connection may move to by a `watch` message, beside "
        'its own; "*": any. What somebody watches decides which minutes are paid and which bonuses '
        "are theirs, so without this it moves nowhere",
    )

    @field_validator("may_watch")
    @classmethod
    def fits(cls, names: Literal["*"] | list[str]) -> Literal["*"] | list[str]:
        if not is_short(names):
            raise ValueError(f"may_watch has at most {LONGEST_MAY_WATCH} bytes of JSON")
        return names


class NewTicket(Shape):
    ticket: str
    url: str = Field(description="connect to `{url}?ticket={ticket}`, once, before it expires")
    expires_at: int


class Device(Shape):
    connection_id: str
    node: str = Field(description="the gateway endpoint that holds it")
    device: str | None = Field(description="as its ticket said")
    session_id: int
    resource: str
    opened_at: int
    age_ms: int


class Devices(Shape):
    user_id: str
    items: list[Device]


class WhoToKick(Shape):
    user_id: Name


class Kicked(Shape):
    """What came of the connections that were to be closed."""

    closed: int
    gone: int = Field(description="were closed already, and nobody had told")
    unreachable: int = Field(
        description="still there: their gateway does not answer, or they are not through their "
        "handshake. Ask again; if they are gone, the sweep finds out"
    )


class Online(Shape):
    user_id: str
    resource: str
    joined_at: int
    connections: int


class OnlinePage(Shape):
    users: int | None = Field(description="how many people in all; null after the first page")
    connections: int | None = Field(description="how many in all; null after the first page")
    items: list[Online]
    next: str | None = Field(description="pass as `after`; null on the last page")
    server_now: int


class Session(Shape):
    session_id: int
    user_id: str
    resource: str
    joined_at: int
    ended_at: int | None = Field(description="null while the user is here")
    ended_by: str | None
    ended_within_ms: int | None = Field(description="the true end is at most this much later")
    watched_ms: int = Field(description="within the interval asked for")


class SessionsPage(Shape):
    user_id: str | None = Field(description="who was asked for; null: everyone")
    online: bool | None = Field(description="is this user here? null for everyone")
    watched_ms: int | None = Field(
        description="all the user's sessions, on whatever resource, up to now; null for everyone"
    )
    items: list[Session]
    next: str | None = Field(description="pass as `after`; null on the last page")
    server_now: int


class ResourceCount(Shape):
    resource: str
    users: int
    connections: int


class NodeCount(Shape):
    node: str
    connections: int


class OnlineCounts(Shape):
    users: int
    connections: int
    resources: list[ResourceCount] = Field(description="the 1,000 with the most connections")
    nodes: list[NodeCount] = Field(description="the 1,000 with the most connections")
    counted_at: int = Field(description="at most 5 s ago")


class WatchTime(Shape):
    starts_at: int | None = Field(description="when the day or hour (UTC) begins; null without")
    user_id: str | None
    resource: str | None
    sessions: int = Field(description="that cross this piece of time")
    watched_ms: int = Field(description="within it; open sessions count up to now")
    uncertain_ms: int = Field(description="the true watch time is at most this much more")


class WatchTimePage(Shape):
    items: list[WatchTime]
    next: str | None = Field(description="pass as `after`; null on the last page")


class Concurrency(Shape):
    at: int = Field(description="when the step begins")
    viewers: int = Field(description="at that moment; a user on two resources is two viewers")
    most: int = Field(description="within the step")
    most_at: int


class Peak(Shape):
    viewers: int
    at: int


class ConcurrencyPage(Shape):
    items: list[Concurrency]
    peak: Peak | None = Field(description="the first moment with the most viewers")
    step_seconds: int
    resolution_ms: int = Field(
        description="0: every coming and going is looked at; else one moment in so many"
    )


class Fact(Shape):
    seq: int
    fact: Literal["online", "offline"]
    session_id: int
    user_id: str
    resource: str
    at: int


class FactsPage(Shape):
    items: list[Fact]
    next: str = Field(description="pass as `after`; at the end as well, to go on from there")
    has_more: bool = Field(description="ask again at once")


class Everyone(Shape):
    kind: Literal["everyone"]


class Viewers(Shape):
    kind: Literal["resource"]
    resource: Name


class Listed(Shape):
    kind: Literal["users"]
    user_ids: list[Name] = Field(min_length=1, max_length=10_000)


class Reward(Shape):
    """What the claimer gets: any JSON object of at most 4 KB."""

    reward: dict[str, JsonValue]

    @model_validator(mode="after")
    def bounded(self) -> Reward:
        if len(json.dumps(self.reward).encode()) > LARGEST_REWARD:
            raise ValueError(f"a reward has at most {LARGEST_REWARD} bytes of JSON")
        return self


class BonusOrder(Reward):
    audience: Annotated[Everyone | Viewers | Listed, Field(discriminator="kind")]
    opens_in_seconds: float = Field(default=0, ge=0, le=86_400)
    window_seconds: float = Field(ge=1, le=86_400)
    stock: int | None = Field(default=None, ge=1, le=1_000_000_000)
    min_watched_seconds: float | None = Field(default=None, ge=1, le=31_536_000)


class Bonus(Shape):
    bonus_id: UUID
    reward: dict[str, JsonValue]
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: int
    expires_at: int
    stock: int | None
    left: int | None = Field(description="of the stock; null if there is none")
    min_watched_ms: int | None
    claimed: int
    state: Literal["upcoming", "open", "expired", "cancelled"]
    server_now: int


class AwardRuleOrder(Reward):
    """For each `every_seconds` of watching in one session: a bonus, to be claimed in time."""

    every_seconds: float = Field(ge=1, le=86_400)
    claim_within_seconds: float = Field(ge=1, le=86_400)
    resource: Name | None = None


class AwardRule(Shape):
    rule_id: UUID
