"""Grants."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from typing import Annotated
from uuid import UUID  # noqa: TC003  # FastAPI reads it

from fastapi import Depends, Query, Request, Response

from handlers.services import grants
from handlers.services.grants import ANY, GrantRow, Position, Wanted
from handlers.web.deps import FROM, TO, TheDatabase, UserFilter, check_interval, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    DATABASE_MOVED,
    FOREIGN_CURSOR,
    GRANTS_PRUNED,
    UNAVAILABLE,
    documented,
)
from handlers.web.pagination import CSV, After, CsvResponse, Cursor, Limit, Listing, TheCsvForm
from handlers.web.schemas.grants import Grant, GrantsPage, GrantState
from handlers.web.schemas.moments import MomentInQuery  # noqa: TC001  # FastAPI reads it

router = service_router("grants")
LIST_ERRORS = documented(BAD_REQUEST, FOREIGN_CURSOR, GRANTS_PRUNED, UNAVAILABLE, DATABASE_MOVED)


def _wanted(  # noqa: PLR0913, PLR0917  # one for each filter
    bonus_id: Annotated[UUID | None, Query(description="only grants of this bonus")] = None,
    campaign_id: Annotated[
        UUID | None, Query(description="only of bonuses of this campaign")
    ] = None,
    user_id: UserFilter = None,
    state: Annotated[GrantState | None, Query(description="only grants in this state now")] = None,
    begins: Annotated[MomentInQuery | None, FROM] = None,
    ends: Annotated[MomentInQuery | None, TO] = None,
) -> Wanted:
    """Raises ApiError."""
    check_interval(begins, ends)
    return Wanted(bonus_id, campaign_id, user_id, state, begins, ends)


def _listing(database: TheDatabase, wanted: Wanted = ANY) -> Listing[GrantRow, Position]:
    return Listing(
        Cursor("grants", () if wanted == ANY else astuple(wanted), Position),
        Grant.model_fields,
        partial(grants.read, database, wanted),
        lambda row: Position(row.epoch, row.xid, row.grant_id),
    )


@router.get("/grants", responses=LIST_ERRORS)
async def list_grants(
    database: TheDatabase,
    wanted: Annotated[Wanted, Depends(_wanted)],
    limit: Limit = 100,
    after: After = None,
) -> GrantsPage:
    """Follow the granted claims in order to pay them out: each exactly once.

    Your payout service polls `GET /grants?after=<next>`, without `after` the first time. `next` is
    always set; `has_more` tells whether to poll again at once. Store `next` and what you have paid
    in one transaction. If you pay each pair of `bonus_id` and `user_id` once, reading a page twice
    does no harm. A grant appears a moment after its user is told.

    With a filter a page may be short, or empty, while `has_more` is true. None is missed with any
    filter but `state`, which asks what is so now: follow `pending` for what is to be paid, and read
    `fulfilled` and `rejected` from the first again. `from` and `to` are of `claimed_at`.

    After 422 `foreign_cursor` a backup was restored: read again from the first. 410 `grants_pruned`
    says that grants were deleted before you read them: they are kept for `KeepGrantDays` after the
    end of their bonus. The `detail` of 503 `database_moved` says what to run.
    """
    listing = _listing(database, wanted)
    rows, following = await listing.page(after, limit)
    last = listing.cursor_after(rows) if rows else after
    return GrantsPage(
        items=[Grant.model_validate(row) for row in rows if grants.is_match(row)],
        next=last or listing.cursor.write(await grants.start(database)),
        has_more=following is not None or any(map(grants.is_cut, rows)),
    )


@router.get("/grants.csv", response_class=Response, responses=CSV | LIST_ERRORS)
async def export_grants(
    request: Request, database: TheDatabase, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """List the granted claims as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await _listing(database).csv(request, form, after)
