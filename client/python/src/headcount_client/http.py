"""Written from docs/reference/openapi.json by client/python/write_types.py."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class Audience(TypedDict):
    """
    One period of the interval. Without `by` there is one: the interval, up to now.
    """

    starts_at: int
    ends_at: int
    unique_viewers: int
    new_viewers: int
    returning_viewers: int
    retained_viewers: int
    retention: float | None
    views: int
    sessions: int
    watched_ms: int
    average_viewers: float
    average_view_ms: int | None
    peak_viewers: int
    peak_at: int
    sample_percent: float
    error_percent: float | None


class AudiencePage(TypedDict):
    items: list[Audience]
    compared: list[Audience] | None
    resolution_ms: int


class AuditEntry(TypedDict):
    """
    An order: what a key asked for that changes something.
    """

    id: int
    at: int
    author: str
    source: str | None
    operation: str
    subject: str | None
    outcome: str | None
    reason: str | None


class AuditPage(TypedDict):
    items: list[AuditEntry]
    next: str | None


class BonusWarning(TypedDict):
    code: Literal["window_too_short"]
    detail: str


Resource: TypeAlias = str


TestUserId: TypeAlias = str


class Candidate(TypedDict):
    user_id: str
    rank: str
    has_won: bool


class CandidatesPage(TypedDict):
    items: list[Candidate]
    next: str | None


class Claim(TypedDict):
    """
    A claim that was granted.
    """

    user_id: str
    claimed_at: int
    state: Literal["pending", "fulfilled", "rejected"]


class ClaimCount(TypedDict):
    """
    One step.
    """

    at: int
    claims: int


class ClaimCounts(TypedDict):
    items: list[ClaimCount]
    step_seconds: int | None


class Claims(TypedDict):
    """
    The users who have claimed this bonus.
    """

    kind: Literal["claims"]
    bonus_id: str
    within_seconds: NotRequired[float | None]


class ClaimsPage(TypedDict):
    items: list[Claim]
    next: str | None


class CloseOrder(TypedDict):
    user_id: str
    reason: NotRequired[str | None]
    connection_id: str


class Concurrency(TypedDict):
    """
    One step of the interval.
    """

    at: int
    viewers: int
    peak_viewers: int
    peak_at: int


class Connection(TypedDict):
    """
    One open WebSocket connection.
    """

    connection_id: str
    node: str
    device: str | None
    session_id: int
    resource: str
    opened_at: int
    age_ms: int


class Connections(TypedDict):
    user_id: str
    items: list[Connection]


class Draw(TypedDict):
    bonus_id: str
    among: Literal["present", "claims"]
    resource: str | None
    among_bonus_id: str | None
    within_ms: int | None
    winners: int
    candidates: int
    seed: str
    digest: str
    drawn_at: int


class Erased(TypedDict):
    erasure_id: str
    pseudonym: str
    author: str
    keep_mentions: bool
    asked_at: int
    done_at: int | None
    counts: dict[str, Any]
    unreachable: int


class Erasure(TypedDict):
    """
    An erasure. It does not say of which user.
    """

    erasure_id: str
    pseudonym: str
    author: str
    keep_mentions: bool
    asked_at: int
    done_at: int | None
    counts: dict[str, Any]


class ErasureOrder(TypedDict):
    user_id: str
    author: str
    keep_mentions: NotRequired[bool]


class ErasuresPage(TypedDict):
    items: list[Erasure]
    next: str | None


class Estimate(TypedDict):
    connections: int
    reaches: int
    takes_ms: int


class Everyone(TypedDict):
    """
    All users who are online, and those who come online before it expires.
    """

    kind: Literal["everyone"]


class FoundUser(TypedDict):
    user_id: str
    is_online: bool


class Health(TypedDict):
    status: Literal["ok", "schema", "unavailable"]
    database: Literal["ok", "does not answer"]
    migrations: Literal["ok", "behind", "missing", "newer", "other functions", "unknown"]


JsonValue: TypeAlias = Any


class Key(TypedDict):
    key_id: str
    name: str
    scopes: list[str]
    created_at: int
    expires_at: int | None
    used_at: int | None
    old_valid_until: int | None
    requests_per_minute: int | None


class KeyList(TypedDict):
    items: list[Key]


class KeyOrder(TypedDict):
    name: str
    scopes: list[Literal["tickets", "read", "order", "kick", "pay", "records", "webhooks"]]
    expires_in_days: NotRequired[int | None]
    requests_per_minute: NotRequired[int | None]


class KickOrder(TypedDict):
    user_id: str
    reason: NotRequired[str | None]


class Kicked(TypedDict):
    """
    How many connections were closed.
    """

    closed: int
    gone: int
    unreachable: int


class LedgerEntry(TypedDict):
    id: int
    entry: Literal["offered", "claimed", "expired", "cancelled", "fulfilled", "rejected"]
    bonus_id: str
    reward: dict[str, Any]
    at: int
    reason: str | None


class LedgerPage(TypedDict):
    items: list[LedgerEntry]
    next: str | None


class Limits(TypedDict):
    """
    How many awards there are at most. Null: no limit.
    """

    per_user: NotRequired[int | None]
    per_day: NotRequired[int | None]
    in_all: NotRequired[int | None]
    cool_down_seconds: NotRequired[float | None]


UserId: TypeAlias = str


class Listed(TypedDict):
    """
    These users. Order and duplicates do not matter.
    """

    kind: Literal["users"]
    user_ids: list[UserId]


class ListedBonus(TypedDict):
    bonus_id: str
    reward: dict[str, Any]
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: int
    expires_at: int
    stock: int | None
    left: int | None
    min_watched_ms: int | None
    clock: Literal["connected", "visible"]
    acknowledge: bool
    campaign_id: str | None
    milestone: int | None
    created_at: int
    ordered_by: str | None
    state: Literal["upcoming", "open", "expired", "cancelled"]


class ListedQuestion(TypedDict):
    question_id: str
    text: str
    options: list[str]
    correct: int | None
    reward: dict[str, Any] | None
    claim_within_ms: int | None
    bonus_id: str | None
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: int
    expires_at: int
    created_at: int
    closed_at: int | None
    ordered_by: str | None
    state: Literal["upcoming", "open", "closed", "cancelled"]


class ListedReveal(TypedDict):
    """
    Kept as long as grants.
    """

    reveal_id: str
    content: dict[str, Any]
    audience: Literal["everyone", "resource"]
    resource: str | None
    connections: int
    reveals_at: int
    key_at: int
    created_at: int
    ordered_by: str | None
    state: Literal["sealed", "revealed", "cancelled"]


class Milestone(TypedDict):
    milestone: int
    watched_seconds: float
    days: int | None
    repeats: bool
    reward: dict[str, Any]
    claim_within_seconds: float
    awarded: int


class MilestoneOrder(TypedDict):
    """
    A reward for having watched so long.
    """

    milestone: NotRequired[int | None]
    watched_seconds: float
    days: NotRequired[int | None]
    repeats: NotRequired[bool]
    reward: dict[str, Any]
    claim_within_seconds: float


class MilestoneProgress(TypedDict):
    milestone: int
    watched_seconds: float
    days: int | None
    repeats: bool
    reward: dict[str, Any]
    claim_within_seconds: float
    awarded: int
    days_in_a_row: int | None


class NewKey(TypedDict):
    key_id: str
    token: str


class NewWebhook(TypedDict):
    webhook_id: str
    url: str
    types: list[str]
    resource: str | None
    created_at: int
    off_at: int | None
    off_by: str | None
    old_until: int | None
    delivered: int
    delivered_at: int | None
    failing_since: int | None
    waiting: int
    dead: int
    behind_ms: int | None
    secret: str | None


class NodeCount(TypedDict):
    node: str
    connections: int


class Online(TypedDict):
    """
    One user on one resource.
    """

    user_id: str
    resource: str
    joined_at: int
    connections: int


class OnlinePage(TypedDict):
    users: int | None
    connections: int | None
    items: list[Online]
    next: str | None
    server_now: int


class OrderedTime(TypedDict):
    """
    A time for which the user was there, in whole milliseconds.
    """

    joined_at: int | str
    ended_at: int | str


class OwnKey(TypedDict):
    """
    What the key of this request may do.
    """

    name: str
    scopes: list[str]


class Payout(TypedDict):
    """
    What became of a grant, as it was said last.
    """

    payout_id: str
    reason: str | None
    gave_back: bool
    author: str
    at: int
    revision: int


class PayoutAnswer(TypedDict):
    bonus_id: str
    user_id: str
    payout_id: str
    status: Literal[200, 201, 404, 409]
    code: Literal["not_found", "conflict", "already_decided", "given_back"] | None
    detail: str | None
    gave_back: bool | None
    at: int | None


class PayoutAnswers(TypedDict):
    items: list[PayoutAnswer]


class PayoutOrder(TypedDict):
    """
    What became of one grant.
    """

    bonus_id: str
    user_id: str
    payout_id: str
    state: Literal["fulfilled", "rejected"]
    reason: NotRequired[str | None]
    give_back: NotRequired[bool]
    corrects: NotRequired[str | None]


class PayoutsOrder(TypedDict):
    items: list[PayoutOrder]


class Peak(TypedDict):
    viewers: int
    at: int


class PresenceEvent(TypedDict):
    """
    A user came online on a resource, or went offline there.
    """

    seq: int
    type: Literal["online", "offline"]
    session_id: int
    user_id: str
    resource: str
    at: int


class PresenceEventsPage(TypedDict):
    items: list[PresenceEvent]
    next: str
    has_more: bool


class Present(TypedDict):
    """
    The users who are online at this moment, or watch this resource.
    """

    kind: Literal["present"]
    resource: NotRequired[str | None]


class Prize(TypedDict):
    """
    A bonus for all who were right.
    """

    reward: dict[str, Any]
    claim_within_seconds: float


class Progress(TypedDict):
    """
    How far a broadcast has come. It counts connections, of which a user may have several.
    """

    sent: int
    gone: int
    undelivered: int
    dropped: int
    shards: int
    shards_done: int
    rounds: int
    is_done: bool
    done_at: int | None


class Question(TypedDict):
    question_id: str
    text: str
    options: list[str]
    correct: int | None
    reward: dict[str, Any] | None
    claim_within_ms: int | None
    bonus_id: str | None
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: int
    expires_at: int
    created_at: int
    closed_at: int | None
    ordered_by: str | None
    state: Literal["upcoming", "open", "closed", "cancelled"]
    tally: list[int]
    broadcast: Progress | None
    result_broadcast: Progress | None
    server_now: int


Option: TypeAlias = str


class QuestionsPage(TypedDict):
    items: list[ListedQuestion]
    next: str | None


class ReplayOrder(TypedDict):
    begins_at: int | str


class ResourceCount(TypedDict):
    resource: str
    users: int
    connections: int


class Reveal(TypedDict):
    reveal_id: str
    content: dict[str, Any]
    audience: Literal["everyone", "resource"]
    resource: str | None
    connections: int
    reveals_at: int
    key_at: int
    created_at: int
    ordered_by: str | None
    state: Literal["sealed", "revealed", "cancelled"]
    broadcast: Progress | None
    key_broadcast: Progress | None
    server_now: int


class RevealsPage(TypedDict):
    items: list[ListedReveal]
    next: str | None


class RotateOrder(TypedDict):
    old_valid_seconds: int


class SecretOrder(TypedDict):
    secret: NotRequired[str | None]


class Session(TypedDict):
    """
    A stay of one user on one resource, over all their connections to it, or a part of one.
    """

    session_id: int
    user_id: str
    resource: str
    joined_at: int
    ended_at: int | None
    ended_by: str | None
    ended_within_ms: int | None
    away_since: int | None
    revision: int
    replaced_by: int | None
    watched_ms: int


class SessionsPage(TypedDict):
    user_id: str | None
    online: bool | None
    watched_ms: int | None
    items: list[Session]
    next: str | None
    server_now: int


class TestEvent(TypedDict):
    """
    An event of the type `webhook.test`, which is on its way.
    """

    event_id: str


class Ticket(TypedDict):
    """
    A ticket opens one connection, once.
    """

    ticket: str
    url: str
    expires_at: int


class TicketOrder(TypedDict):
    """
    The user of the ticket, and what its connection may do.
    """

    user_id: str
    resource: NotRequired[str]
    device: NotRequired[str | None]
    may_watch: NotRequired[Literal["*"] | list[str]]
    may_list: NotRequired[bool]


class Time(TypedDict):
    """
    A time for which the user was there.
    """

    joined_at: int
    ended_at: int


class UnreachableNode(TypedDict):
    node: str
    since: int


class UserDataPage(TypedDict):
    """
    Some of the rows that are stored of a user, of one table.
    """

    user_id: str
    table: str
    rows: list[dict[str, Any]]
    next: str | None


class UserEvent(TypedDict):
    seq: int
    type: str
    body: dict[str, Any]
    patch: dict[str, Any] | None
    at: int


class UserEventsPage(TypedDict):
    items: list[UserEvent]
    next: str | None


class UsersPage(TypedDict):
    items: list[FoundUser]
    next: str | None


class Viewers(TypedDict):
    """
    The users who watch this resource.
    """

    kind: Literal["resource"]
    resource: str


class WatchTime(TypedDict):
    """
    One row of the report: the keys that `by` names, the others null.
    """

    starts_at: int | None
    user_id: str | None
    resource: str | None
    sessions: int
    watched_ms: int
    uncertain_ms: int


class WatchTimePage(TypedDict):
    items: list[WatchTime]
    next: str | None


class Webhook(TypedDict):
    webhook_id: str
    url: str
    types: list[str]
    resource: str | None
    created_at: int
    off_at: int | None
    off_by: str | None
    old_until: int | None
    delivered: int
    delivered_at: int | None
    failing_since: int | None
    waiting: int
    dead: int
    behind_ms: int | None


class WebhookDelivery(TypedDict):
    """
    An event that was not taken at the first attempt, or a test.
    """

    event_id: str
    type: str
    user_id: str | None
    at: int
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    first_at: int
    last_at: int
    due_at: int | None
    status: int | None
    error: str | None


class WebhookEdit(TypedDict):
    """
    How a webhook is from now on.
    """

    url: str
    types: list[
        Literal[
            "user.online",
            "user.offline",
            "user.kicked",
            "connection.opened",
            "connection.closed",
            "bonus.opened",
            "bonus.claimed",
            "bonus.granted",
            "bonus.fulfilled",
            "bonus.rejected",
            "campaign.milestone",
        ]
    ]
    resource: NotRequired[str | None]
    is_on: bool


class WebhookList(TypedDict):
    items: list[Webhook]


class WebhookOrder(TypedDict):
    webhook_id: NotRequired[str | None]
    url: str
    types: list[
        Literal[
            "user.online",
            "user.offline",
            "user.kicked",
            "connection.opened",
            "connection.closed",
            "bonus.opened",
            "bonus.claimed",
            "bonus.granted",
            "bonus.fulfilled",
            "bonus.rejected",
            "campaign.milestone",
        ]
    ]
    resource: NotRequired[str | None]
    secret: NotRequired[str | None]


class WorkError(TypedDict):
    """
    What failed in one way.
    """

    source: Literal["broadcasts", "webhooks"]
    code: str
    count: int
    last_at: int


class FieldError(TypedDict):
    """
    What is wrong with one field.
    """

    type: str
    loc: list[str | int]
    msg: str


class Problem(TypedDict):
    """
    Why a request was refused (RFC 9457). A refused request has changed nothing, unless its code
    is `unavailable` or `internal_error`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    fields: NotRequired[list[FieldError]]


class Bonus(TypedDict):
    bonus_id: str
    reward: dict[str, Any]
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: int
    expires_at: int
    stock: int | None
    left: int | None
    min_watched_ms: int | None
    clock: Literal["connected", "visible"]
    acknowledge: bool
    campaign_id: str | None
    milestone: int | None
    created_at: int
    ordered_by: str | None
    state: Literal["upcoming", "open", "expired", "cancelled"]
    claimed: int
    acknowledged: int
    broadcast: Progress | None
    server_now: int


class BonusOrder(TypedDict):
    """
    A bonus to offer.
    """

    bonus_id: NotRequired[str | None]
    reward: dict[str, Any]
    audience: Everyone | Viewers | Listed
    opens_in_seconds: NotRequired[float]
    opens_at: NotRequired[int | str | None]
    window_seconds: float
    stock: NotRequired[int | None]
    min_watched_seconds: NotRequired[float | None]
    clock: NotRequired[Literal["connected", "visible"]]
    acknowledge: NotRequired[bool | None]


class BonusesPage(TypedDict):
    items: list[ListedBonus]
    next: str | None


class Campaign(TypedDict):
    campaign_id: str
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
    state: Literal["upcoming", "running", "paused", "over"]
    milestones: list[Milestone]
    limits: Limits
    test_user_ids: list[str] | None


class CampaignEdit(TypedDict):
    """
    What counts, when, and what it brings.
    """

    resources: NotRequired[list[Resource] | None]
    clock: NotRequired[Literal["connected", "visible"]]
    overlap: NotRequired[Literal["once", "each"]]
    timezone: NotRequired[str | None]
    announced_at: NotRequired[int | str | None]
    starts_at: NotRequired[int | str | None]
    ends_at: NotRequired[int | str | None]
    milestones: list[MilestoneOrder]
    limits: NotRequired[Limits]
    test_user_ids: NotRequired[list[TestUserId] | None]


class CampaignOrder(TypedDict):
    """
    Bonuses for having watched so long, over all sessions and devices.
    """

    resources: NotRequired[list[Resource] | None]
    clock: NotRequired[Literal["connected", "visible"]]
    overlap: NotRequired[Literal["once", "each"]]
    timezone: NotRequired[str | None]
    announced_at: NotRequired[int | str | None]
    starts_at: NotRequired[int | str | None]
    ends_at: NotRequired[int | str | None]
    milestones: list[MilestoneOrder]
    limits: NotRequired[Limits]
    test_user_ids: NotRequired[list[TestUserId] | None]
    campaign_id: NotRequired[str | None]


class CampaignProgress(TypedDict):
    watched_ms: int
    watched_today_ms: int | None
    milestones: list[MilestoneProgress]
    server_now: int


class CampaignsPage(TypedDict):
    items: list[Campaign]
    next: str | None


class ConcurrencyPage(TypedDict):
    items: list[Concurrency]
    peak: Peak | None
    step_seconds: int
    resolution_ms: int


class Correction(TypedDict):
    """
    What was said of a session instead of what is recorded.
    """

    correction_id: str
    session_id: int
    user_id: str
    resource: str
    revision: int
    times: list[Time]
    reason: str
    author: str
    at: int
    is_in_force: bool


class CorrectionOrder(TypedDict):
    correction_id: NotRequired[str | None]
    user_id: str
    session_id: int
    revision: NotRequired[int]
    times: list[OrderedTime]
    reason: str
    author: str


class CorrectionsPage(TypedDict):
    items: list[Correction]
    next: str | None


class CreatedBonus(TypedDict):
    bonus_id: str
    reward: dict[str, Any]
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: int
    expires_at: int
    stock: int | None
    left: int | None
    min_watched_ms: int | None
    clock: Literal["connected", "visible"]
    acknowledge: bool
    campaign_id: str | None
    milestone: int | None
    created_at: int
    ordered_by: str | None
    state: Literal["upcoming", "open", "expired", "cancelled"]
    claimed: int
    acknowledged: int
    broadcast: Progress | None
    server_now: int
    estimate: Estimate | None
    warnings: list[BonusWarning]


class DrawOrder(TypedDict):
    """
    A draw: some of the candidates win a bonus, by chance alone.
    """

    bonus_id: NotRequired[str | None]
    reward: dict[str, Any]
    among: Present | Claims
    winners: int
    claim_within_seconds: float


class Grant(TypedDict):
    """
    A granted claim. `bonus_id` and `user_id` identify it: a bonus is granted to a user once.
    """

    grant_id: int
    bonus_id: str
    user_id: str
    claim_id: str
    reward: dict[str, Any]
    claimed_at: int
    state: Literal["pending", "fulfilled", "rejected"]
    payout: Payout | None


class GrantsPage(TypedDict):
    items: list[Grant]
    next: str
    has_more: bool


class News(TypedDict):
    """
    Kept until a day after `expires_at`.
    """

    news_id: str
    type: str
    body: dict[str, Any]
    audience: Literal["everyone", "resource"]
    resource: str | None
    at: int
    expires_at: int
    cancelled_at: int | None
    state: Literal["current", "expired", "cancelled"]
    ordered_by: str | None
    broadcast: Progress


class NewsOrder(TypedDict):
    """
    News to broadcast.
    """

    news_id: NotRequired[str | None]
    type: str
    body: dict[str, Any]
    audience: Everyone | Viewers
    expires_in_seconds: float


class NewsPage(TypedDict):
    items: list[News]
    next: str | None


class OnlineCounts(TypedDict):
    users: int
    connections: int
    resources: list[ResourceCount]
    nodes: list[NodeCount]
    counted_at: int
    pushes_per_second: int


class QuestionOrder(TypedDict):
    """
    A question to ask.
    """

    question_id: NotRequired[str | None]
    text: str
    options: list[Option]
    correct: NotRequired[int | None]
    prize: NotRequired[Prize | None]
    audience: Everyone | Viewers | Listed
    opens_in_seconds: NotRequired[float]
    opens_at: NotRequired[int | str | None]
    window_seconds: float


class RevealOrder(TypedDict):
    """
    Something to reveal at one instant.
    """

    reveal_id: NotRequired[str | None]
    content: dict[str, Any]
    audience: Everyone | Viewers
    reveals_in_seconds: NotRequired[float | None]
    reveals_at: NotRequired[int | str | None]


class WebhookDeliveriesPage(TypedDict):
    items: list[WebhookDelivery]
    next: str | None


class Work(TypedDict):
    swept_at: int | None
    presence_events_since: int | None
    broadcasts_since: int | None
    rolled_up_to: int | None
    unreachable_nodes: list[UnreachableNode]
    errors: list[WorkError]
    server_now: int
