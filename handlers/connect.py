"""$connect: the connection joins its user's session, before the handshake is answered."""

from __future__ import annotations

import logging
from typing import Any

from handlers.adapters.database import Unavailable
from handlers.adapters.settings import grace, max_connections
from handlers.container import ClientContainer, Container, Context, Event, live
from handlers.core.connection import read_connection
from handlers.core.operations import connect

log = logging.getLogger(__name__)


def handle(event: Event, context: Context, container: Container) -> dict[str, Any]:
    """200, or the handshake's status: 401 for a spent ticket, 429 for a user who has as many
    connections as one may have or is kept out, 503 without the database.
    """
    connection = read_connection(event["requestContext"])
    container = container.of_app(connection.app)
    statement = connect.statement(connection, grace(), max_connections())
    try:
        outcome = container.run(container.database.fetch_one(statement), context)
    except Unavailable as error:
        log.error("connect: %s", error)
        container.metrics.count("handshakes_refused", Reason="unavailable")
        return {"statusCode": 503}
    if reason := connect.REASONS.get(outcome):
        container.metrics.count("handshakes_refused", Reason=reason)
    else:
        container.metrics.count("handshakes_accepted")
    return {"statusCode": connect.status(outcome)}


handler = live(handle, ClientContainer)
