"""$disconnect: the connection leaves its session. Best effort: the sweep finds the others."""

from __future__ import annotations

from typing import Any

from handlers.adapters.container import Container, Event, live
from handlers.adapters.settings import grace
from handlers.core import disconnect
from handlers.core.arrival import arrival


def handle(event: Event, _context: Any, container: Container) -> dict[str, Any]:
    """Nobody reads the answer; Unavailable rises, so that the function's errors count it."""
    request = event["requestContext"]
    query = disconnect.query(arrival(request), request, grace())
    container.run(container.database.fetch(query))
    return {"statusCode": 200}


handler = live(handle, Container)
