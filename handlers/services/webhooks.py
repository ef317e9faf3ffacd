"""Which other systems are told what happens: make, change and replay webhooks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from handlers.adapters.settings import webhooks_may_call_any
from handlers.core.operations.webhooks import (
    ChangeWebhook,
    CreateWebhook,
    DeleteWebhook,
    ListWebhooks,
    MakeTestEvent,
    ReplayWebhook,
    RotateWebhookSecret,
    WebhookRow,
)
from handlers.core.webhook import MAX_WEBHOOKS, OLD_SECRET_FOR, key_of, secret_of, target
from handlers.services.errors import Conflict, NotFound, TooManyWebhooks, WebhookEventsPruned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from handlers.core.operation import RowT, Statement

SECRET_BYTES = 32


class Database(Protocol):
    async def fetch(self, statement: Statement[RowT], /) -> list[RowT]: ...
    async def fetch_one(self, statement: Statement[RowT], /) -> RowT: ...


@dataclass(frozen=True)
class Wanted:
    """What a webhook is to be told, and where."""

    url: str
    types: Sequence[str]
    resource: str | None

    def __post_init__(self) -> None:
        """Raises BadUrl."""
        target(self.url, is_any=webhooks_may_call_any())


@dataclass(frozen=True)
class Made:
    webhook: WebhookRow
    secret: str | None
    """None: the order came before, and its secret is not shown again."""


async def create(
    database: Database, webhook_id: UUID, wanted: Wanted, secret: str | None, fingerprint: str
) -> Made:
    """Make a webhook. Raises BadUrl, WeakSecret, Conflict or TooManyWebhooks."""
    secret = _checked(secret)
    what = (wanted.url, wanted.types, wanted.resource)
    order = CreateWebhook(webhook_id, *what, secret, fingerprint, MAX_WEBHOOKS)
    match await database.fetch_one(order):
        case "conflict":
            raise Conflict
        case "too_many":
            raise TooManyWebhooks
        case outcome:
            made = secret if outcome == "created" else None
            return Made(await read(database, webhook_id), made)


async def read(database: Database, webhook_id: UUID) -> WebhookRow:
    """Raises NotFound."""
    rows = await database.fetch(ListWebhooks(webhook_id))
    if not rows:
        raise NotFound("webhook")
    return rows[0]


async def change(
    database: Database, webhook_id: UUID, wanted: Wanted, *, is_on: bool
) -> WebhookRow:
    """Change a webhook, or switch it. Raises BadUrl, NotFound or WebhookEventsPruned."""
    order = ChangeWebhook(webhook_id, wanted.url, wanted.types, wanted.resource, is_on)
    match await database.fetch_one(order):
        case "unknown":
            raise NotFound("webhook")
        case "pruned":
            raise WebhookEventsPruned
    return await read(database, webhook_id)


async def delete(database: Database, webhook_id: UUID) -> None:
    """Raises NotFound."""
    if not await database.fetch(DeleteWebhook(webhook_id)):
        raise NotFound("webhook")


async def rotate_secret(database: Database, webhook_id: UUID, secret: str | None) -> Made:
    """Sign with a new secret, and for a day also with the old one. Raises NotFound, WeakSecret."""
    secret = _checked(secret)
    if not await database.fetch(RotateWebhookSecret(webhook_id, secret, OLD_SECRET_FOR)):
        raise NotFound("webhook")
    return Made(await read(database, webhook_id), secret)


async def test(database: Database, webhook_id: UUID) -> UUID:
    """Send an event to this webhook alone; returns its id. Raises NotFound."""
    event_id = await database.fetch_one(MakeTestEvent(webhook_id))
    if event_id is None:
        raise NotFound("webhook")
    return event_id


async def replay(database: Database, webhook_id: UUID, begins: datetime) -> WebhookRow:
    """Send again what was recorded since then. Raises NotFound or WebhookEventsPruned."""
    row = await database.fetch_one(ReplayWebhook(webhook_id, begins))
    if row.outcome == "unknown":
        raise NotFound("webhook")
    if row.outcome == "pruned":
        raise WebhookEventsPruned(row.since)
    return await read(database, webhook_id)


def _checked(secret: str | None) -> str:
    """Raises WeakSecret."""
    if secret is None:
        return secret_of(secrets.token_bytes(SECRET_BYTES))
    key_of(secret)
    return secret
