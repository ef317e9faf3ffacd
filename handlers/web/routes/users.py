"""What happened to a user: their ledger and their stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from handlers.services.users import LedgerEntryRow, ListLedger, ListUserEvents, UserEventRow
from handlers.web.deps import TheDatabase, service_router
from handlers.web.pagination import LIST_ERRORS, After, Before, Cursor, Limit, Listing, before
from handlers.web.schemas.fields import Name  # FastAPI reads it
from handlers.web.schemas.users import LedgerEntry, LedgerPage, UserEvent, UserEventsPage

router = service_router("presence")
UserId = Annotated[Name, Query(description="the user")]


@router.get("/users/ledger", responses=LIST_ERRORS)
async def list_ledger(
    user_id: UserId, database: TheDatabase, limit: Limit = 100, after: After = None
) -> LedgerPage:
    """List the ledger of a user, newest first: what they alone were offered, what they have
    claimed, and what became of it.

    It is kept for `KeepLedgerDays`. An unknown user has an empty one.
    """

    async def fetch(position: Before | None, rows: int) -> list[LedgerEntryRow]:
        return await database.fetch(ListLedger(user_id, before(position), rows))

    listing = Listing(
        Cursor("ledger", (user_id,), Before),
        LedgerEntry.model_fields,
        fetch,
        lambda row: Before(row.id),
    )
    rows, following = await listing.page(after, limit)
    return LedgerPage(items=[LedgerEntry.model_validate(row) for row in rows], next=following)


@router.get("/users/events", responses=LIST_ERRORS)
async def list_user_events(
    user_id: UserId, database: TheDatabase, limit: Limit = 100, after: After = None
) -> UserEventsPage:
    """List the events of a user's stream, newest first: what their tabs and devices have in common.

    Events are kept for `KeepEventDays`. An unknown user has none.
    """

    async def fetch(position: Before | None, rows: int) -> list[UserEventRow]:
        return await database.fetch(ListUserEvents(user_id, before(position), rows))

    listing = Listing(
        Cursor("user_events", (user_id,), Before),
        UserEvent.model_fields,
        fetch,
        lambda row: Before(row.seq),
    )
    rows, following = await listing.page(after, limit)
    return UserEventsPage(items=[UserEvent.model_validate(row) for row in rows], next=following)
