"""$default: a client's message, and the reply to it in the route response."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from handlers.container import Container, Context, Event, live
from handlers.core.connection import read_connection
from handlers.services.message import Messages


def handle(event: Event, context: Context, container: Container) -> dict[str, Any]:
    """Always 200: the reply says what is wrong."""
    parts = (container.database, container.delivery, container.gateway)
    messages = Messages(*parts, container.kept_out, container.rules)
    connection = read_connection(event["requestContext"])
    body = event.get("body") or ""
    reply = container.run(messages.answer(connection, body, datetime.now(UTC)), context)
    return {"statusCode": 200, "body": reply.decode()}


handler = live(handle, Container)
