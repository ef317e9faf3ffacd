"""Corrections of past sessions."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Path, Query, Response
from pydantic import Field

from handlers.services import corrections, reports
from handlers.services.corrections import (
    CreateCorrection,
    ListCorrections,
    ListedCorrectionRow,
)
from handlers.services.presence import ALWAYS, NEVER
from handlers.web.deps import FROM, TO, TheDatabase, UserFilter, check_interval, service_router
from handlers.web.errors import (
    ALREADY_CORRECTED,
    BAD_REQUEST,
    FAR_FROM_RECORDED,
    FOREIGN_CURSOR,
    IN_FUTURE,
    NARROWER_RANGE,
    NOT_FOUND,
    NOTHING_TO_CORRECT,
    REVERSED_INTERVAL,
    SESSION_OPEN,
    SESSIONS_OVERLAP,
    documented,
)
from handlers.web.orders import created, fingerprint, named
from handlers.web.pagination import After, Cursor, Limit, Listing, NewestFirst, newest_first
from handlers.web.schemas.corrections import Correction, CorrectionOrder, CorrectionsPage
from handlers.web.schemas.fields import IN_DECIMALS
from handlers.web.schemas.moments import MomentInQuery  # noqa: TC001  # FastAPI reads it

router = service_router("corrections")

REFUSALS = (
    *(NOT_FOUND, SESSION_OPEN, ALREADY_CORRECTED, SESSIONS_OVERLAP),
    *(BAD_REQUEST, IN_FUTURE, FAR_FROM_RECORDED, NOTHING_TO_CORRECT),
)


@router.post("/corrections", status_code=201, responses=created(Correction, *REFUSALS))
async def create_correction(
    order: CorrectionOrder, database: TheDatabase, response: Response
) -> Correction:
    """Correct a past session: say when its user was there.

    What was recorded stays. Reports and totals of watch time count the corrected times, or with
    `corrections=ignored` the recorded ones. A later correction replaces this one as a whole; it
    names the `revision` that it replaces, so that two authors never overwrite each other. Visible
    time is what was recorded as visible within the new times. Progress towards awards and the
    bonuses that were made stay.
    """
    new = CreateCorrection(
        correction_id=order.correction_id or uuid4(),
        user_id=order.user_id,
        session_id=order.session_id,
        revision=order.revision,
        joined_at=[time.joined_at for time in order.times],
        ended_at=[time.ended_at for time in order.times],
        reason=order.reason,
        author=order.author,
        fingerprint=fingerprint(order, "correction_id"),
    )
    with named("correction_id", order, new.correction_id):
        row, is_repeated = await corrections.create(database, new)
    if is_repeated:
        response.status_code = 200
    return Correction.model_validate(row)


@router.get("/corrections/{correction_id}", responses=documented(NOT_FOUND))
async def read_correction(
    correction_id: Annotated[UUID, Path(description="the correction's id")], database: TheDatabase
) -> Correction:
    """Read a correction. It is kept as long as the session."""
    return Correction.model_validate(await corrections.read(database, correction_id))


SessionFilter = Annotated[
    Annotated[int, Field(ge=1, lt=2**63), IN_DECIMALS] | None,
    Query(description="only corrections of this session"),
]


@router.get(
    "/corrections",
    responses=documented(BAD_REQUEST, FOREIGN_CURSOR, REVERSED_INTERVAL, NARROWER_RANGE),
)
async def list_corrections(  # noqa: PLR0913, PLR0917  # most are filters
    database: TheDatabase,
    user_id: UserFilter = None,
    session_id: SessionFilter = None,
    begins: Annotated[MomentInQuery | None, FROM] = None,
    ends: Annotated[MomentInQuery | None, TO] = None,
    limit: Limit = 100,
    after: After = None,
) -> CorrectionsPage:
    """List corrections, the newest first: of a user, of a session, or made within an interval.

    They include those that later ones have replaced.
    """
    check_interval(begins, ends)

    async def fetch(position: NewestFirst | None, rows: int) -> list[ListedCorrectionRow]:
        page = ListCorrections(
            *newest_first(position), user_id, session_id, begins or ALWAYS, ends or NEVER, rows
        )
        return await database.report(page, reports.REPORT_TIMEOUT)

    listing = Listing(
        Cursor("corrections", (user_id, session_id, begins, ends), NewestFirst),
        Correction.model_fields,
        fetch,
        lambda row: NewestFirst(row.position, row.correction_id),
    )
    rows, following = await listing.page(after, limit)
    return CorrectionsPage(items=[Correction.model_validate(row) for row in rows], next=following)
