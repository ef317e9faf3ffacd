"""What whoever runs the show does to a user's connections: list them, close them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import HTTPException, Path, Query

from handlers.adapters.shapes import Devices, Kicked, Name, WhoToKick
from handlers.core.operation import Query as Sql
from handlers.services.kick import Kicks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI
    from fastapi.params import Depends

    from handlers.container import Container

SessionId = Annotated[int, Path(ge=1, lt=2**63)]


def add_routes(app: FastAPI, container: Container, trusted: Sequence[Depends]) -> None:
    """Add the routes; `trusted` asks each caller for the service token."""

    @app.get("/devices", dependencies=trusted, tags=["presence"])
    async def list_devices(user_id: Annotated[Name, Query()]) -> Devices:
        """A user's open connections, the oldest first: as many as one user may have."""
        rows = await container.database.fetch(Sql("connections", (user_id,)))
        return Devices.model_validate({"user_id": user_id, "items": rows})

    @app.post("/kick", dependencies=trusted, tags=["admin"])
    async def kick_user(order: WhoToKick) -> Kicked:
        """Close all connections of a user; their sessions end now, for good.

        To come back they need a new ticket, and that is your backend's to refuse: refuse it first,
        since a ticket that was given out before is good for its 30 seconds. Kicking who is not
        online changes nothing. With `unreachable` connections left, kick again.
        """
        return await _kick(order.user_id, None, container)

    @app.post("/sessions/{session_id}/end", dependencies=trusted, tags=["admin"])
    async def end_session(session_id: SessionId, order: WhoToKick) -> Kicked:
        """Close the connections of one of a user's sessions; it ends now, for good.

        As /kick, but what the user watches beside it goes on. Ending one that is over changes
        nothing.
        """
        if not await container.database.fetch(Sql("find_session", (order.user_id, session_id))):
            raise HTTPException(404, "this user has no such session")
        return await _kick(order.user_id, session_id, container)


async def _kick(user_id: str, session_id: int | None, container: Container) -> Kicked:
    counts = await Kicks(container.database, container.gateway).kick(user_id, session_id)
    return Kicked(closed=counts.closed, gone=counts.gone, unreachable=counts.unreachable)
