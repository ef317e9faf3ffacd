"""Bonuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, NamedTuple
from uuid import UUID, uuid4

from fastapi import Depends, Path, Query, Request, Response

from handlers.services import bonuses
from handlers.services.bonuses import ClaimRow, CreateBonus, ListedBonusRow
from handlers.web.deps import TheDatabase, ThePorts, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    NOT_FOUND,
    REWARD_TOO_LARGE,
    UNSTORABLE,
    WINDOW_OVER,
    documented,
)
from handlers.web.orders import audience_of, created, fingerprint, named, to_json
from handlers.web.pagination import (
    CSV,
    LIST_ERRORS,
    After,
    CsvResponse,
    Cursor,
    Limit,
    Listing,
    NewestFirst,
    TheCsvForm,
    newest_first,
)
from handlers.web.schemas.bonuses import (
    Bonus,
    BonusesPage,
    BonusOrder,
    BonusWarning,
    Claim,
    ClaimCount,
    ClaimCounts,
    ClaimsPage,
    CreatedBonus,
    ListedBonus,
)
from handlers.web.schemas.broadcasts import Listed
from handlers.web.schemas.fields import Name  # noqa: TC001  # FastAPI reads it

router = service_router("bonuses")
BonusId = Annotated[UUID, Path(description="the bonus' id")]


@router.post(
    "/bonuses",
    status_code=201,
    responses=created(CreatedBonus, BAD_REQUEST, WINDOW_OVER, REWARD_TOO_LARGE, UNSTORABLE),
)
async def create_bonus(order: BonusOrder, ports: ThePorts, response: Response) -> CreatedBonus:
    """Offer a bonus: its audience is told at once and can claim it while the window is open.

    `estimate` says how many are told before the bonus expires, and `warnings` when these are not
    all: `PushesPerSecond` bounds how many are told a second.

    After 503 `unavailable` the bonus may exist: send the same request with the same `bonus_id`
    again, or cancel it with DELETE. If you do neither, its audience is told within a minute, as
    long as the window is open. Without a `bonus_id` of yours, `detail` says which of two it is: the
    bonus was cancelled because the queue does not answer, or the database does not answer, and then
    it names the `bonus_id` to send.
    """
    new = _creation(order)
    with named("bonus_id", order, new.bonus_id):
        bonus = await bonuses.create(ports, new, is_repeatable=order.bonus_id is not None)
    if bonus.is_repeated:
        response.status_code = 200
    expected = bonuses.estimate(bonus.row)
    return CreatedBonus.model_validate(
        {**_fields(bonus), "estimate": expected, "warnings": _warnings(expected)}
    )


@router.get("/bonuses/{bonus_id}", responses=documented(NOT_FOUND))
async def read_bonus(bonus_id: BonusId, database: TheDatabase) -> Bonus:
    """Read a bonus, its numbers so far, and how far its audience has been told."""
    return _bonus(await bonuses.read(database, bonus_id))


@router.delete("/bonuses/{bonus_id}", responses=documented(NOT_FOUND))
async def cancel_bonus(bonus_id: BonusId, ports: ThePorts) -> Bonus:
    """Cancel a bonus: no one can claim it from now on, and its audience is told.

    Granted claims stay. Cancelling again changes nothing, and neither does cancelling a bonus that
    is over: its `state` stays "expired".
    """
    return _bonus(await bonuses.cancel(ports, bonus_id))


def _listing(
    database: TheDatabase, *, is_current: bool = False
) -> Listing[ListedBonusRow, NewestFirst]:
    statement = bonuses.ListCurrentBonuses if is_current else bonuses.ListBonuses

    async def fetch(position: NewestFirst | None, limit: int) -> list[ListedBonusRow]:
        return await database.fetch(statement(*newest_first(position), limit))

    return Listing(
        Cursor("bonuses", ("current",) if is_current else (), NewestFirst),
        ListedBonus.model_fields,
        fetch,
        lambda row: NewestFirst(row.position, row.bonus_id),
    )


@router.get("/bonuses", responses=LIST_ERRORS)
async def list_bonuses(
    database: TheDatabase,
    current: Annotated[
        Literal["false", "true"], Query(description="`true`: only those that are upcoming or open")
    ] = "false",
    limit: Limit = 100,
    after: After = None,
) -> BonusesPage:
    """List all bonuses, the newest first.

    GET /bonuses/{bonus_id} has the numbers of a bonus.
    """
    rows, following = await _listing(database, is_current=current == "true").page(after, limit)
    return BonusesPage(items=[ListedBonus.model_validate(row) for row in rows], next=following)


@router.get("/bonuses.csv", response_class=Response, responses=CSV | LIST_ERRORS)
async def export_bonuses(
    request: Request, database: TheDatabase, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """List all bonuses as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await _listing(database).csv(request, form, after)


class ByUser(NamedTuple):
    """The position in a list of claims."""

    user_id: str


def claims_of(
    bonus_id: BonusId,
    database: TheDatabase,
    prefix: Annotated[
        Name | None, Query(description="only users whose id begins with this")
    ] = None,
) -> Listing[ClaimRow, ByUser]:
    async def fetch(position: ByUser | None, limit: int) -> list[ClaimRow]:
        after = position.user_id if position else ""
        wanted = bonuses.ListClaims(bonus_id, prefix or "", after, limit)
        return await bonuses.claims(database, wanted)

    return Listing(
        Cursor("claims", (bonus_id, prefix), ByUser),
        Claim.model_fields,
        fetch,
        lambda row: ByUser(row.user_id),
    )


ClaimListing = Annotated[Listing[ClaimRow, ByUser], Depends(claims_of)]


@router.get("/bonuses/{bonus_id}/claims", responses=LIST_ERRORS | documented(NOT_FOUND))
async def list_claims(listing: ClaimListing, limit: Limit = 100, after: After = None) -> ClaimsPage:
    """List who has claimed a bonus, by user.

    To pay them out, follow GET /grants.
    """
    rows, following = await listing.page(after, limit)
    return ClaimsPage(items=[Claim.model_validate(row) for row in rows], next=following)


@router.get(
    "/bonuses/{bonus_id}/claims.csv",
    response_class=Response,
    responses=CSV | LIST_ERRORS | documented(NOT_FOUND),
)
async def export_claims(
    listing: ClaimListing, request: Request, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """List who has claimed a bonus as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await listing.csv(request, form, after)


@router.get("/bonuses/{bonus_id}/claims/counts", responses=documented(NOT_FOUND))
async def count_claims(bonus_id: BonusId, database: TheDatabase) -> ClaimCounts:
    """Count the claims of a bonus over time, from its opening to the last claim.

    In up to 120 steps of equal length, a second or longer.
    """
    rows = await bonuses.claim_counts(database, bonus_id)
    return ClaimCounts(
        items=[ClaimCount(at=row.at, claims=row.claims) for row in rows],
        step_seconds=rows[0].step_seconds if rows else None,
    )


def _creation(order: BonusOrder) -> CreateBonus:
    audience, resource = audience_of(order.audience)
    user_ids = order.audience.user_ids if isinstance(order.audience, Listed) else []
    min_watched = order.min_watched_seconds
    return CreateBonus(
        bonus_id=order.bonus_id or uuid4(),
        reward=to_json(order.reward),
        audience=audience,
        resource=resource,
        user_ids=user_ids,
        opens_in=timedelta(seconds=order.opens_in_seconds),
        window=timedelta(seconds=order.window_seconds),
        stock=order.stock,
        min_watched=None if min_watched is None else timedelta(seconds=min_watched),
        opens_at=order.opens_at,
        acknowledge=bool(user_ids) if order.acknowledge is None else order.acknowledge,
        fingerprint=fingerprint(order, "bonus_id"),
        visible=order.clock == "visible",
    )


def _warnings(expected: bonuses.Estimate | None) -> list[BonusWarning]:
    if expected is None or expected.reaches == expected.connections:
        return []
    detail = (
        f"{expected.reaches:,} of {expected.connections:,} connections are told before the bonus "
        f"expires, at {expected.per_second:,} a second (PushesPerSecond); give it a window of "
        f"{expected.takes_ms / 1000:.0f} seconds or more, or raise PushesPerSecond"
    )
    return [BonusWarning(code="window_too_short", detail=detail)]


def _bonus(bonus: bonuses.Bonus) -> Bonus:
    return Bonus.model_validate(_fields(bonus))


def _fields(bonus: bonuses.Bonus) -> dict[str, object]:
    names = set(bonus.row.__struct_fields__) - {"connections"}  # of the estimate
    return {"broadcast": bonus.broadcast} | {name: getattr(bonus.row, name) for name in names}
