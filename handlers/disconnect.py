"""$disconnect: the connection leaves its session. API Gateway may lose it: the sweep does then."""

from __future__ import annotations

from typing import Any

from handlers.adapters.settings import grace
from handlers.container import ClientContainer, Container, Context, Event, live
from handlers.core.connection import read_connection
from handlers.core.operations import disconnect


def handle(event: Event, context: Context, container: Container) -> dict[str, Any]:
    """API Gateway ignores the answer. Unavailable is raised, so that it counts as an error of the
    function.
    """
    request = event["requestContext"]
    statement = disconnect.statement(read_connection(request), request, grace())
    container.run(container.database.fetch(statement), context)
    return {"statusCode": 200}


handler = live(handle, ClientContainer)
