"""$default: a client's message, and the reply to it in the route response."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from handlers.adapters.database import MESSAGE_CALL_SECONDS
from handlers.container import ClientContainer, Container, Context, Event, live
from handlers.core.connection import read_connection
from handlers.core.overload import waited
from handlers.services.message import Messages


class MessageContainer(ClientContainer):
    """A message waits less for the database than other events."""

    call_seconds = MESSAGE_CALL_SECONDS


def handle(event: Event, context: Context, container: Container) -> dict[str, Any]:
    """Always 200: the reply says what is wrong."""
    request, now = event["requestContext"], datetime.now(UTC)
    connection, body = read_connection(request), event.get("body") or ""
    container = container.of_app(connection.app)
    parts = (container.database, container.delivery, container.gateway)
    rules = (container.kept_out, container.rules)
    messages = Messages(*parts, *rules, queue=container.queue, metrics=container.metrics)
    reply = container.run(messages.answer(connection, body, waited(request, now), now), context)
    return {"statusCode": 200, "body": reply.decode()}


handler = live(handle, MessageContainer)
