"""Tickets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from handlers.core.ticket import MAX_MAY_WATCH, is_short
from handlers.web.schemas.fields import Millis, Name, Schema, UserId


class TicketOrder(Schema):
    """The user of the ticket, and what its connection may do."""

    user_id: UserId
    resource: Annotated[
        Name, Field(description="what the user watches first, such as a page or a stream")
    ] = "site"
    device: Annotated[
        Name | None,
        Field(description='a label for this connection in GET /connections, such as "phone"'),
    ] = None
    may_watch: Annotated[
        Literal["*"] | list[Name],
        Field(
            description="further resources that this connection may move to with a `watch` "
            'message; "*" allows every resource. What a user watches decides which minutes and '
            "which bonuses count, so the default allows none"
        ),
    ] = []  # noqa: RUF012  # pydantic copies it

    may_list: Annotated[
        bool,
        Field(
            description="whether the user's page may show by name who watches what it watches: the "
            "`user_id`s of up to 50 users. The default shows numbers only"
        ),
    ] = False

    @field_validator("may_watch")
    @classmethod
    def fits(cls, names: Literal["*"] | list[str]) -> Literal["*"] | list[str]:
        if not is_short(names):
            raise ValueError(f"may_watch must not exceed {MAX_MAY_WATCH} bytes of JSON")
        return names


class Ticket(Schema):
    """A ticket opens one connection, once."""

    ticket: str = Field(description="a signed token (JWT)")
    url: str = Field(description="where to connect: `{url}?ticket={ticket}`, before it expires")
    expires_at: Millis
