"""Webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID, uuid4

from fastapi import Path, Query, Response
from msgspec.structs import asdict

from handlers.core.operations.webhooks import DeliveryRow, ListDeliveries, ListWebhooks
from handlers.services import webhooks
from handlers.web.deps import TheDatabase, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    BAD_URL,
    NOT_FOUND,
    TOO_MANY_WEBHOOKS,
    UNREADABLE_BODY,
    WEAK_SECRET,
    WEBHOOK_EVENTS_PRUNED,
    documented,
)
from handlers.web.orders import created, fingerprint, named
from handlers.web.pagination import LIST_ERRORS, After, Before, Cursor, Limit, Listing, before
from handlers.web.schemas.webhooks import (
    NewWebhook,
    ReplayOrder,
    SecretOrder,
    TestEvent,
    Webhook,
    WebhookDeliveriesPage,
    WebhookDelivery,
    WebhookEdit,
    WebhookList,
    WebhookOrder,
)

if TYPE_CHECKING:
    from handlers.services.webhooks import Made

router = service_router("webhooks")
WebhookId = Annotated[UUID, Path(description="the webhook's id")]
CHANGE_ERRORS = (UNREADABLE_BODY, BAD_REQUEST, NOT_FOUND)


@router.post(
    "/webhooks",
    status_code=201,
    responses=created(NewWebhook, BAD_REQUEST, BAD_URL, WEAK_SECRET, TOO_MANY_WEBHOOKS),
)
async def create_webhook(
    order: WebhookOrder, database: TheDatabase, response: Response
) -> NewWebhook:
    """Have events posted to a URL of yours: CloudEvents, signed as Standard Webhooks says.

    It is told of what is recorded from now on. Keep the secret: your receiver verifies with it, and
    it is not shown again. There are 20 webhooks at most.
    """
    webhook_id = order.webhook_id or uuid4()
    wanted = webhooks.Wanted(order.url, order.types, order.resource)
    digest = fingerprint(order, "webhook_id")
    with named("webhook_id", order, webhook_id):
        made = await webhooks.create(database, webhook_id, wanted, order.secret, digest)
    if made.secret is None:
        response.status_code = 200
    return _new(made)


@router.get("/webhooks")
async def list_webhooks(database: TheDatabase) -> WebhookList:
    """List all webhooks, the oldest first, and how each does."""
    rows = await database.fetch(ListWebhooks())
    return WebhookList(items=[Webhook.model_validate(row) for row in rows])


@router.get("/webhooks/{webhook_id}", responses=documented(NOT_FOUND))
async def read_webhook(webhook_id: WebhookId, database: TheDatabase) -> Webhook:
    """Read a webhook and how it does."""
    return Webhook.model_validate(await webhooks.read(database, webhook_id))


@router.put(
    "/webhooks/{webhook_id}", responses=documented(*CHANGE_ERRORS, BAD_URL, WEBHOOK_EVENTS_PRUNED)
)
async def change_webhook(
    webhook_id: WebhookId, edit: WebhookEdit, database: TheDatabase
) -> Webhook:
    """Change a webhook, or switch it off and on. What waits is sent at once.

    One that is switched on goes on where it was.
    """
    wanted = webhooks.Wanted(edit.url, edit.types, edit.resource)
    row = await webhooks.change(database, webhook_id, wanted, is_on=edit.is_on)
    return Webhook.model_validate(row)


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=documented(NOT_FOUND))
async def delete_webhook(webhook_id: WebhookId, database: TheDatabase) -> None:
    """Delete a webhook: it is told of nothing more, and what waits for it is dropped."""
    await webhooks.delete(database, webhook_id)


@router.post("/webhooks/{webhook_id}/secret", responses=documented(*CHANGE_ERRORS, WEAK_SECRET))
async def rotate_webhook_secret(
    webhook_id: WebhookId, order: SecretOrder, database: TheDatabase
) -> NewWebhook:
    """Replace the secret. For 24 hours the one before signs as well: change your receiver then."""
    return _new(await webhooks.rotate_secret(database, webhook_id, order.secret))


@router.post("/webhooks/{webhook_id}/test", status_code=202, responses=documented(NOT_FOUND))
async def test_webhook(webhook_id: WebhookId, database: TheDatabase) -> TestEvent:
    """Send an event of the type `webhook.test` to this webhook alone.

    GET /webhooks/{webhook_id}/deliveries says what became of it.
    """
    return TestEvent(event_id=await webhooks.test(database, webhook_id))


@router.post(
    "/webhooks/{webhook_id}/replay", responses=documented(*CHANGE_ERRORS, WEBHOOK_EVENTS_PRUNED)
)
async def replay_webhook(
    webhook_id: WebhookId, order: ReplayOrder, database: TheDatabase
) -> Webhook:
    """Send a webhook again what was recorded since a moment, with the ids that the events have.

    Events are kept for seven days. It goes on from there also when it was off for longer.
    """
    return Webhook.model_validate(await webhooks.replay(database, webhook_id, order.begins_at))


@router.get("/webhooks/{webhook_id}/deliveries", responses=documented(NOT_FOUND) | LIST_ERRORS)
async def list_webhook_deliveries(
    webhook_id: WebhookId,
    database: TheDatabase,
    state: Annotated[
        Literal["waiting", "delivered", "dead"] | None, Query(description="only in this state")
    ] = None,
    limit: Limit = 100,
    after: After = None,
) -> WebhookDeliveriesPage:
    """List the events that were not taken at the first attempt, and tests, the newest first."""

    async def fetch(position: Before | None, rows: int) -> list[DeliveryRow]:
        await webhooks.read(database, webhook_id)
        return await database.fetch(ListDeliveries(webhook_id, state, before(position), rows))

    listing = Listing(
        Cursor("webhook_deliveries", (webhook_id, state), Before),
        WebhookDelivery.model_fields,
        fetch,
        lambda row: Before(row.seq),
    )
    rows, following = await listing.page(after, limit)
    items = [WebhookDelivery.model_validate(row) for row in rows]
    return WebhookDeliveriesPage(items=items, next=following)


def _new(made: Made) -> NewWebhook:
    return NewWebhook.model_validate({**asdict(made.webhook), "secret": made.secret})
