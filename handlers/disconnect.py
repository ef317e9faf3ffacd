"""$disconnect: the connection leaves its session. API Gateway may lose it: the sweep does then."""

from __future__ import annotations

import logging
from typing import Any

from handlers.adapters.database import Unavailable
from handlers.adapters.settings import grace
from handlers.container import ClientContainer, Container, Context, Event, live
from handlers.core.connection import read_connection
from handlers.core.operations import disconnect

log = logging.getLogger(__name__)


def handle(event: Event, context: Context, container: Container) -> dict[str, Any]:
    """API Gateway ignores the answer. Without the database it is no error of the function: that is
    counted as `database_unavailable`.
    """
    request = event["requestContext"]
    connection = read_connection(request)
    container = container.of_app(connection.app)
    statement = disconnect.statement(connection, request, grace())
    try:
        container.run(container.database.fetch(statement), context)
    except Unavailable as error:
        log.error("disconnect: left to the sweep: %s", error)
        return {"statusCode": 503}
    return {"statusCode": 200}


handler = live(handle, ClientContainer)
