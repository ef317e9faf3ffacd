"""$connect: the connection joins its user's session, before the handshake is answered."""

from __future__ import annotations

import logging
from typing import Any

from handlers.adapters.container import Container, Event, live
from handlers.adapters.database import Unavailable
from handlers.adapters.settings import grace, most_connections
from handlers.core import connect
from handlers.core.arrival import arrival

log = logging.getLogger(__name__)


def handle(event: Event, _context: Any, container: Container) -> dict[str, Any]:
    """200, or the handshake's status: 401 for a spent ticket, 429 for a user who has as many
    connections as one may have, 503 without the database.
    """
    who = arrival(event["requestContext"])
    try:
        query = connect.query(who, grace(), most_connections())
        row = container.run(container.database.fetch_one(query))
    except Unavailable as error:
        log.error("connect: %s", error)
        return {"statusCode": 503}
    return {"statusCode": connect.status(row["outcome"])}


handler = live(handle, Container)
