"""The types of fields, each with its bounds."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from handlers.core.names import MAX_NAME, is_storable
from handlers.core.nesting import is_deeper

MAX_JSON_LEVELS = 32
# A day. A larger number of seconds is most likely meant in milliseconds.
MAX_SECONDS = 86_400


# No digits but those of Etc: PostgreSQL would take other names for rules of their own.
TIMEZONE_PATTERN = (
    r"^(UTC|[A-Za-z_-]{1,32}(/[A-Za-z_-]{1,32}){1,2}"
    r"|Etc/GMT(-([0-9]|1[0-4])|\+([0-9]|1[0-2])))$"
)


class Schema(BaseModel):
    """A request or response body. Times are integer milliseconds since the epoch.

    Strict: true is no number, "7" is none either, and a member that is not known is refused.
    """

    model_config = ConfigDict(extra="forbid", from_attributes=True, strict=True)


def storable(name: str) -> str:
    if not is_storable(name):
        raise ValueError("a text must not contain NUL or an unpaired surrogate; remove it")
    return name


def _shallow(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Pydantic reads some 250 levels; a list of stored values must stay below that."""
    if is_deeper(value, MAX_JSON_LEVELS):
        raise ValueError(f"objects and arrays must not be nested deeper than {MAX_JSON_LEVELS}")
    return value


def _decimal(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch("-?(0|[1-9][0-9]*)", value):
        raise ValueError("send a whole number in decimal digits, such as 100")
    return value


def _parsed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_shallow)]
FROM_JSON = BeforeValidator(_parsed)
"""For JSON from the database, which sends it as text."""
StoredObject = Annotated[dict[str, JsonValue], FROM_JSON]
IN_DECIMALS = BeforeValidator(_decimal)
"""For a whole number in a path or a query, where all is text: not 1_000, +5, 7.0 or " 8".

Its bounds stand before this. Behind it they hold as well, but OpenAPI does not have them.
"""
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_NAME),
    AfterValidator(storable),
]
UserId = Annotated[Name, Field(description="the user's id in your system")]
Author = Annotated[
    Name,
    Field(description="who asks: a person, a program or a case of yours; kept with the time"),
]
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1_000),
    AfterValidator(storable),
    Field(description="why, for an auditor; kept with the author and the time"),
]
OrderedBy = Annotated[
    str | None,
    Field(
        description="the name of the key that ordered it; null: none did, or that was longer ago "
        "than GET /audit goes back"
    ),
]
Millis = Annotated[int, Field(description="milliseconds since the epoch")]
ServerNow = Annotated[
    int, Field(description="the database's time at the response, in milliseconds since the epoch")
]
NextPage = Annotated[
    str | None, Field(description="pass it as `after` for the next page; null on the last page")
]
NextPoll = Annotated[
    str,
    Field(
        description="pass it as `after` next time. Always set: at the end of the list it leads to "
        "what is added later"
    ),
]
HasMore = Annotated[bool, Field(description="whether to poll again at once")]

Id = Annotated[UUID, Field(strict=False)]
"""JSON has no UUIDs: it is text there, and an object here."""
OWN_ID = "own id"
"""Marks the member that the header `Idempotency-Key` stands for."""
OwnId = Annotated[
    Id | None,
    Field(
        description="an id of your own, so that you can send the request again when its response "
        "gets lost. The same request is then answered 200 with what the first one created, "
        "another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each "
        "request creates something new"
    ),
    OWN_ID,
]
ClockName = Literal["connected", "visible"]
Duration = Annotated[float, Field(ge=1, le=MAX_SECONDS)]
Reward = Annotated[
    JsonObject,
    Field(
        description="what a user gets for claiming: any JSON object of at most 4,096 bytes as "
        "stored, nested at most 32 levels deep"
    ),
]
