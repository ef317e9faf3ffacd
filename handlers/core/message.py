"""The messages of clients. Parsed once, here; everything has a bound."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec

from handlers.core import reasons
from handlers.core.message_id import find_id
from handlers.core.names import MAX_NAME, NAME_PATTERN
from handlers.core.nesting import MAX_LEVELS, is_deeper

MAX_MESSAGE_BYTES = 16_384

ActionId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
# No dots: types with a dot, such as bonus.claimed, are the service's own.
EventType = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}\Z")]
# As a ticket's `resource`. The parser refuses half a surrogate pair before this.
Resource = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_PATTERN)]
# As far as a browser counts exactly.
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
# The `next` of a page of bonuses: microseconds since the epoch, and a bonus' id.
BonusCursor = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{1,16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
]
Change = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class HelloMessage(msgspec.Struct, frozen=True, tag_field="action", tag="hello"):
    """Asks for everything to draw, or for what came after `since`.

    May say whether the client is visible, as a `VisibilityMessage` does.
    """

    id: ActionId
    since: Seq | None = None
    epoch: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    broadcasts_since: Seq | None = None
    visible: bool | None = None
    change: Change | None = None


class ActMessage(msgspec.Struct, frozen=True, tag_field="action", tag="act"):
    """Something the user did, for their other tabs and devices to show."""

    id: ActionId
    type: EventType
    body: dict[str, Any]
    patch: dict[str, Any] | None = None
    """What it changes in the user's state: a JSON merge patch (RFC 7396)."""


class ClaimMessage(msgspec.Struct, frozen=True, tag_field="action", tag="claim"):
    """Asks for a bonus. `user_id` may only be the connection's own user."""

    id: ActionId
    bonus_id: UUID
    user_id: str | None = None


class AckMessage(msgspec.Struct, frozen=True, tag_field="action", tag="ack"):
    """This device shows a bonus: no further round needs to reach its user."""

    id: ActionId
    bonus_id: UUID


class AnswerMessage(msgspec.Struct, frozen=True, tag_field="action", tag="answer"):
    """Answers a question with one of its options, the first of which is 0."""

    id: ActionId
    question_id: UUID
    option: Annotated[int, msgspec.Meta(ge=0, le=9)]


class LedgerMessage(msgspec.Struct, frozen=True, tag_field="action", tag="ledger"):
    """Asks what happened to the user's bonuses, before an entry that the client has."""

    id: ActionId
    before: Seq | None = None


class BonusesMessage(msgspec.Struct, frozen=True, tag_field="action", tag="bonuses"):
    """Asks for the bonuses that are for the user, behind the page before."""

    id: ActionId
    after: BonusCursor | None = None


class CampaignsMessage(msgspec.Struct, frozen=True, tag_field="action", tag="campaigns"):
    """Asks for the campaigns that are for the user, behind the page before."""

    id: ActionId
    after: UUID | None = None


class WatchMessage(msgspec.Struct, frozen=True, tag_field="action", tag="watch"):
    """Moves the connection to another resource."""

    id: ActionId
    resource: Resource


class VisibilityMessage(msgspec.Struct, frozen=True, tag_field="action", tag="visibility"):
    """Says whether the user can see the client; the connection's `change`-th state."""

    id: ActionId
    visible: bool
    change: Change


class AudienceMessage(msgspec.Struct, frozen=True, tag_field="action", tag="audience"):
    """Asks how many watch a resource."""

    id: ActionId
    resource: Resource


Message = (
    HelloMessage
    | ActMessage
    | ClaimMessage
    | AckMessage
    | AnswerMessage
    | WatchMessage
    | LedgerMessage
    | BonusesMessage
    | CampaignsMessage
    | VisibilityMessage
    | AudienceMessage
)
ACTIONS = (
    "hello",
    "act",
    "claim",
    "ack",
    "answer",
    "watch",
    "ledger",
    "bonuses",
    "campaigns",
    "visibility",
    "audience",
)
# PostgreSQL merges a patch by recursion.
MAX_PATCH_DEPTH = 32

TOO_LARGE = f"the message is larger than {MAX_MESSAGE_BYTES} bytes: send less in one message"
UNSTORABLE = "a value in this message cannot be stored, such as a NUL character: remove it"
TOO_DEEP = f"patch is nested deeper than {MAX_PATCH_DEPTH} levels: flatten it"
NOT_NUMBERED = "visible and change go together: send both, or neither"
UNKNOWN_ACTION = f"action is missing or unknown: send one of {', '.join(ACTIONS)}, ping"


class BadMessage(Exception):
    """`code` and reason for the client; `re` is the id of the message, if one can be found."""

    def __init__(self, code: str, reason: str, re: str | None = None) -> None:
        super().__init__(reason)
        self.code, self.re = code, re


def parse(body: str) -> Message:
    """Read a message. Raises BadMessage: bad_json, unknown_action, bad_request, or too_large."""
    if len(body.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise BadMessage("too_large", TOO_LARGE, find_id(body))
    try:
        fields = msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise BadMessage("bad_request", reasons.NUMBER_OUT_OF_RANGE, find_id(body)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadMessage("bad_json", reasons.of_json(error), find_id(body)) from error
    if not isinstance(fields, dict):
        raise BadMessage("bad_request", reasons.NOT_AN_OBJECT)
    if body.count("{") + body.count("[") > MAX_LEVELS and is_deeper(fields, MAX_LEVELS):
        raise BadMessage("bad_json", reasons.NESTED_TOO_DEEPLY, find_id(body))
    re = fields["id"][:64] if isinstance(fields.get("id"), str) else None
    if fields.get("action") not in ACTIONS:
        raise BadMessage("unknown_action", UNKNOWN_ACTION, re)
    try:
        message: Message = msgspec.convert(fields, Message)
    except msgspec.ValidationError as error:
        raise BadMessage("bad_request", reasons.of_field(error), re) from error
    if isinstance(message, ActMessage) and _is_deeper(message.patch, MAX_PATCH_DEPTH):
        raise BadMessage("bad_request", TOO_DEEP, re)
    if isinstance(message, HelloMessage) and (message.visible is None) != (message.change is None):
        raise BadMessage("bad_request", NOT_NUMBERED, re)
    if _has_nul(body, message):
        raise BadMessage("bad_request", UNSTORABLE, re)
    return message


def _has_nul(body: str, message: Message) -> bool:
    """Whether a text in a message has a NUL character, which PostgreSQL does not store."""
    if "\\u0000" not in body:
        return False
    # Without pairs of backslashes, each of the rest begins an escape.
    return "\\u0000" in msgspec.json.encode(message).decode().replace("\\\\", "")


def _is_deeper(value: object, levels: int) -> bool:
    """Whether objects are nested deeper than that. Arrays do not count: a patch replaces them."""
    if not isinstance(value, dict):
        return False
    return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in value.values())
