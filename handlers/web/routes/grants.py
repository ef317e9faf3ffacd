"""Grants."""

from __future__ import annotations

from functools import partial

from fastapi import Request, Response

from handlers.services import grants
from handlers.services.grants import GrantRow, Position
from handlers.web.deps import TheDatabase, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    DATABASE_MOVED,
    FOREIGN_CURSOR,
    GRANTS_PRUNED,
    UNAVAILABLE,
    documented,
)
from handlers.web.pagination import CSV, After, CsvResponse, Cursor, Limit, Listing, TheCsvForm
from handlers.web.schemas.grants import Grant, GrantsPage

router = service_router("grants")
LIST_ERRORS = documented(BAD_REQUEST, FOREIGN_CURSOR, GRANTS_PRUNED, UNAVAILABLE, DATABASE_MOVED)


def _listing(database: TheDatabase) -> Listing[GrantRow, Position]:
    return Listing(
        Cursor("grants", (), Position),
        Grant.model_fields,
        partial(grants.read, database),
        lambda row: Position(row.epoch, row.xid, row.grant_id),
    )


@router.get("/grants", responses=LIST_ERRORS)
async def list_grants(database: TheDatabase, limit: Limit = 100, after: After = None) -> GrantsPage:
    """Follow the granted claims in order to pay them out: each exactly once.

    Your payout service polls `GET /grants?after=<next>`, without `after` the first time. `next` is
    always set; `has_more` tells whether to poll again at once. Store `next` and what you have paid
    in one transaction. If you pay each pair of `bonus_id` and `user_id` once, reading a page twice
    does no harm. A grant appears a moment after its user is told.

    After 422 `foreign_cursor` a backup was restored: read again from the first. 410 `grants_pruned`
    says that grants were deleted before you read them: they are kept for `KeepGrantDays` after the
    end of their bonus. The `detail` of 503 `database_moved` says what to run.
    """
    listing = _listing(database)
    rows, following = await listing.page(after, limit)
    last = listing.cursor_after(rows) if rows else after
    return GrantsPage(
        items=[Grant.model_validate(row) for row in rows],
        next=last or listing.cursor.write(await grants.start(database)),
        has_more=following is not None,
    )


@router.get("/grants.csv", response_class=Response, responses=CSV | LIST_ERRORS)
async def export_grants(
    request: Request, database: TheDatabase, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """List the granted claims as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await _listing(database).csv(request, form, after)
