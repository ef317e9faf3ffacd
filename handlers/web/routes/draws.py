"""Draws."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypedDict
from uuid import UUID, uuid4

import msgspec
from fastapi import Path, Request, Response

from handlers.services import draws
from handlers.web.deps import TheDatabase, ThePorts, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    NO_CANDIDATES,
    NOT_FOUND,
    REWARD_TOO_LARGE,
    TOO_EARLY,
    UNSTORABLE,
    documented,
)
from handlers.web.orders import created, fingerprint, named, to_json
from handlers.web.pagination import (
    CSV,
    LIST_ERRORS,
    After,
    CsvResponse,
    Cursor,
    Limit,
    Listing,
    TheCsvForm,
)
from handlers.web.schemas.draws import Candidate, CandidatesPage, Claims, Draw, DrawOrder, Present

if TYPE_CHECKING:
    from handlers.services.draws import CandidateRow

router = service_router("bonuses")
BonusId = Annotated[UUID, Path(description="the id of the draw and its bonus")]


class ByRank(NamedTuple):
    """The position in a list of candidates."""

    rank: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@router.post(
    "/draws",
    status_code=201,
    responses=created(
        Draw, NOT_FOUND, TOO_EARLY, NO_CANDIDATES, BAD_REQUEST, REWARD_TOO_LARGE, UNSTORABLE
    ),
)
async def create_draw(order: DrawOrder, ports: ThePorts, response: Response) -> Draw:
    """Draw winners by chance, from one snapshot, and offer them a bonus.

    The bonus has the same id: GET /bonuses/{bonus_id} says how many of the winners have claimed it,
    and DELETE cancels it. After 503 `unavailable` do as after POST /bonuses: the same request with
    the same id draws once.
    """
    new = draws.CreateDraw(
        bonus_id=order.bonus_id or uuid4(),
        reward=to_json(order.reward),
        **_among(order.among),
        winners=order.winners,
        claim_within=timedelta(seconds=order.claim_within_seconds),
        fingerprint=fingerprint(order, "bonus_id"),
    )
    with named("bonus_id", order, new.bonus_id):
        row, is_repeated = await draws.create(ports, new, is_repeatable=order.bonus_id is not None)
    if is_repeated:
        response.status_code = 200
    return Draw.model_validate(row)


class Among(TypedDict):
    """Who the candidates are, as the statement has it."""

    resource: str | None
    among_bonus_id: UUID | None
    within: timedelta | None


def _among(among: Present | Claims) -> Among:
    if isinstance(among, Present):
        return Among(resource=among.resource, among_bonus_id=None, within=None)
    seconds = among.within_seconds
    within = None if seconds is None else timedelta(seconds=seconds)
    return Among(resource=None, among_bonus_id=among.bonus_id, within=within)


@router.get("/draws/{bonus_id}", responses=documented(NOT_FOUND))
async def read_draw(bonus_id: BonusId, database: TheDatabase) -> Draw:
    """Read a draw: what is needed to check it, beside its candidates."""
    return Draw.model_validate(await draws.read(database, bonus_id))


def _listing(database: TheDatabase, bonus_id: UUID) -> Listing[CandidateRow, ByRank]:
    async def fetch(position: ByRank | None, limit: int) -> list[CandidateRow]:
        after_rank = position.rank if position else ""
        return await draws.candidates(database, draws.ListCandidates(bonus_id, after_rank, limit))

    return Listing(
        Cursor("candidates", (bonus_id,), ByRank),
        Candidate.model_fields,
        fetch,
        lambda row: ByRank(row.rank),
    )


@router.get("/draws/{bonus_id}/candidates", responses=LIST_ERRORS | documented(NOT_FOUND))
async def list_candidates(
    bonus_id: BonusId, database: TheDatabase, limit: Limit = 100, after: After = None
) -> CandidatesPage:
    """List the candidates of a draw by their rank: the winners first.

    A user who was erased is missing.
    """
    rows, following = await _listing(database, bonus_id).page(after, limit)
    return CandidatesPage(items=[Candidate.model_validate(row) for row in rows], next=following)


@router.get(
    "/draws/{bonus_id}/candidates.csv",
    response_class=Response,
    responses=CSV | LIST_ERRORS | documented(NOT_FOUND),
)
async def export_candidates(
    bonus_id: BonusId,
    request: Request,
    database: TheDatabase,
    form: TheCsvForm,
    after: After = None,
) -> CsvResponse:
    """List the candidates as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await _listing(database, bonus_id).csv(request, form, after)
