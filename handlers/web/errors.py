"""Every error of the HTTP API: its status, its code, its reason, and when it comes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from handlers.core.webhook import BadUrl, WeakSecret
from handlers.services import errors as services

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastapi import FastAPI


PROBLEM_TYPE = "application/problem+json"
"""Errors are problem details: https://www.rfc-editor.org/rfc/rfc9457 (2026-11-30)."""
# So many fields are named in a `detail`; `fields` has all.
MAX_NAMED = 3
MAX_PLACE = 100


@dataclass(frozen=True)
class ErrorCode:
    """One kind of error."""

    status: int
    code: str
    reason: str
    """The default `detail` of the response: what is wrong, and what to do."""
    meaning: str
    """For the reference: when the error comes. Empty: the status says all that is known."""
    retry_after: int | None = None
    """In seconds: when the same request may succeed."""

    @property
    def type(self) -> str:
        """The URI of the kind, on the API's own host: GET it for the meaning."""
        return f"/docs/errors/{self.code}" if self.meaning else "about:blank"

    @property
    def title(self) -> str:
        return self.code.replace("_", " ").capitalize()


UNAUTHORIZED = ErrorCode(
    401,
    "unauthorized",
    "the key is missing or wrong; send `Authorization: Bearer <service token or key>`",
    "The request has neither the service token that the stack was deployed with, nor a service key "
    "that exists.",
)
MISSING_SCOPE = ErrorCode(
    403,
    "missing_scope",
    "this key may not do that; use a key that has the scope, or the service token",
    "The key is good, and its scopes do not allow this request. `detail` names the scope.",
)
WRONG_APP = ErrorCode(
    403,
    "wrong_app",
    "this key is of another app; send a key of the app, or leave the header `Headcount-App` out",
    "`Headcount-App` names another app than the key's, or with the service token one that this "
    "deployment does not have. `detail` says which.",
)
TOO_MANY_REQUESTS = ErrorCode(
    429,
    "too_many_requests",
    "this key has made as many requests as it may in a minute; wait for `Retry-After` seconds, "
    "then send the same request again",
    "The key has a limit, `requests_per_minute`, and it is used up. `Retry-After` says when the "
    "next minute begins, as `t` of the header `RateLimit` does.",
)
UNREADABLE_BODY = ErrorCode(
    400,
    "bad_request",
    "the body cannot be parsed; send one JSON object in UTF-8, at most 500 levels deep",
    "The body is not JSON, is nested deeper than 500 levels, or has an object with the same member "
    "twice.",
)
BAD_REQUEST = ErrorCode(
    422,
    "bad_request",
    "a field is missing or invalid; correct what `fields` lists",
    "A field or a query parameter is missing, unknown, sent twice, of another type or out of its "
    "bounds. `fields` lists each one with its place (`loc`) and what is wrong with it (`msg`).",
)
NOT_FOUND = ErrorCode(
    404,
    "not_found",
    "there is no such path; GET /openapi.json lists every path",
    "Nothing has this path or this id. A broadcast is kept until a day after its end.",
)
METHOD_NOT_ALLOWED = ErrorCode(
    405,
    "method_not_allowed",
    "this path does not accept this method; GET /openapi.json lists the methods of each path",
    "The path exists, but not with this method.",
)
CONFLICT = ErrorCode(
    409,
    "conflict",
    "this id was used for a request with other contents; send the new request with a new id",
    "A request with the same id and other contents came before. The same contents are answered "
    "200 with what the first request created.",
)
TOO_MANY_KEYS = ErrorCode(
    409,
    "too_many_keys",
    "there are two keys of this name already, or a hundred in all; delete one with "
    "DELETE /keys/{key_id}",
    "A name has at most two keys: one in use, and one that replaces it.",
)
TOO_MANY_WEBHOOKS = ErrorCode(
    409,
    "too_many_webhooks",
    "there are 20 webhooks already; delete one with DELETE /webhooks/{webhook_id}",
    "A deployment has at most 20 webhooks.",
)
ALREADY_DECIDED = ErrorCode(
    409,
    "already_decided",
    "another payout of this grant is in force; send its id as `corrects` if it is wrong",
    "An item of POST /payouts: the grant was fulfilled or rejected before, or `corrects` names a "
    "payout that is not in force. `detail` names the one that is.",
)
GIVEN_BACK = ErrorCode(
    409,
    "given_back",
    "what this payout gave back may be another user's; offer this user a bonus of their own",
    "An item of POST /payouts: a payout that gave something back to the stock cannot be corrected.",
)
SESSION_OPEN = ErrorCode(
    409,
    "session_open",
    "the session goes on, or may still be continued; end it with POST /sessions/{session_id}/end, "
    "or wait until it is over, and send the request again",
    "A correction is of a past session. After its end a session waits for its user to come back.",
)
ALREADY_CORRECTED = ErrorCode(
    409,
    "already_corrected",
    "the session was corrected before; read the correction with GET /corrections?session_id=…, and "
    "send its `revision` if it is wrong",
    "Another revision is in force than the one that the request corrects. `detail` names it.",
)
SESSIONS_OVERLAP = ErrorCode(
    409,
    "sessions_overlap",
    "the user has another session on this resource at that time; correct that one first",
    "On one resource a user is in one session at a time, also after corrections. `detail` names "
    "the other one.",
)
TOO_EARLY = ErrorCode(
    409,
    "too_early",
    "the bonus can still be claimed; send the request again when its window is over, or "
    "`within_seconds` of it",
    "A draw among claims takes place when no further claim can be one of them.",
)
NO_CANDIDATES = ErrorCode(
    409,
    "no_candidates",
    "there is no candidate; GET /online/count says how many are present, and `claimed` of "
    "GET /bonuses/{bonus_id} how many have claimed a bonus",
    "No user is present, or has claimed the bonus in time. Nothing was drawn, and the id is free.",
)
CAMPAIGN_OVER = ErrorCode(
    409,
    "campaign_over",
    "the campaign has ended, which is for good; create another one",
    "A campaign that has ended can be neither edited nor paused nor resumed.",
)
WOULD_TAKE_BACK = ErrorCode(
    409,
    "would_take_back",
    "the edit would take something back from those who watch; leave it as it is",
    "From the start of a campaign on, its milestones stay with their rewards, and so does what "
    "counts. `detail` names what the edit would take back. Nothing was written.",
)
PRESENCE_EVENTS_PRUNED = ErrorCode(
    410,
    "presence_events_pruned",
    "the events behind this cursor were deleted; read who is online with GET /online, then read "
    "GET /presence-events without `after`",
    "The reader is further behind than presence events are kept.",
)
GRANTS_PRUNED = ErrorCode(
    410,
    "grants_pruned",
    "grants behind this cursor were deleted before they were read; look for them in a backup, then "
    "read GET /grants without `after`, from the oldest that is kept",
    "The reader is further behind than grants are kept (`KeepGrantDays`).",
)
WEBHOOK_EVENTS_PRUNED = ErrorCode(
    410,
    "webhook_events_pruned",
    "events that this webhook has not had were deleted; read how things are from the API, and send "
    "POST /webhooks/{webhook_id}/replay with a moment that the log still has",
    "A replay from before the webhook was made, or from further back than events are kept (seven "
    "days); or a webhook that was off for longer than that and is switched on. `detail` names the "
    "first moment for a replay.",
)
BAD_URL = ErrorCode(
    422,
    "bad_url",
    "a webhook cannot have this URL; send one that begins with https:// and leads to a public host",
    "The URL of a webhook is not one of HTTPS, has a user or a fragment, or leads to an address of "
    "a private network, of this machine or of a link. Names are looked up when events are sent; "
    "see `forbidden_address` in its deliveries.",
)
WEAK_SECRET = ErrorCode(
    422,
    "weak_secret",
    "a secret is `whsec_` and 24 to 64 random bytes in base64; leave it out to have one made",
    "The secret of a webhook is malformed, too short or too long.",
)
WINDOW_OVER = ErrorCode(
    422,
    "window_over",
    "the window would already have ended; choose a later `opens_at` or a longer `window_seconds`",
    "`opens_at` plus `window_seconds` is in the past.",
)
IN_PAST = ErrorCode(
    422,
    "in_past",
    "`starts_at`, `ends_at` or `announced_at` is in the past, or it would end before it starts; a "
    "campaign counts from now on",
    "A campaign would begin or be announced more than a minute ago, or be over already.",
)
TOO_SOON = ErrorCode(
    422,
    "too_soon",
    "the audience cannot be told before that instant; choose a later one",
    "A reveal is told early enough for each connection of its audience; `detail` says how early.",
)
REWARD_TOO_LARGE = ErrorCode(
    422,
    "reward_too_large",
    "`reward` takes more than 4,096 bytes as stored JSON; make it shorter",
    "The reward is too large as PostgreSQL stores it: 1e308 has 5 characters in a request and 309 "
    "in the database.",
)
NEWS_TOO_LARGE = ErrorCode(
    422,
    "news_too_large",
    "`type` and `body` together take more than 4,096 bytes as stored JSON; shorten `body`",
    "The news are too large as PostgreSQL stores them.",
)
UNSTORABLE = ErrorCode(
    422,
    "unstorable",
    "a value cannot be stored; remove NUL characters, unpaired surrogates, NaN and Infinity",
    "A value is valid JSON for Python but not for PostgreSQL.",
)
TICKET_TOO_LONG = ErrorCode(
    422,
    "ticket_too_long",
    "the ticket would have more than 3,840 characters and not fit into a URL; send shorter names, "
    "or fewer in `may_watch`",
    "The names take too much room together. Names of letters always fit: this takes some 300 "
    "control characters.",
)
FOREIGN_CURSOR = ErrorCode(
    422,
    "foreign_cursor",
    "`after` is not a cursor of this list with these filters; read from the start, without `after`",
    "The cursor belongs to another list, to other filters, or to another database, as after the "
    "restore of a backup.",
)
REVERSED_INTERVAL = ErrorCode(
    422,
    "reversed_interval",
    "the interval is empty; `from` must be before `to`",
    "`from` is not before `to`.",
)
INTERVAL_MISSING = ErrorCode(
    422,
    "interval_missing",
    "the interval is missing; send `from` and `to`, or `user_id`",
    "GET /sessions has neither a user nor a complete interval.",
)
UNKNOWN_BY = ErrorCode(
    422,
    "unknown_by",
    "`by` names a key twice, or both day and hour; name each key once, and day or hour",
    "The keys in `by` contradict each other, or `timezone` is sent where no days and hours are.",
)
UNKNOWN_TIMEZONE = ErrorCode(
    422,
    "unknown_timezone",
    "the database knows no time zone of this name; send one of the IANA database, such as "
    "`Europe/Berlin`, or `UTC`",
    "`timezone` has the form of a name, but there is no such time zone.",
)
TOO_LONG_MINIMUM = ErrorCode(
    422,
    "too_long_minimum",
    "no period is as long as `min_seconds`; send fewer seconds, or longer periods in `by`",
    "`min_seconds` is longer than a period: a minute, an hour, or 23 hours for days.",
)
TOO_MANY_POINTS = ErrorCode(
    422,
    "too_many_points",
    "the report would have more than 1,500 steps; choose a larger `step_seconds`, longer periods "
    "in `by`, or a shorter interval",
    "The interval is more than 1,500 times as long as the step or the period.",
)
NARROWER_RANGE = ErrorCode(
    422,
    "narrower_range",
    "the report would take longer than a second; choose a shorter interval, one user or one "
    "resource, or export everything with `python -m sql.export`",
    "The database cancelled the report so that it does not slow down the live traffic.",
)
IN_FUTURE = ErrorCode(
    422,
    "in_future",
    "the corrected session would end in the future; an `ended_at` is at most now",
    "A time in a correction ends after the database's time.",
)
FAR_FROM_RECORDED = ErrorCode(
    422,
    "far_from_recorded",
    "the corrected session would begin or end more than 24 hours outside of the recorded one; are "
    "the moments in milliseconds, and is it the right session?",
    "A time in a correction lies more than 24 hours before the recorded start of the session, or "
    "behind its recorded end.",
)
NOTHING_TO_CORRECT = ErrorCode(
    422,
    "nothing_to_correct",
    "the session has these times already; nothing is to be corrected",
    "The times in a correction are those that are in force.",
)
UNAVAILABLE = ErrorCode(
    503,
    "unavailable",
    "the database does not answer; send the same request again",
    "The database or the queue does not answer. The request may have taken effect: with an id of "
    "yours in it you can safely send it again. Where a request without one may have created "
    "something, `detail` names the id to send it with.",
    retry_after=1,
)
DATABASE_MOVED = ErrorCode(
    503,
    "database_moved",
    "the grants were copied from another cluster and are being put in order; send the same request "
    "again in a minute",
    "The database was copied from another cluster a moment ago. The sweep puts the grants in order "
    "within a minute.",
    retry_after=60,
)
INTERNAL_ERROR = ErrorCode(
    500,
    "internal_error",
    "the service failed on this request, which may have taken effect; report it with the time",
    "A fault of the service, which its log explains. With an id of yours in it you can safely send "
    "the request again.",
)

ERROR_CODES = (
    UNREADABLE_BODY,
    UNAUTHORIZED,
    MISSING_SCOPE,
    WRONG_APP,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    CONFLICT,
    TOO_MANY_KEYS,
    TOO_MANY_WEBHOOKS,
    ALREADY_DECIDED,
    GIVEN_BACK,
    SESSION_OPEN,
    ALREADY_CORRECTED,
    SESSIONS_OVERLAP,
    TOO_EARLY,
    NO_CANDIDATES,
    CAMPAIGN_OVER,
    WOULD_TAKE_BACK,
    PRESENCE_EVENTS_PRUNED,
    GRANTS_PRUNED,
    WEBHOOK_EVENTS_PRUNED,
    BAD_REQUEST,
    BAD_URL,
    WEAK_SECRET,
    WINDOW_OVER,
    IN_PAST,
    TOO_SOON,
    REWARD_TOO_LARGE,
    NEWS_TOO_LARGE,
    UNSTORABLE,
    TICKET_TOO_LONG,
    FOREIGN_CURSOR,
    REVERSED_INTERVAL,
    INTERVAL_MISSING,
    UNKNOWN_BY,
    UNKNOWN_TIMEZONE,
    TOO_LONG_MINIMUM,
    TOO_MANY_POINTS,
    NARROWER_RANGE,
    IN_FUTURE,
    FAR_FROM_RECORDED,
    NOTHING_TO_CORRECT,
    TOO_MANY_REQUESTS,
    INTERNAL_ERROR,
    UNAVAILABLE,
    DATABASE_MOVED,
)
"""By status. `bad_request` stands twice: as 400 for a body, as 422 for fields."""

# What FastAPI and Starlette refuse by themselves.
BY_STATUS = {error.status: error for error in (UNREADABLE_BODY, NOT_FOUND, METHOD_NOT_ALLOWED)}
# By the check constraint that the database reports.
BY_CONSTRAINT = {
    "bonuses_reward_check": REWARD_TOO_LARGE,
    "campaign_milestones_reward_check": REWARD_TOO_LARGE,
    "broadcasts_news_check": NEWS_TOO_LARGE,
    "questions_reward_check": REWARD_TOO_LARGE,
}


class FieldError(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="the kind of error, such as `missing` or `string_too_long`")
    loc: list[str | int] = Field(
        description="where the field is: `body` or `query`, then the names that lead to it"
    )
    msg: str = Field(description="what is wrong")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). A refused request has changed nothing, unless its code
    is `unavailable` or `internal_error`.
    """

    model_config = ConfigDict(extra="forbid")

    type: str = Field(
        description="a URI for the kind of problem, one for each `code`: what it leads to on this "
        "host explains it"
    )
    title: str = Field(description="the kind of problem in short, the same each time")
    status: int = Field(description="the status of the response")
    detail: str = Field(description="what is wrong and what to do, for people")
    code: str = Field(description="the kind of problem, for programs")
    fields: list[FieldError] = Field(
        default=[],  # pydantic copies it
        description="with 422 `bad_request`: each field and parameter that is wrong",
    )


class ApiError(Exception):
    """Answered as a `Problem`."""

    def __init__(
        self,
        error: ErrorCode,
        reason: str,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Sequence[Mapping[str, object]] = (),
    ) -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.headers = headers
        self.fields = fields

    @classmethod
    def of(cls, error: ErrorCode, reason: str | None = None) -> ApiError:
        """The error of this code, with its default reason or with a more exact one."""
        return cls(error, reason or error.reason)

    def response(self) -> Response:
        """In ASCII: a name that was sent may hold an unpaired surrogate."""
        error = self.error
        problem = {
            **{"type": error.type, "title": error.title, "status": error.status},
            **{"detail": self.reason, "code": error.code},
            **({"fields": self.fields} if self.fields else {}),
        }
        wait = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        headers = {**wait, **(self.headers or {})}
        return Response(json.dumps(problem), error.status, headers, media_type=PROBLEM_TYPE)


class UnreadableBody(HTTPException):
    """A body that is JSON, and still refused before its fields are looked at."""

    def __init__(self, reason: str) -> None:
        super().__init__(UNREADABLE_BODY.status, reason)


def documented(*errors: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """These errors as `responses` of a router or a route."""
    by_status: dict[int | str, list[ErrorCode]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {
        status: {
            "description": "\n\n".join(f"`{one.code}`: {one.meaning}" for one in codes),
            "content": {PROBLEM_TYPE: {"schema": _problem_of(codes)}},
        }
        for status, codes in by_status.items()
    }


def _problem_of(codes: Sequence[ErrorCode]) -> dict[str, Any]:
    known = {"properties": {"code": {"enum": [one.code for one in codes]}}}
    return {"allOf": [{"$ref": "#/components/schemas/Problem"}, known]}


def add_exception_handlers(app: FastAPI) -> None:
    """Answer every exception that a route may raise."""
    for exception, translate in TRANSLATIONS.items():
        app.add_exception_handler(exception, _handler(translate))


def _handler(translate: Callable[[Any], ApiError]) -> Callable[[Request, Any], Any]:
    async def handle(_request: Request, error: Any) -> Response:
        return translate(error).response()

    return handle


def _unstorable(error: services.Unstorable) -> ApiError:
    return ApiError.of(BY_CONSTRAINT.get(error.constraint or "", UNSTORABLE))


def _would_take_back(error: services.WouldTakeBack) -> ApiError:
    return ApiError.of(
        WOULD_TAKE_BACK,
        f"the edit would take back {error} from those who watch, for the campaign has begun; leave "
        "it as it is, or give more",
    )


def _too_soon(error: services.TooSoon) -> ApiError:
    return ApiError.of(
        TOO_SOON,
        f"the audience of {error.connections:,} connections cannot be told before that instant; "
        f"choose one that is {error.lead_ms / 1000:.0f} seconds or more from now",
    )


NOT_CORRECTED = {
    "open": SESSION_OPEN,
    "replaced": ALREADY_CORRECTED,
    "overlaps": SESSIONS_OVERLAP,
    "in_future": IN_FUTURE,
    "far": FAR_FROM_RECORDED,
    "unchanged": NOTHING_TO_CORRECT,
}


def _not_corrected(error: services.NotCorrected) -> ApiError:
    reason = None
    if error.why == "replaced":
        reason = (
            f"revision {error.in_force} of this session is in force; read it, and send "
            f"`revision`: {error.in_force} if that one is wrong"
        )
    if error.why == "overlaps":
        reason = (
            f"the user's session {error.other_session_id} on this resource has some of that time; "
            "correct that one first"
        )
    return ApiError.of(NOT_CORRECTED[error.why], reason)


def _webhook_events_pruned(error: services.WebhookEventsPruned) -> ApiError:
    if error.since is None:
        return ApiError.of(WEBHOOK_EVENTS_PRUNED)
    reason = f"this webhook can be replayed from {error.since} on; send that, or a later moment"
    return ApiError.of(WEBHOOK_EVENTS_PRUNED, reason)


NOT_DRAWN = {"too_early": TOO_EARLY, "no_candidates": NO_CANDIDATES}


def _invalid(error: RequestValidationError) -> ApiError:
    """What is wrong and where, without what was sent: that may not even be text."""
    fields = [
        {"type": one["type"], "loc": one["loc"], "msg": _message(one)} for one in error.errors()
    ]
    return ApiError(BAD_REQUEST, _named(fields), fields=fields)


def _named(fields: Sequence[Mapping[str, Any]]) -> str:
    """The first fields in words. The name of an unknown one is as long as the client made it."""
    named = [f"{_place(one['loc'])[:MAX_PLACE]}: {one['msg']}" for one in fields[:MAX_NAMED]]
    more = len(fields) - len(named)
    return "; ".join(named + ([f"and {more} more, see `fields`"] if more else []))


def _place(loc: Sequence[str | int]) -> str:
    """Such as `milestones.0.reward`, without `body` or `query` before it."""
    return ".".join(map(str, loc[1:] or loc))


def _message(one: Mapping[str, Any]) -> str:
    """Pydantic's own words, but for those that repeat what was sent."""
    if one["type"] == "union_tag_invalid":
        return f"{one['ctx']['discriminator']} must be one of {one['ctx']['expected_tags']}"
    return str(one["msg"]).removeprefix("Value error, ")


def _by_status(error: HTTPException) -> ApiError:
    if known := BY_STATUS.get(error.status_code):
        return ApiError(known, known.reason, headers=error.headers)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    unknown = ErrorCode(error.status_code, code, error.detail, meaning="")
    return ApiError(unknown, error.detail, headers=error.headers)


TRANSLATIONS: dict[type[Exception], Callable[[Any], ApiError]] = {
    ApiError: lambda error: error,
    services.Unavailable: lambda _: ApiError.of(UNAVAILABLE),
    services.TooSlow: lambda _: ApiError.of(NARROWER_RANGE),
    services.Unstorable: _unstorable,
    RequestValidationError: _invalid,
    UnreadableBody: lambda error: ApiError.of(UNREADABLE_BODY, error.detail),
    HTTPException: _by_status,
    services.NotFound: lambda error: ApiError.of(NOT_FOUND, f"{error}; check the id"),
    services.Conflict: lambda _: ApiError.of(CONFLICT),
    services.NotCorrected: _not_corrected,
    services.NotDrawn: lambda error: ApiError.of(NOT_DRAWN[error.why]),
    services.WindowOver: lambda _: ApiError.of(WINDOW_OVER),
    services.InPast: lambda _: ApiError.of(IN_PAST),
    services.TooSoon: _too_soon,
    services.CampaignOver: lambda _: ApiError.of(CAMPAIGN_OVER),
    services.WouldTakeBack: _would_take_back,
    services.QueueUnavailable: lambda error: ApiError.of(UNAVAILABLE, str(error)),
    services.ForeignPosition: lambda _: ApiError.of(FOREIGN_CURSOR),
    services.PresenceEventsPruned: lambda _: ApiError.of(PRESENCE_EVENTS_PRUNED),
    services.GrantsPruned: lambda _: ApiError.of(GRANTS_PRUNED),
    services.DatabaseMoved: lambda _: ApiError.of(DATABASE_MOVED),
    services.TicketTooLong: lambda _: ApiError.of(TICKET_TOO_LONG),
    services.UnknownTimeZone: lambda _: ApiError.of(UNKNOWN_TIMEZONE),
    services.TooShortPeriods: lambda _: ApiError.of(TOO_LONG_MINIMUM),
    services.TooManyKeys: lambda _: ApiError.of(TOO_MANY_KEYS),
    services.TooManySteps: lambda _: ApiError.of(TOO_MANY_POINTS),
    services.TooManyWebhooks: lambda _: ApiError.of(TOO_MANY_WEBHOOKS),
    services.WebhookEventsPruned: _webhook_events_pruned,
    BadUrl: lambda error: ApiError.of(BAD_URL, str(error)),
    WeakSecret: lambda _: ApiError.of(WEAK_SECRET),
    # Answered, and raised again: Mangum logs it.
    Exception: lambda _: ApiError.of(INTERNAL_ERROR),
}
