"""Campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID, uuid4

from fastapi import Depends, Path, Query, Response
from pydantic import Field

from handlers.services import campaigns
from handlers.services.presence import EPOCH, NEVER
from handlers.web.deps import FROM, TO, TheDatabase, check_interval, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    CAMPAIGN_OVER,
    FOREIGN_CURSOR,
    IN_PAST,
    NOT_FOUND,
    REVERSED_INTERVAL,
    REWARD_TOO_LARGE,
    UNKNOWN_TIMEZONE,
    UNREADABLE_BODY,
    UNSTORABLE,
    WOULD_TAKE_BACK,
    documented,
)
from handlers.web.orders import created, fingerprint, named, to_json
from handlers.web.pagination import (
    After,
    Cursor,
    Listing,
    NewestFirst,
    newest_first,
)
from handlers.web.schemas.campaigns import (
    Campaign,
    CampaignEdit,
    CampaignOrder,
    CampaignProgress,
    CampaignsPage,
)
from handlers.web.schemas.fields import IN_DECIMALS, Name
from handlers.web.schemas.moments import MomentInQuery  # noqa: TC001  # FastAPI reads it

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.core.operation import Json

router = service_router("campaigns")
CampaignId = Annotated[UUID, Path(description="the campaign's id")]
# A campaign may have twelve rewards of 4 KB.
FewPerPage = Annotated[int, Field(ge=1, le=100), IN_DECIMALS, Query(description="rows per page")]


@router.post(
    "/campaigns",
    status_code=201,
    responses=created(
        Campaign, BAD_REQUEST, IN_PAST, REWARD_TOO_LARGE, UNKNOWN_TIMEZONE, UNSTORABLE
    ),
)
async def create_campaign(
    order: CampaignOrder, database: TheDatabase, response: Response
) -> Campaign:
    """Award users bonuses for watching.

    Minutes add up over sessions, days, devices and resources, from the start of the campaign to its
    end. Each bonus is made within a minute of its milestone being reached, for users who are
    online; an hour after the end of the campaign, for all others who have reached it. The bonuses
    are for listed users, and their devices acknowledge them.
    """
    new = campaigns.CreateCampaign(
        campaign_id=order.campaign_id or uuid4(),
        fingerprint=fingerprint(order, "campaign_id"),
        **_wanted(order),
    )
    with named("campaign_id", order, new.campaign_id):
        row, is_repeated = await campaigns.create(database, new)
    if is_repeated:
        response.status_code = 200
    return Campaign.model_validate(row)


@router.put(
    "/campaigns/{campaign_id}",
    responses=documented(
        *(UNREADABLE_BODY, NOT_FOUND, CAMPAIGN_OVER, WOULD_TAKE_BACK),
        *(BAD_REQUEST, IN_PAST, REWARD_TOO_LARGE, UNKNOWN_TIMEZONE, UNSTORABLE),
    ),
)
async def edit_campaign(
    campaign_id: CampaignId, edit: CampaignEdit, database: TheDatabase
) -> Campaign:
    """Replace what a campaign is.

    Before its start all may change. From its start on nothing is taken back from those who watch:
    milestones may be added, come earlier, repeat, and be claimed for longer, limits may be widened,
    and the end may change to any later moment than now. The same edit again changes nothing.

    Of a test (`test_user_ids`) all may change: each edit begins it again. Without `test_user_ids`
    it begins for all, from now on or from `starts_at`.
    """
    wanted = campaigns.EditCampaign(campaign_id, **_wanted(edit))
    return Campaign.model_validate(await campaigns.edit(database, wanted))


@router.post("/campaigns/{campaign_id}/pause", responses=documented(NOT_FOUND, CAMPAIGN_OVER))
async def pause_campaign(campaign_id: CampaignId, database: TheDatabase) -> Campaign:
    """Pause a campaign: minutes do not count from now on.

    What was reached is awarded all the same. Pausing it again changes nothing.
    """
    return Campaign.model_validate(await campaigns.change(database, campaign_id, "pause"))


@router.post("/campaigns/{campaign_id}/resume", responses=documented(NOT_FOUND, CAMPAIGN_OVER))
async def resume_campaign(campaign_id: CampaignId, database: TheDatabase) -> Campaign:
    """Resume a campaign that was paused: minutes count from now on.

    Its end stays. Resuming it again changes nothing.
    """
    return Campaign.model_validate(await campaigns.change(database, campaign_id, "resume"))


@router.delete("/campaigns/{campaign_id}", responses=documented(NOT_FOUND))
async def end_campaign(campaign_id: CampaignId, database: TheDatabase) -> Campaign:
    """End a campaign: minutes do not count from now on.

    What was reached is awarded all the same, and the bonuses that it has made stay. Ending a
    campaign again changes nothing.
    """
    return Campaign.model_validate(await campaigns.change(database, campaign_id, "end"))


@router.get("/campaigns/{campaign_id}", responses=documented(NOT_FOUND))
async def read_campaign(campaign_id: CampaignId, database: TheDatabase) -> Campaign:
    """Read a campaign, and how often each milestone was awarded."""
    return Campaign.model_validate(await campaigns.read(database, campaign_id))


@router.get("/campaigns/{campaign_id}/progress", responses=documented(NOT_FOUND))
async def read_campaign_progress(
    campaign_id: CampaignId,
    user_id: Annotated[Name, Query(description="the user's id in your system")],
    database: TheDatabase,
) -> CampaignProgress:
    """Read how far a user is in a campaign.

    What they have watched is of this moment. It is kept for 30 days after the campaign.
    """
    row = await campaigns.progress(database, campaign_id, user_id)
    return CampaignProgress.model_validate(row)


class Wanted(NamedTuple):
    """Which campaigns a list has."""

    state: campaigns.State | None
    resource: str | None
    begins: datetime
    ends: datetime


def _wanted_campaigns(
    state: Annotated[
        campaigns.State | None, Query(description="only campaigns in this state now")
    ] = None,
    resource: Annotated[
        Name | None, Query(description="only campaigns for which watching this resource counts")
    ] = None,
    begins: Annotated[MomentInQuery | None, FROM] = None,
    ends: Annotated[MomentInQuery | None, TO] = None,
) -> Wanted:
    """Raises ApiError."""
    check_interval(begins, ends)
    return Wanted(state, resource, begins or EPOCH, ends or NEVER)


@router.get("/campaigns", responses=documented(BAD_REQUEST, FOREIGN_CURSOR, REVERSED_INTERVAL))
async def list_campaigns(
    database: TheDatabase,
    wanted: Annotated[Wanted, Depends(_wanted_campaigns)],
    limit: FewPerPage = 20,
    after: After = None,
) -> CampaignsPage:
    """List campaigns, the newest first, including those that are over.

    `from` and `to` leave out those that are over by then, or begin later.
    """
    rows, following = await _listing(database, wanted).page(after, limit)
    return CampaignsPage(items=[Campaign.model_validate(row) for row in rows], next=following)


def _listing(
    database: TheDatabase, wanted: Wanted
) -> Listing[campaigns.ListedCampaignRow, NewestFirst]:
    async def fetch(position: NewestFirst | None, limit: int) -> list[campaigns.ListedCampaignRow]:
        return await database.fetch(
            campaigns.ListCampaigns(
                *newest_first(position),
                limit,
                wanted.state,
                wanted.resource,
                wanted.begins,
                wanted.ends,
            )
        )

    return Listing(
        Cursor("campaigns", wanted, NewestFirst),
        Campaign.model_fields,
        fetch,
        lambda row: NewestFirst(row.position, row.campaign_id),
    )


def _wanted(edit: CampaignEdit) -> dict[str, Any]:
    """What an order and an edit say, as their statements take it."""
    return {
        "resources": edit.resources,
        "is_visible": edit.clock == "visible",
        "is_each": edit.overlap == "each",
        "starts_at": edit.starts_at,
        "ends_at": edit.ends_at,
        "milestones": _milestones(edit),
        "timezone": edit.timezone,
        "limits": to_json(edit.limits.model_dump()),
        "announced_at": edit.announced_at,
        "test_user_ids": edit.test_user_ids,
    }


def _milestones(edit: CampaignEdit) -> Json:
    milestones = zip(edit.milestones, edit.numbers(), strict=True)
    return to_json([one.model_dump() | {"milestone": number} for one, number in milestones])
