"""Kicking users."""

from __future__ import annotations

from pydantic import Field

from handlers.web.schemas.fields import Schema, UserId


class KickOrder(Schema):
    user_id: UserId


class Kicked(Schema):
    """How many connections were closed."""

    closed: int
    gone: int = Field(description="connections that were closed already")
    unreachable: int = Field(
        description="connections that are still open: their gateway does not answer, or their "
        "handshake is under way. Send the request again"
    )
