"""Service keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from handlers.web.schemas.fields import Id, Millis, Schema
from handlers.web.scopes import Scope

KeyName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$"),
    Field(
        description="who uses it, such as `payouts`: it stands in the log beside what the key "
        "changes. Two keys may have one name, so that one can replace the other"
    ),
]
Scopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        max_length=6,
        description="what it may do: `tickets` mint tickets, `read` presence, reports and orders, "
        "`order` bonuses, campaigns and news, `kick` users, `pay` reads grants and "
        "records payouts, `records` corrects sessions, exports and erases a user's data",
    ),
]


class KeyOrder(Schema):
    name: KeyName
    scopes: Scopes


class NewKey(Schema):
    key_id: Id
    token: str = Field(description="what to send as `Bearer`; it is shown only here")


class Key(Schema):
    key_id: Id
    name: str
    scopes: list[str]
    created_at: Millis


class OwnKey(Schema):
    """What the key of this request may do."""

    name: str
    scopes: list[str] = Field(description="the service token has all")


class KeyList(Schema):
    items: list[Key]
