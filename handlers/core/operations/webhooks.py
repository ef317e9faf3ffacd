"""webhooks: what other systems are told, and how far each has been told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Statement


class CreateWebhook(Statement[str], frozen=True):
    """Returns created, repeated, conflict or too_many."""

    function: ClassVar[str] = "create_webhook"
    order_of: ClassVar[str] = "webhook_id"
    webhook_id: UUID
    url: str
    types: Sequence[str]
    resource: str | None
    secret: str
    fingerprint: str
    max: int


class ChangeWebhook(Statement[str], frozen=True):
    """Returns changed, unknown or pruned."""

    function: ClassVar[str] = "change_webhook"
    order_of: ClassVar[str] = "webhook_id"
    webhook_id: UUID
    url: str
    types: Sequence[str]
    resource: str | None
    is_on: bool


class DeleteWebhook(Statement[UUID], frozen=True):
    query: ClassVar[str] = "delete_webhook"
    order_of: ClassVar[str] = "webhook_id"
    webhook_id: UUID


class RotateWebhookSecret(Statement[UUID], frozen=True):
    query: ClassVar[str] = "rotate_webhook_secret"
    order_of: ClassVar[str] = "webhook_id"
    webhook_id: UUID
    secret: str
    old_for: timedelta


class ReplayRow(msgspec.Struct, frozen=True):
    outcome: str
    """replayed, unknown or pruned"""
    since: int | None
    """the moment from which on there can be a replay"""


class ReplayWebhook(Statement[ReplayRow], frozen=True):
    function: ClassVar[str] = "replay_webhook"
    order_of: ClassVar[str] = "webhook_id"
    webhook_id: UUID
    # Not `from`, which is no name of a field.
    begins: datetime


class MakeTestEvent(Statement[UUID | None], frozen=True):
    """Returns the event's id; None: there is no such webhook."""

    function: ClassVar[str] = "test_webhook"
    webhook_id: UUID


class WebhookRow(msgspec.Struct, frozen=True):
    webhook_id: UUID
    url: str
    types: list[str]
    resource: str | None
    created_at: int
    off_at: int | None
    off_by: str | None
    """order, gone, failing or behind"""
    old_until: int | None
    delivered: int
    delivered_at: int | None
    failing_since: int | None
    waiting: int
    dead: int
    behind_ms: int | None
    """how long ago the oldest event was recorded that it has not had"""


class ListWebhooks(Statement[WebhookRow], frozen=True):
    query: ClassVar[str] = "webhooks"
    webhook_id: UUID | None = None


class DeliveryRow(msgspec.Struct, frozen=True):
    seq: int
    event_id: UUID
    type: str
    user_id: str | None
    at: int
    state: str
    """waiting, delivered or dead"""
    attempts: int
    first_at: int
    last_at: int
    due_at: int | None
    """None: behind another event of its user"""
    status: int | None
    error: str | None


class ListDeliveries(Statement[DeliveryRow], frozen=True):
    query: ClassVar[str] = "webhook_deliveries"
    webhook_id: UUID
    state: str | None
    before_seq: int
    limit: int


class CollectedRow(msgspec.Struct, frozen=True):
    collected: int
    is_behind: bool
    """There may be more."""
    webhooks: int
    """How many there are."""


class CollectWebhookEvents(Statement[CollectedRow], frozen=True):
    function: ClassVar[str] = "collect_webhook_events"
    limit: int


class ListDueWebhooks(Statement[UUID], frozen=True):
    query: ClassVar[str] = "due_webhooks"


class TakenRow(msgspec.Struct, frozen=True):
    url: str
    secrets: list[str]
    failures: int
    """passes in a row in which nothing was delivered"""
    upto: int
    events: Json
    """a list of `handlers.core.webhook.Event`"""


class TakeWebhook(Statement[TakenRow], frozen=True):
    """No row: another worker holds it, or its time has not come."""

    function: ClassVar[str] = "take_webhook"
    webhook_id: UUID
    worker: UUID
    hold: timedelta
    limit: int
    max_waiting: int


class ReportWebhook(Statement[bool], frozen=True):
    """False: it is another worker's meanwhile."""

    function: ClassVar[str] = "report_webhook"
    webhook_id: UUID
    worker: UUID
    upto: int
    delivered: int
    outcomes: Json
    pause: timedelta | None
    is_gone: bool
