"""The messages of the server: what answers a request, and what is pushed.

Clients read these types as AsyncAPI (`handlers/web/asyncapi.py`). What PostgreSQL sends as JSON
goes into a message as it is (`raw`); its field has the type of what that text holds. The tests hold
each message that they meet to its type.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

ClaimOutcome = Literal[
    "claimed",
    "already_claimed",
    "too_early",
    "expired",
    "sold_out",
    "not_eligible",
    "cancelled",
    "unknown_bonus",
]
AnswerOutcome = Literal[
    "answered",
    "already_answered",
    "too_early",
    "closed",
    "cancelled",
    "unknown_option",
    "unknown_question",
]
Clock = Literal["connected", "visible"]


def about(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


Millis = Annotated[int, about("milliseconds since the epoch, by the database's clock")]
Object = dict[str, Any]
Re = Annotated[str, about("the `id` of the request that this answers")]
Epoch = Annotated[UUID, about("the log of the events; another one when the server lost events")]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message."""


class StreamEvent(Part, frozen=True, kw_only=True):
    """An entry in the user's ordered stream."""

    seq: Annotated[int, about("1, 2, 3, … per user, without gaps")]
    type: Annotated[str, about("the type given to `act`; with a dot it is the server's own")]
    body: Annotated[Object, about("as given to `act`, or as the type says")]
    at: Millis
    id: Annotated[str | None, about("of the action that made it")]
    patch: (
        Annotated[Object, about("what it changed in the user's state (RFC 7396)")] | UnsetType
    ) = UNSET


class Progress(Part, frozen=True, kw_only=True):
    """How far the user is towards the least watch time of a bonus."""

    clock: Clock
    min_ms: Annotated[int, about("how long a user must have watched, in milliseconds")]
    watched_ms: Annotated[int, about("up to when the server said so, in milliseconds")]
    reached_at: Annotated[
        int | None, about("when it is reached if the clock goes on; null: the clock stands still")
    ]


class Bonus(Part, frozen=True, kw_only=True):
    """An offer. A later one with the same `bonus_id` replaces it."""

    bonus_id: UUID
    reward: Annotated[Object, about("what a user gets for claiming, as your backend gave it")]
    opens_at: Millis
    expires_at: Millis
    outcome: Annotated[ClaimOutcome | None, about("for this user; null while it can be claimed")]
    acknowledge: Annotated[bool, about("true: tell by `ack` that the bonus is shown")]
    # A stored event of an early release lacks these two.
    left: (
        Annotated[int | None, about("at most so many are left; null: there is no stock")]
        | UnsetType
    ) = UNSET
    progress: Annotated[Progress | None, about("what is missing; null: nothing")] | UnsetType = (
        UNSET
    )


class Place(Part, frozen=True, kw_only=True):
    """A place in the stream of broadcasts."""

    seq: Annotated[int, about("among broadcasts; not 1, 2, 3, …")]
    follows: Annotated[int | None, about("the previous broadcast to the same audience; 0: none")]


class News(Part, frozen=True, kw_only=True):
    """A message to all users online, or to all who watch one resource."""

    seq: Annotated[int, about("among broadcasts; not 1, 2, 3, …")]
    type: Annotated[str, about("your own; with a dot it is the server's")]
    body: Annotated[Object, about("as your backend gave it, or as the type says")]
    at: Millis
    expires_at: Millis
    cancels: (
        Annotated[int, about("this is no news: the one of that `seq` was cancelled")] | UnsetType
    ) = UNSET


class Here(Part, frozen=True, kw_only=True):
    """The user's session on a resource; nulls if the connection is in none."""

    joined_at: Millis | None
    connections: Annotated[int | None, about("open connections of the session")]


class Broadcasts(Part, frozen=True, kw_only=True):
    """The stream of broadcasts."""

    seq: Annotated[int, about("the last one")]
    recovered: Annotated[bool, about("whether none is missing in `news`")]
    news: Annotated[list[News], about("those after `broadcasts_since` that are not over")]


class LedgerEntry(Part, frozen=True, kw_only=True):
    """Something that happened to a bonus of the user."""

    id: Annotated[int, about("the number of the entry")]
    entry: Literal["created", "offered", "claimed", "expired", "cancelled", "fulfilled", "rejected"]
    bonus_id: UUID
    reward: Annotated[Object, about("what a user gets for claiming")]
    at: Millis
    reason: Annotated[str | None, about("why a claim was rejected, in words for the user")]


class Milestone(Part, frozen=True, kw_only=True):
    """A milestone of a campaign, and how far this user is."""

    milestone: Annotated[int, about("its number in the campaign")]
    watched_seconds: Annotated[float, about("how long they watch for it; of a streak, each day")]
    days: Annotated[int | None, about("on how many days in a row; null: it is no streak")]
    repeats: Annotated[bool, about("whether it is reached again and again")]
    reward: Annotated[Object, about("what a user gets for claiming its bonus")]
    claim_within_seconds: Annotated[float, about("how long its bonus can be claimed")]
    awarded: Annotated[int, about("how often it was reached when they were judged last")]
    days_in_a_row: Annotated[
        int | None, about("up to today, or up to yesterday while today is not reached")
    ]


class Campaign(Part, frozen=True, kw_only=True):
    """Bonuses for watching, and how far this user is."""

    campaign_id: UUID
    state: Literal["upcoming", "running", "paused", "over"]
    resources: Annotated[list[str] | None, about("those that count; null: all")]
    clock: Clock
    overlap: Literal["once", "each"]
    timezone: Annotated[str | None, about("of its days; null: it has none")]
    starts_at: Millis
    ends_at: Annotated[int | None, about("milliseconds since the epoch; null: until it is ended")]
    watched_ms: Annotated[int, about("how long this user has watched for it, up to `server_now`")]
    watched_today_ms: Annotated[int | None, about("the same of this day; null: it has no days")]
    milestones: Annotated[list[Milestone] | None, about("the first to be reached first")]


class CampaignStep(Part, frozen=True, kw_only=True):
    """How far the user has come in a campaign."""

    campaign_id: UUID
    watched_ms: Annotated[int, about("in milliseconds, when the user was judged")]


class Person(Part, frozen=True, kw_only=True):
    """A user who watches the resource."""

    user_id: str
    joined_at: Millis
    connections: int


People = list[Person]


class ClaimedBody(Part, frozen=True, kw_only=True):
    """The body of `bonus.claimed`."""

    bonus_id: UUID
    reward: Annotated[Object, about("what the user gets")]


class DecidedBody(Part, frozen=True, kw_only=True):
    """The body of `bonus.fulfilled` and `bonus.rejected`: what became of a claim."""

    bonus_id: UUID
    reward: Annotated[Object, about("what the user claimed")]
    reason: Annotated[str | None, about("why, in words for the user")]


class AnsweredBody(Part, frozen=True, kw_only=True):
    """The body of `question.answered`."""

    question_id: UUID
    option: Annotated[int, about("the number of the user's option, from 0")]


class QuestionBody(Part, frozen=True, kw_only=True):
    """The body of `question.opened`."""

    question_id: UUID
    text: Annotated[str, about("what is asked")]
    options: Annotated[list[str], about("answers name them by their numbers, the first is 0")]
    opens_at: Millis
    expires_at: Millis


class CancelledBody(Part, frozen=True, kw_only=True):
    """The body of `question.cancelled`."""

    question_id: UUID


class TallyBody(Part, frozen=True, kw_only=True):
    """The body of `question.closed`."""

    question_id: UUID
    tally: Annotated[list[int], about("how many users chose each option")]
    correct: Annotated[int | None, about("the number of the right option; null: none is right")]


class SealedBody(Part, frozen=True, kw_only=True):
    """The body of `reveal.sealed`."""

    reveal_id: UUID
    reveals_at: Millis
    sealed: Annotated[str, about("base64; `reveal.key` opens it")]


class KeyBody(Part, frozen=True, kw_only=True):
    """The body of `reveal.key`."""

    reveal_id: UUID
    reveals_at: Millis
    key: Annotated[str, about("32 bytes in base64")]


OWN_EVENTS: dict[str, type[Part]] = {
    "bonus.offered": Bonus,
    "bonus.claimed": ClaimedBody,
    "bonus.fulfilled": DecidedBody,
    "bonus.rejected": DecidedBody,
    "question.answered": AnsweredBody,
    "question.opened": QuestionBody,
    "question.closed": TallyBody,
    "question.cancelled": CancelledBody,
}
"""The bodies of the server's own events."""
OWN_NEWS: dict[str, type[Part]] = {
    "question.opened": QuestionBody,
    "question.closed": TallyBody,
    "reveal.sealed": SealedBody,
    "reveal.key": KeyBody,
}
"""The bodies of the server's own news."""


class ServerMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A message of the server; a subclass has its type as its tag."""


class Welcome(ServerMessage, frozen=True, kw_only=True, tag="welcome"):
    """Everything to draw: the answer to `hello`."""

    re: Re
    server_now: Millis
    user_id: str
    resource: str
    connection_id: Annotated[str, about("the connection's id at API Gateway")]
    is_counted: Annotated[bool, about("false: the connection was ended wrongly; open another one")]
    session: Here
    watched_ms: Annotated[int, about("how long the user has watched this resource")]
    visible_ms: Annotated[int, about("for how much of it they could see the page")]
    reconnect_within_ms: Annotated[int, about("after a loss, connect at a random moment within it")]
    ping_every_ms: Annotated[int, about("send `ping` when nothing was answered for so long")]
    rotate_within_ms: Annotated[int, about("replace the connection before it is so old")]
    epoch: Epoch
    seq: Annotated[int, about("of the user's last event")]
    recovered: Annotated[bool, about("true: `events` are those missed; false: the latest")]
    events: list[StreamEvent]
    state: Annotated[Object, about("the user's state as of `seq`")]
    bonuses: Annotated[list[Bonus], about("at most ten, those first that can be claimed")]
    has_more_bonuses: Annotated[bool, about("true: `bonuses` lists the others")]
    broadcasts: Broadcasts


class InStream(ServerMessage, frozen=True, kw_only=True):
    """An answer that may have made an event."""

    re: Re
    is_counted: (
        Annotated[bool, about("false: the connection was ended wrongly; open another one")]
        | UnsetType
    ) = UNSET
    server_now: Millis
    epoch: Epoch | None
    event: Annotated[StreamEvent | None, about("the event that it made, if it did")]


class Acted(InStream, frozen=True, kw_only=True, tag="acted"):
    """The answer to `act`."""


class ClaimAnswer(InStream, frozen=True, kw_only=True, tag="claim"):
    """The answer to `claim`. Each outcome is an answer, none is an error."""

    bonus_id: UUID
    outcome: ClaimOutcome
    progress: Annotated[Progress, about("what is missing, if that is why")] | UnsetType = UNSET


class AnswerAnswer(InStream, frozen=True, kw_only=True, tag="answer"):
    """The answer to `answer`. Each outcome is an answer, none is an error."""

    question_id: UUID
    outcome: AnswerOutcome
    option: Annotated[int | None, about("the user's answer that counts; null: none does")]


class Acked(ServerMessage, frozen=True, kw_only=True, tag="acked"):
    """The answer to `ack`."""

    re: Re


class Watching(ServerMessage, frozen=True, kw_only=True, tag="watching"):
    """The answer to `watch`."""

    re: Re
    server_now: Millis
    resource: str
    is_counted: Annotated[bool, about("false: the connection was ended wrongly; open another one")]
    session: Here
    watched_ms: Annotated[int | None, about("how long the user has watched this resource")]
    visible_ms: Annotated[int | None, about("for how much of it they could see the page")]


class Noted(ServerMessage, frozen=True, kw_only=True, tag="noted"):
    """The answer to `visibility`."""

    re: Re
    server_now: Millis
    change: Annotated[int, about("as in the request")]


class AudienceAnswer(ServerMessage, frozen=True, kw_only=True, tag="audience"):
    """The answer to `audience`."""

    re: Re
    server_now: Millis
    resource: str
    users: Annotated[int | None, about("users who watch it")]
    connections: Annotated[int | None, about("their connections")]
    sampled_at: Annotated[int | None, about("when they were counted")]
    list: Annotated[
        People | None, about("who they are; null: the ticket does not allow it, or too many")
    ]
    ask_again_ms: Annotated[int | None, about("ask again after so long, and not before")]


class LedgerPage(ServerMessage, frozen=True, kw_only=True, tag="ledger"):
    """The answer to `ledger`."""

    re: Re
    server_now: Millis
    entries: Annotated[list[LedgerEntry] | None, about("the newest first")]
    next: Annotated[int | None, about("pass it as `before` for the next page; null: none")]


class BonusesPage(ServerMessage, frozen=True, kw_only=True, tag="bonuses"):
    """The answer to `bonuses`."""

    re: Re
    server_now: Millis
    bonuses: Annotated[list[Bonus] | None, about("the first to expire first")]
    next: Annotated[str | None, about("pass it as `after` for the next page; null: none")]


class CampaignsPage(ServerMessage, frozen=True, kw_only=True, tag="campaigns"):
    """The answer to `campaigns`."""

    re: Re
    server_now: Millis
    campaigns: list[Campaign] | None
    next: Annotated[UUID | None, about("pass it as `after` for the next page; null: none")]


class EventPush(ServerMessage, frozen=True, kw_only=True, tag="event"):
    """An event of the user's stream, made on another connection or by the server."""

    server_now: Millis
    epoch: Epoch | None
    event: StreamEvent


class BonusPush(ServerMessage, frozen=True, kw_only=True, tag="bonus"):
    """A bonus for everyone or for this resource; again when it changes."""

    server_now: Millis
    broadcast: Annotated[Place | None, about("its place in the stream of broadcasts")]
    bonus: Bonus


class NewsPush(ServerMessage, frozen=True, kw_only=True, tag="news"):
    """News, a question, a tally, or a reveal."""

    server_now: Millis
    broadcast: Annotated[Place | None, about("its place in the stream of broadcasts")]
    news: News


class ProgressPush(ServerMessage, frozen=True, kw_only=True, tag="progress"):
    """The user has come further in a campaign."""

    server_now: Millis
    progress: CampaignStep


class Error(ServerMessage, frozen=True, kw_only=True, tag="error"):
    """A request that was not done, or not yet."""

    re: Annotated[str | None, about("the `id` of the request, if it is known")]
    code: Annotated[str, about("why, for programs")]
    reason: Annotated[str, about("why, and what to do, for people")]
    words: Annotated[str | None, about("with `kicked`: your backend's words")] | UnsetType = UNSET
    retry_after_ms: Annotated[int, about("wait for so long")] | UnsetType = UNSET


ANSWERS: dict[str, type[ServerMessage]] = {
    "hello": Welcome,
    "act": Acted,
    "claim": ClaimAnswer,
    "ack": Acked,
    "answer": AnswerAnswer,
    "watch": Watching,
    "ledger": LedgerPage,
    "bonuses": BonusesPage,
    "campaigns": CampaignsPage,
    "visibility": Noted,
    "audience": AudienceAnswer,
}
"""By the action that each answers; `Error` answers any."""
PUSHES: tuple[type[ServerMessage], ...] = (EventPush, BonusPush, NewsPush, ProgressPush, Error)
