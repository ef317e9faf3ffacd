"""What bonuses and news share: audiences, and the progress of a broadcast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from handlers.web.schemas.fields import Name, Schema


class Everyone(Schema):
    """All users who are online, and those who come online before it expires."""

    kind: Literal["everyone"]


class Viewers(Schema):
    """The users who watch this resource."""

    kind: Literal["resource"]
    resource: Name


class Listed(Schema):
    """These users. Order and duplicates do not matter."""

    kind: Literal["users"]
    user_ids: Annotated[
        list[Name],
        Field(min_length=1, max_length=10_000),
        AfterValidator(lambda names: sorted(set(names))),
    ]


class Progress(Schema):
    """How far a broadcast has come. It counts connections, of which a user may have several."""

    sent: int
    gone: int = Field(description="connections that were closed already")
    undelivered: int = Field(description="connections whose gateway did not answer in time")
    dropped: int = Field(
        description="connections that were not tried: the window was over, or it was cancelled"
    )
    shards: int = Field(description="parts of the audience; 0 before the broadcast begins")
    shards_done: int
    rounds: int = Field(
        description="rounds so far; rounds 2 and 3 go to users who have not acknowledged the bonus"
    )
    is_done: bool = Field(
        description="whether every round so far is complete; another round may follow"
    )
    done_at: int | None = Field(
        description="when the last round was complete, in milliseconds since the epoch"
    )
