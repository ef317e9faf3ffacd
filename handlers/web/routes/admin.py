"""Kick users, end sessions and close connections."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import Field

from handlers.services.errors import NotFound
from handlers.services.kick import KickCounts  # noqa: TC001
from handlers.services.presence import FindSession
from handlers.web.deps import TheDatabase, TheKicks, service_router
from handlers.web.errors import NOT_FOUND, UNREADABLE_BODY, documented
from handlers.web.schemas.admin import CloseOrder, Kicked, KickOrder
from handlers.web.schemas.fields import IN_DECIMALS

router = service_router("admin")

SessionId = Annotated[
    int,
    Field(ge=1, lt=2**63),
    IN_DECIMALS,
    Path(description="the `session_id` of GET /connections or GET /sessions"),
]


@router.post("/kick", responses=documented(UNREADABLE_BODY))
async def kick_user(order: KickOrder, database: TheDatabase, kicks: TheKicks) -> Kicked:
    """Close all connections of a user and end their sessions for good.

    Each connection is told your `reason` first. The user can only come back with a new ticket, so
    stop minting tickets for them first. A ticket that was minted before stays valid for its 30
    seconds. Kicking a user who is offline changes nothing. If connections are `unreachable`, kick
    again.
    """
    await database.note(order.user_id, order.reason)
    return _kicked(await kicks.kick(order.user_id, words=order.reason))


@router.post("/sessions/{session_id}/end", responses=documented(UNREADABLE_BODY, NOT_FOUND))
async def end_session(
    session_id: SessionId, order: KickOrder, database: TheDatabase, kicks: TheKicks
) -> Kicked:
    """Close the connections of one session and end it for good.

    The user's other sessions go on. Ending a session that is over changes nothing. Otherwise as
    POST /kick.
    """
    if not await database.fetch(FindSession(order.user_id, session_id)):
        raise NotFound("session of this user")
    await database.note(order.user_id, order.reason)
    return _kicked(await kicks.kick(order.user_id, session_id, order.reason))


@router.post("/connections/close", responses=documented(UNREADABLE_BODY))
async def close_connection(order: CloseOrder, database: TheDatabase, kicks: TheKicks) -> Kicked:
    """Close one connection of a user, and leave the others open.

    Its session goes on with the others, and ends for good if it was the last one. Closing a
    connection that is not open any more changes nothing. Otherwise as POST /kick.
    """
    await database.note(order.user_id, order.reason)
    return _kicked(await kicks.close_one(order.user_id, order.connection_id, order.reason))


def _kicked(counts: KickCounts) -> Kicked:
    return Kicked(closed=counts.closed, gone=counts.gone, unreachable=counts.unreachable)
