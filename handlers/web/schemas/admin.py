"""Kicking users."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from handlers.web.schemas.fields import Name, Schema, UserId, storable

Words = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]


class KickOrder(Schema):
    user_id: UserId
    reason: Annotated[
        Words | None,
        Field(description="your words to the user, for their page to show; also in GET /audit"),
    ] = None


class CloseOrder(KickOrder):
    connection_id: Name = Field(description="the `connection_id` of GET /connections")


class Kicked(Schema):
    """How many connections were closed."""

    closed: int
    gone: int = Field(description="connections that were closed already")
    unreachable: int = Field(
        description="connections that are still open: their gateway does not answer, or their "
        "handshake is under way. Send the request again"
    )
