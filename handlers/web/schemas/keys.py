"""Service keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from handlers.web.schemas.fields import Id, Millis, Schema
from handlers.web.scopes import Scope

MAX_DAYS = 3_650
MAX_REQUESTS_PER_MINUTE = 60_000
"""The rate of the API's stage in template.yaml: a higher limit would never be reached."""
MILLIS = "milliseconds since the epoch"
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
        max_length=7,
        description="what it may do: `tickets` mint tickets, `read` presence, reports and orders, "
        "`order` bonuses, campaigns and news, `kick` users, `pay` reads grants and "
        "records payouts, `records` corrects sessions, exports and erases a user's data, "
        "`webhooks` says which other systems are told what happens",
    ),
]


class KeyOrder(Schema):
    name: KeyName
    scopes: Scopes
    expires_in_days: int | None = Field(
        default=None, ge=1, le=MAX_DAYS, description="after so many days the key opens nothing"
    )
    requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=MAX_REQUESTS_PER_MINUTE,
        description="more in a minute are answered 429 `too_many_requests`; null: as many as the "
        "API takes of all together",
    )


class RotateOrder(Schema):
    old_valid_seconds: int = Field(
        ge=0,
        le=MAX_DAYS * 86_400,
        description="for how long the secret that the program has stays good; 0: it leaked",
    )


class NewKey(Schema):
    key_id: Id
    token: str = Field(description="what to send as `Bearer`; it is shown only here")


class Key(Schema):
    key_id: Id
    name: str
    scopes: list[str]
    created_at: Millis
    expires_at: int | None = Field(description=f"{MILLIS}; null: never")
    used_at: int | None = Field(
        description=f"its last use, to the hour: {MILLIS}; null: it was not used yet"
    )
    old_valid_until: int | None = Field(
        description=f"while the key is rotated: until when the secret before is good, {MILLIS}"
    )
    requests_per_minute: int | None = Field(description="its limit; null: it has none")


class OwnKey(Schema):
    """What the key of this request may do."""

    name: str
    scopes: list[str] = Field(description="the service token has all")


class KeyList(Schema):
    items: list[Key]
