"""The audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from handlers.services.audit import AuditRow, ListAudit
from handlers.services.presence import ALWAYS, NEVER
from handlers.services.reports import REPORT_TIMEOUT
from handlers.web.deps import FROM, TO, TheDatabase, check_interval, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    FOREIGN_CURSOR,
    NARROWER_RANGE,
    REVERSED_INTERVAL,
    documented,
)
from handlers.web.pagination import After, Before, Cursor, Limit, Listing, before
from handlers.web.schemas.audit import AuditEntry, AuditPage
from handlers.web.schemas.fields import Name  # noqa: TC001  # FastAPI reads it
from handlers.web.schemas.moments import MomentInQuery  # noqa: TC001

router = service_router("audit")
LIST_ERRORS = documented(BAD_REQUEST, REVERSED_INTERVAL, FOREIGN_CURSOR, NARROWER_RANGE)


@router.get("/audit", responses=LIST_ERRORS)
async def list_audit(  # noqa: PLR0913, PLR0917  # most are filters
    database: TheDatabase,
    author: Annotated[Name | None, Query(description="only orders of this key's name")] = None,
    operation: Annotated[Name | None, Query(description="only this operation")] = None,
    subject: Annotated[Name | None, Query(description="only about this id")] = None,
    begins: Annotated[MomentInQuery | None, FROM] = None,
    ends: Annotated[MomentInQuery | None, TO] = None,
    limit: Limit = 100,
    after: After = None,
) -> AuditPage:
    """List what keys have ordered, the newest first: who, what, when, and from where.

    An order and its entry are written together. Entries are kept for 400 days. Payouts have their
    author in GET /grants.
    """
    check_interval(begins, ends)

    async def fetch(position: Before | None, rows: int) -> list[AuditRow]:
        interval = (begins or ALWAYS, ends or NEVER)
        page = ListAudit(before(position), author, operation, subject, *interval, rows)
        return await database.report(page, REPORT_TIMEOUT)

    listing = Listing(
        Cursor("audit", (author, operation, subject, begins, ends), Before),
        AuditEntry.model_fields,
        fetch,
        lambda row: Before(row.id),
    )
    rows, following = await listing.page(after, limit)
    return AuditPage(items=[AuditEntry.model_validate(row) for row in rows], next=following)
