"""Webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from handlers.core.webhook import EventType  # pydantic reads it
from handlers.web.schemas.fields import Id, Millis, Name, NextPage, OwnId, Schema
from handlers.web.schemas.moments import Moment  # pydantic reads it

Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_048),
    Field(
        description="where events are posted to: `https`, at a public address, of at most 2,048 "
        "characters"
    ),
]
Types = Annotated[
    list[EventType],
    Field(
        min_length=1,
        max_length=20,
        description="which events it gets: see the reference of webhooks",
    ),
]
Resource = Annotated[
    Name | None,
    Field(description="only events about this resource; null: about any, and about none"),
]
Secret = Annotated[
    str | None,
    StringConstraints(max_length=100),
    Field(
        description="the secret that signs, `whsec_` and 24 to 64 random bytes in base64; without "
        "it, one is made"
    ),
]


class WebhookOrder(Schema):
    webhook_id: OwnId = None
    url: Url
    types: Types
    resource: Resource = None
    secret: Secret = None


class WebhookEdit(Schema):
    """How a webhook is from now on."""

    url: Url
    types: Types
    resource: Resource = None
    is_on: bool = Field(
        description="false: nothing is sent, and what happens is kept for seven days"
    )


class SecretOrder(Schema):
    secret: Secret = None


class ReplayOrder(Schema):
    begins_at: Moment = Field(
        description="send again what was recorded since then: milliseconds since the epoch, or RFC "
        "3339"
    )


class Webhook(Schema):
    webhook_id: Id
    url: str
    types: list[str]
    resource: str | None
    created_at: Millis
    off_at: Millis | None = Field(description="since when it is off; null: it is on")
    off_by: str | None = Field(
        description="`order`: you switched it off; `gone`: it answered 410; `failing`: it took "
        "nothing for five days; `behind`: it had not had events that were deleted"
    )
    old_until: Millis | None = Field(
        description="until when the secret signs as well that was replaced"
    )
    delivered: int = Field(description="how many events it has taken")
    delivered_at: Millis | None = Field(description="when it took the last one")
    failing_since: Millis | None = Field(description="since when it has taken nothing")
    waiting: int = Field(description="events that are sent again later")
    dead: int = Field(description="events that were given up: see its deliveries")
    behind_ms: int | None = Field(
        description="how long ago the oldest event was recorded that it has not had"
    )


class NewWebhook(Webhook):
    secret: str | None = Field(
        description="verify events with it; it is shown only here. Null: this order came before"
    )


class WebhookList(Schema):
    items: list[Webhook]


class TestEvent(Schema):
    """An event of the type `webhook.test`, which is on its way."""

    event_id: Id


class WebhookDelivery(Schema):
    """An event that was not taken at the first attempt, or a test."""

    event_id: Id
    type: str
    user_id: str | None
    at: Millis
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    first_at: Millis = Field(description="when it was sent first")
    last_at: Millis = Field(description="when it was sent last")
    due_at: Millis | None = Field(
        description="when it is sent again; null: behind another event of its user"
    )
    status: int | None = Field(description="of the last answer; null: there was none")
    error: str | None = Field(
        description="what was wrong with the last attempt: `status`, `redirect`, `gone`, "
        "`timeout`, `unreachable`, `unresolved`, `certificate`, `forbidden_address`, "
        "`forbidden_url`; null: nothing"
    )


class WebhookDeliveriesPage(Schema):
    items: list[WebhookDelivery]
    next: NextPage
