"""Written from docs/reference/asyncapi.json by client/python/write_types.py."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class AckMessage(TypedDict):
    """
    This device shows a bonus: no further round needs to reach its user.
    """

    action: Literal["ack"]
    id: str
    bonus_id: str


class Acked(TypedDict):
    """
    The answer to `ack`.
    """

    type: Literal["acked"]
    re: str


class ActMessage(TypedDict):
    """
    Something the user did, for their other tabs and devices to show.
    """

    action: Literal["act"]
    id: str
    type: str
    body: dict[str, Any]
    patch: NotRequired[dict[str, Any] | None]


class AnswerMessage(TypedDict):
    """
    Answers a question with one of its options, the first of which is 0.
    """

    action: Literal["answer"]
    id: str
    question_id: str
    option: int


class AnsweredBody(TypedDict):
    """
    The body of `question.answered`.
    """

    question_id: str
    option: int


class AudienceMessage(TypedDict):
    """
    Asks how many watch a resource.
    """

    action: Literal["audience"]
    id: str
    resource: str


class BonusesMessage(TypedDict):
    """
    Asks for the bonuses that are for the user, behind the page before.
    """

    action: Literal["bonuses"]
    id: str
    after: NotRequired[str | None]


class CampaignStep(TypedDict):
    """
    How far the user has come in a campaign.
    """

    campaign_id: str
    watched_ms: int


class CampaignsMessage(TypedDict):
    """
    Asks for the campaigns that are for the user, behind the page before.
    """

    action: Literal["campaigns"]
    id: str
    after: NotRequired[str | None]


class CancelledBody(TypedDict):
    """
    The body of `question.cancelled`.
    """

    question_id: str


class ClaimMessage(TypedDict):
    """
    Asks for a bonus. `user_id` may only be the connection's own user.
    """

    action: Literal["claim"]
    id: str
    bonus_id: str
    user_id: NotRequired[str | None]


class ClaimedBody(TypedDict):
    """
    The body of `bonus.claimed`.
    """

    bonus_id: str
    reward: dict[str, Any]


class DecidedBody(TypedDict):
    """
    The body of `bonus.fulfilled` and `bonus.rejected`: what became of a claim.
    """

    bonus_id: str
    reward: dict[str, Any]
    reason: str | None


class Error(TypedDict):
    """
    A request that was not done, or not yet.
    """

    type: Literal["error"]
    re: str | None
    code: str
    reason: str
    words: NotRequired[str | None]
    retry_after_ms: NotRequired[int]


class GatewayError(TypedDict):
    """
    API Gateway's own: it does not say which request it answers. Send that again, later.
    """

    message: str
    connectionId: NotRequired[str]
    requestId: NotRequired[str]


class HelloMessage(TypedDict):
    """
    Asks for everything to draw, or for what came after `since`.

        May say whether the client is visible, as a `VisibilityMessage` does.
    """

    action: Literal["hello"]
    id: str
    since: NotRequired[int | None]
    epoch: NotRequired[str | None]
    broadcasts_since: NotRequired[int | None]
    visible: NotRequired[bool | None]
    change: NotRequired[int | None]


class Here(TypedDict):
    """
    The user's session on a resource; nulls if the connection is in none.
    """

    joined_at: int | None
    connections: int | None


class KeyBody(TypedDict):
    """
    The body of `reveal.key`.
    """

    reveal_id: str
    reveals_at: int
    key: str


class LedgerEntry(TypedDict):
    """
    Something that happened to a bonus of the user.
    """

    id: int
    entry: Literal["cancelled", "claimed", "created", "expired", "fulfilled", "offered", "rejected"]
    bonus_id: str
    reward: dict[str, Any]
    at: int
    reason: str | None


class LedgerMessage(TypedDict):
    """
    Asks what happened to the user's bonuses, before an entry that the client has.
    """

    action: Literal["ledger"]
    id: str
    before: NotRequired[int | None]


class LedgerPage(TypedDict):
    """
    The answer to `ledger`.
    """

    type: Literal["ledger"]
    re: str
    server_now: int
    entries: list[LedgerEntry] | None
    next: int | None


class Milestone(TypedDict):
    """
    A milestone of a campaign, and how far this user is.
    """

    milestone: int
    watched_seconds: float
    days: int | None
    repeats: bool
    reward: dict[str, Any]
    claim_within_seconds: float
    awarded: int
    days_in_a_row: int | None


class News(TypedDict):
    """
    A message to all users online, or to all who watch one resource.
    """

    seq: int
    type: str
    body: dict[str, Any]
    at: int
    expires_at: int
    cancels: NotRequired[int]


class Noted(TypedDict):
    """
    The answer to `visibility`.
    """

    type: Literal["noted"]
    re: str
    server_now: int
    change: int


class Person(TypedDict):
    """
    A user who watches the resource.
    """

    user_id: str
    joined_at: int
    connections: int


class Ping(TypedDict):
    """
    Keeps the connection open. The gateway answers by itself.
    """

    action: Literal["ping"]


class Place(TypedDict):
    """
    A place in the stream of broadcasts.
    """

    seq: int
    follows: int | None


class Pong(TypedDict):
    """
    The answer to `ping`.
    """

    type: Literal["pong"]
    server_now: int


class Progress(TypedDict):
    """
    How far the user is towards the least watch time of a bonus.
    """

    clock: Literal["connected", "visible"]
    min_ms: int
    watched_ms: int
    reached_at: int | None


class ProgressPush(TypedDict):
    """
    The user has come further in a campaign.
    """

    type: Literal["progress"]
    server_now: int
    progress: CampaignStep


class QuestionBody(TypedDict):
    """
    The body of `question.opened`.
    """

    question_id: str
    text: str
    options: list[str]
    opens_at: int
    expires_at: int


class SealedBody(TypedDict):
    """
    The body of `reveal.sealed`.
    """

    reveal_id: str
    reveals_at: int
    sealed: str


class StreamEvent(TypedDict):
    """
    An entry in the user's ordered stream.
    """

    seq: int
    type: str
    body: dict[str, Any]
    at: int
    id: str | None
    patch: NotRequired[dict[str, Any]]


class TallyBody(TypedDict):
    """
    The body of `question.closed`.
    """

    question_id: str
    tally: list[int]
    correct: int | None


class VisibilityMessage(TypedDict):
    """
    Says whether the user can see the client; the connection's `change`-th state.
    """

    action: Literal["visibility"]
    id: str
    visible: bool
    change: int


class WatchMessage(TypedDict):
    """
    Moves the connection to another resource.
    """

    action: Literal["watch"]
    id: str
    resource: str


class Watching(TypedDict):
    """
    The answer to `watch`.
    """

    type: Literal["watching"]
    re: str
    server_now: int
    resource: str
    is_counted: bool
    session: Here
    watched_ms: int | None
    visible_ms: int | None


class Acted(TypedDict):
    """
    The answer to `act`.
    """

    type: Literal["acted"]
    re: str
    is_counted: NotRequired[bool]
    server_now: int
    epoch: str | None
    event: StreamEvent | None


class AnswerAnswer(TypedDict):
    """
    The answer to `answer`. Each outcome is an answer, none is an error.
    """

    type: Literal["answer"]
    re: str
    is_counted: NotRequired[bool]
    server_now: int
    epoch: str | None
    event: StreamEvent | None
    question_id: str
    outcome: Literal[
        "already_answered",
        "answered",
        "cancelled",
        "closed",
        "too_early",
        "unknown_option",
        "unknown_question",
    ]
    option: int | None


class AudienceAnswer(TypedDict):
    """
    The answer to `audience`.
    """

    type: Literal["audience"]
    re: str
    server_now: int
    resource: str
    users: int | None
    connections: int | None
    sampled_at: int | None
    list: list[Person] | None
    ask_again_ms: int | None


class Bonus(TypedDict):
    """
    An offer. A later one with the same `bonus_id` replaces it.
    """

    bonus_id: str
    reward: dict[str, Any]
    opens_at: int
    expires_at: int
    outcome: (
        Literal[
            "already_claimed",
            "cancelled",
            "claimed",
            "expired",
            "not_eligible",
            "sold_out",
            "too_early",
            "unknown_bonus",
        ]
        | None
    )
    acknowledge: bool
    left: NotRequired[int | None]
    progress: NotRequired[Progress | None]


class BonusPush(TypedDict):
    """
    A bonus for everyone or for this resource; again when it changes.
    """

    type: Literal["bonus"]
    server_now: int
    broadcast: Place | None
    bonus: Bonus


class BonusesPage(TypedDict):
    """
    The answer to `bonuses`.
    """

    type: Literal["bonuses"]
    re: str
    server_now: int
    bonuses: list[Bonus] | None
    next: str | None


class Broadcasts(TypedDict):
    """
    The stream of broadcasts.
    """

    seq: int
    recovered: bool
    news: list[News]


class Campaign(TypedDict):
    """
    Bonuses for watching, and how far this user is.
    """

    campaign_id: str
    state: Literal["over", "paused", "running", "upcoming"]
    resources: list[str] | None
    clock: Literal["connected", "visible"]
    overlap: Literal["each", "once"]
    timezone: str | None
    starts_at: int
    ends_at: int | None
    watched_ms: int
    watched_today_ms: int | None
    milestones: list[Milestone] | None


class CampaignsPage(TypedDict):
    """
    The answer to `campaigns`.
    """

    type: Literal["campaigns"]
    re: str
    server_now: int
    campaigns: list[Campaign] | None
    next: str | None


class ClaimAnswer(TypedDict):
    """
    The answer to `claim`. Each outcome is an answer, none is an error.
    """

    type: Literal["claim"]
    re: str
    is_counted: NotRequired[bool]
    server_now: int
    epoch: str | None
    event: StreamEvent | None
    bonus_id: str
    outcome: Literal[
        "already_claimed",
        "cancelled",
        "claimed",
        "expired",
        "not_eligible",
        "sold_out",
        "too_early",
        "unknown_bonus",
    ]
    progress: NotRequired[Progress]


class EventPush(TypedDict):
    """
    An event of the user's stream, made on another connection or by the server.
    """

    type: Literal["event"]
    server_now: int
    epoch: str | None
    event: StreamEvent


class NewsPush(TypedDict):
    """
    News, a question, a tally, or a reveal.
    """

    type: Literal["news"]
    server_now: int
    broadcast: Place | None
    news: News


class Welcome(TypedDict):
    """
    Everything to draw: the answer to `hello`.
    """

    type: Literal["welcome"]
    re: str
    server_now: int
    user_id: str
    resource: str
    connection_id: str
    is_counted: bool
    session: Here
    watched_ms: int
    visible_ms: int
    reconnect_within_ms: int
    ping_every_ms: int
    rotate_within_ms: int
    epoch: str
    seq: int
    recovered: bool
    events: list[StreamEvent]
    state: dict[str, Any]
    bonuses: list[Bonus]
    has_more_bonuses: bool
    broadcasts: Broadcasts
