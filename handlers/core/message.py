"""What a client may say. Parsed once, here; everything has a bound."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec

MAX_MESSAGE = 16_384

ActionId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
# No dots: types with a dot, such as bonus.claimed, are ours.
EventType = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}\Z")]
# As a ticket's `resource`. No half of a surrogate pair gets here: JSON that holds one is none.
Resource = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\0]+\Z")]
# As far as a browser counts exactly.
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Hello(msgspec.Struct, frozen=True, tag_field="action", tag="hello"):
    """Draw me, or tell me what I missed after `since`."""

    id: ActionId
    since: Seq | None = None
    epoch: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    broadcasts_since: Seq | None = None


class Act(msgspec.Struct, frozen=True, tag_field="action", tag="act"):
    """The user did something; their other tabs and devices shall know."""

    id: ActionId
    type: EventType
    body: dict[str, Any]
    patch: dict[str, Any] | None = None
    """What it changes in the user's state: a JSON merge patch (RFC 7396)."""


class Claim(msgspec.Struct, frozen=True, tag_field="action", tag="claim"):
    """The user wants a bonus. Whoever names a user can only name themselves."""

    id: ActionId
    bonus_id: UUID
    user_id: str | None = None


class Ack(msgspec.Struct, frozen=True, tag_field="action", tag="ack"):
    """This device shows a bonus: its user need not be told again."""

    id: ActionId
    bonus_id: UUID


class Ledger(msgspec.Struct, frozen=True, tag_field="action", tag="ledger"):
    """What happened to the user's bonuses, before an entry that they know."""

    id: ActionId
    before: Seq | None = None


class Watch(msgspec.Struct, frozen=True, tag_field="action", tag="watch"):
    """The user looks at something else now, over the same connection."""

    id: ActionId
    resource: Resource


Message = Hello | Act | Claim | Ack | Watch | Ledger
ACTIONS = ("hello", "act", "claim", "ack", "watch", "ledger")
# PostgreSQL merges a patch level by level, each on its stack.
DEEPEST_PATCH = 32


class BadMessage(Exception):
    """`code` and reason for the client; `re` is the id of the message, if it could be read."""

    def __init__(self, code: str, reason: str, re: str | None = None) -> None:
        super().__init__(reason)
        self.code, self.re = code, re


def parse(body: str) -> Message:
    """Read a message. Raises BadMessage: bad_json, unknown_action, bad_request, or too_large."""
    if len(body.encode("utf-8", "replace")) > MAX_MESSAGE:
        raise BadMessage("too_large", f"a message has at most {MAX_MESSAGE} bytes")
    try:
        said = msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise BadMessage("bad_request", str(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadMessage("bad_json", f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise BadMessage("bad_request", "a message is a JSON object")
    re = said["id"][:64] if isinstance(said.get("id"), str) else None
    if said.get("action") not in ACTIONS:
        raise BadMessage("unknown_action", f"action is one of {', '.join(ACTIONS)}, ping", re)
    try:
        message: Message = msgspec.convert(said, Message)
    except msgspec.ValidationError as error:
        raise BadMessage("bad_request", str(error), re) from error
    if isinstance(message, Act) and _is_deeper(message.patch, DEEPEST_PATCH):
        raise BadMessage("bad_request", f"a patch has at most {DEEPEST_PATCH} levels", re)
    return message


def _is_deeper(value: object, levels: int) -> bool:
    """Whether objects are nested deeper than that. Arrays end a patch: it replaces them whole."""
    if not isinstance(value, dict):
        return False
    return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in value.values())
