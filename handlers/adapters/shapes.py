"""What goes into the HTTP API and comes out of it, with every bound."""

from __future__ import annotations

from typing import Annotated, Literal, Self
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

from handlers.core.ticket import MAX_MAY_WATCH, MAX_NAME, is_short

DEEPEST = 32
# Of orders. A day: whoever means more has most likely taken milliseconds for seconds.
MAX_SECONDS = 86_400
# The end of the year 9999: Python, JavaScript and PostgreSQL all know it.
LAST_MILLISECOND = 253_402_300_799_999

Millis = Annotated[int, Field(ge=0, le=LAST_MILLISECOND)]
"""Milliseconds since the epoch."""


def _storable(name: str) -> str:
    if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
        raise ValueError("a name has no NUL and no half of a surrogate pair")
    return name


def _shallow(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """pydantic reads some 250 levels: what is stored must not be too deep for a list of them."""
    if _is_deeper(value, DEEPEST):
        raise ValueError(f"at most {DEEPEST} levels of objects and arrays")
    return value


def _is_deeper(value: JsonValue, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)


JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_shallow)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_NAME),
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
            raise ValueError(f"may_watch has at most {MAX_MAY_WATCH} bytes of JSON")
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
    type: Literal["online", "offline"]
    session_id: int
    user_id: str
    resource: str
    at: int


class FactsPage(Shape):
    items: list[Fact]
    next: str = Field(description="pass as `after`; at the end as well, to go on from there")
    has_more: bool = Field(description="ask again at once")


class Problem(Shape):
    type: str
    loc: list[str | int] = Field(description="where: body or query, then the names that lead there")
    msg: str


class Refusal(Shape):
    """Why a request was refused."""

    detail: str | list[Problem] = Field(description="for people; of `bad_request` one by one")
    code: str = Field(description="for programs")


class Everyone(Shape):
    """Whoever is online, and whoever comes until it is over."""

    kind: Literal["everyone"]


class Viewers(Shape):
    """Whoever watches this resource."""

    kind: Literal["resource"]
    resource: Name


class Listed(Shape):
    """These users; in whatever order, and each counts once."""

    kind: Literal["users"]
    user_ids: Annotated[
        list[Name],
        Field(min_length=1, max_length=10_000),
        AfterValidator(lambda names: sorted(set(names))),
    ]


OwnId = Annotated[
    UUID | None,
    Field(
        description="yours, so that you can send the order again when its answer gets lost: the "
        "same order is then answered 200 with what the first made, another one 409 `conflict`. "
        "Without it each order makes something new"
    ),
]
Wish = Annotated[float, Field(ge=1, le=MAX_SECONDS)]
Reward = Annotated[
    JsonObject,
    Field(
        description="what the claimer gets: any JSON object of at most 4,096 bytes, as stored, "
        "and 32 levels"
    ),
]


class BonusOrder(Shape):
    bonus_id: OwnId = None
    reward: Reward
    audience: Annotated[
        Everyone | Viewers | Listed,
        Field(discriminator="kind", description="who is told, and who may claim it"),
    ]
    opens_in_seconds: float = Field(
        default=0, ge=0, le=MAX_SECONDS, description="counted from now, by the database's clock"
    )
    opens_at: Millis | None = Field(
        default=None,
        description="instead of `opens_in_seconds`; it may be past, as long as the window is not",
    )
    window_seconds: Wish = Field(description="how long it can be claimed")
    stock: int | None = Field(
        default=None, ge=1, le=1_000_000_000, description="how many can have it; null: all"
    )
    min_watched_seconds: float | None = Field(
        default=None,
        ge=1,
        le=31_536_000,
        description="only for who has watched so long by then: the resource of its audience, else "
        "anything",
    )
    acknowledge: bool | None = Field(
        default=None,
        description="whether each device that shows it shall say so: who has not, and has not "
        "claimed, is told again after 5 s, twice at most, and GET says how many have. It costs a "
        "message of each user who shows it, so null means true for listed users and false for "
        "other audiences",
    )

    @model_validator(mode="after")
    def opens_once(self) -> Self:
        if self.opens_at is not None and "opens_in_seconds" in self.model_fields_set:
            raise ValueError("give opens_at or opens_in_seconds, not both")
        return self


class Progress(Shape):
    """How far a broadcast has come. Counted are connections; a user may have several."""

    sent: int
    gone: int = Field(description="were closed already, and nobody had told")
    undelivered: int = Field(description="their gateway did not answer, or not in time")
    dropped: int = Field(description="not tried: the window was over, or it was cancelled")
    shards: int = Field(description="pieces of the audience; 0: it has not begun")
    shards_done: int
    rounds: int = Field(description="2 and 3: who has not acknowledged the bonus is told again")
    is_done: bool = Field(description="all that has begun; another round may follow")
    done_at: int | None


class ListedBonus(Shape):
    bonus_id: UUID
    reward: dict[str, JsonValue]
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: int
    expires_at: int
    stock: int | None
    left: int | None = Field(description="of the stock; null if there is none")
    min_watched_ms: int | None
    acknowledge: bool
    rule_id: UUID | None = Field(description="the award rule that made it, if one did")
    created_at: int
    state: Literal["upcoming", "open", "expired", "cancelled"]


class Bonus(ListedBonus):
    claimed: int
    acknowledged: int = Field(description="by so many users; pruned as the broadcast is")
    broadcast: Progress | None = Field(
        description="how far its audience has been told; null once that is pruned, a day after "
        "its end"
    )
    server_now: int


class BonusesPage(Shape):
    items: list[ListedBonus]
    next: str | None = Field(description="pass as `after`; null on the last page")


class NewsOrder(Shape):
    news_id: OwnId = None
    # As the types of actions: see EventType in handlers/core/message.py.
    type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] = Field(
        description="for your front-end: what kind of news this is"
    )
    body: JsonObject = Field(
        description="any JSON object of at most 32 levels; with its type 4,096 bytes, as stored"
    )
    audience: Annotated[Everyone | Viewers, Field(discriminator="kind")]
    expires_in_seconds: float = Field(
        ge=1, le=7 * MAX_SECONDS, description="until then, whoever comes is told, too"
    )


class News(Shape):
    """Kept until a day after its end."""

    news_id: UUID
    type: str
    body: dict[str, JsonValue]
    audience: Literal["everyone", "resource"]
    resource: str | None
    at: int
    expires_at: int
    broadcast: Progress


class AwardRuleOrder(Shape):
    """For each `every_seconds` of watching in one session: a bonus, to be claimed in time."""

    rule_id: OwnId = None
    reward: Reward
    every_seconds: Wish
    claim_within_seconds: Wish
    resource: Name | None = Field(default=None, description="null: whatever they watch")


class AwardRule(Shape):
    rule_id: UUID
    reward: dict[str, JsonValue]
    every_seconds: float
    claim_within_seconds: float
    resource: str | None
    created_at: int
    ended_at: int | None = Field(description="null while it awards")


class AwardRulesPage(Shape):
    items: list[AwardRule]
    next: str | None = Field(description="pass as `after`; null on the last page")


class Grant(Shape):
    """A bonus is granted to a user once: `bonus_id` and `user_id` name a grant for ever."""

    grant_id: int = Field(description="unique, until a backup is restored")
    bonus_id: UUID
    user_id: str
    claim_id: str = Field(description="what the client called its claim; unique per user")
    reward: dict[str, JsonValue]
    claimed_at: int


class GrantsPage(Shape):
    items: list[Grant]
    next: str = Field(description="pass as `after`; at the end as well, to go on from there")
    has_more: bool = Field(description="ask again at once")
