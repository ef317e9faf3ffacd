"""A user's data: export and erase it."""

from __future__ import annotations

import json
from typing import Annotated, NamedTuple

import msgspec
from fastapi import Query

from handlers.core.operation import Json
from handlers.core.operations.erase import CreateErasure
from handlers.services import user_data
from handlers.services.user_data import ListedErasureRow, ReadUserData
from handlers.web.deps import TheDatabase, TheKicks, service_router
from handlers.web.errors import BAD_REQUEST, FOREIGN_CURSOR, UNREADABLE_BODY, ApiError, documented
from handlers.web.pagination import (
    LIST_ERRORS,
    After,
    Cursor,
    Limit,
    Listing,
    NewestFirst,
    newest_first,
)
from handlers.web.schemas.fields import Name  # noqa: TC001
from handlers.web.schemas.user_data import (
    Erased,
    Erasure,
    ErasureOrder,
    ErasuresPage,
    UserDataPage,
)

router = service_router("user data")


class Place(NamedTuple):
    step: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    key: dict[str, str | int | bool] | None


@router.get("/user-data", responses=LIST_ERRORS)
async def export_user_data(
    user_id: Annotated[Name, Query(description="the user")],
    database: TheDatabase,
    limit: Limit = 100,
    after: After = None,
) -> UserDataPage:
    """Export what is stored of a user, table by table.

    Each page has rows of one table. Read on until `next` is null; a page before that may be empty.
    What changes while you read may be missing. An unknown user has empty pages.
    """
    cursor = Cursor("user_data", (user_id,), Place)
    place = Place(1, None) if after is None else cursor.read(after)
    key = None if place.key is None else Json(json.dumps(place.key))
    page = await database.fetch_one(ReadUserData(user_id, place.step, key, limit))
    if page.name is None or page.rows is None:
        raise ApiError.of(FOREIGN_CURSOR)
    following = None
    if page.next_step is not None:
        next_key = None if page.next_after is None else json.loads(page.next_after)
        following = cursor.write(Place(page.next_step, next_key))
    return UserDataPage(
        user_id=user_id, table=page.name, rows=json.loads(page.rows), next=following
    )


@router.post("/erasures", responses=documented(UNREADABLE_BODY, BAD_REQUEST))
async def erase_user_data(order: ErasureOrder, database: TheDatabase, kicks: TheKicks) -> Erased:
    """Erase what is stored of a user: for good, and without a way back.

    Their connections are closed first, as by POST /kick: stop minting tickets for them. Their
    stream, state and limits are deleted. Sessions, presence events, grants and the ledger stay, and
    a pseudonym stands for the user in them: all sums remain. If `done_at` is null, send the
    request again, or wait: the sweep goes on each minute. Erasing an unknown user
    changes nothing.

    Pay their grants out first. What they do later is new data.
    """
    kicked = await kicks.kick(order.user_id)
    new = CreateErasure(order.user_id, order.author, order.keep_mentions)
    row = await user_data.erase(database, new)
    return Erased.model_validate(msgspec.structs.asdict(row) | {"unreachable": kicked.unreachable})


@router.get("/erasures", responses=LIST_ERRORS)
async def list_erasures(
    database: TheDatabase, limit: Limit = 100, after: After = None
) -> ErasuresPage:
    """List all erasures, the newest first: who asked for each, and when."""

    async def fetch(position: NewestFirst | None, rows: int) -> list[ListedErasureRow]:
        return await database.fetch(user_data.ListErasures(*newest_first(position), rows))

    listing = Listing(
        Cursor("erasures", (), NewestFirst),
        Erasure.model_fields,
        fetch,
        lambda row: NewestFirst(row.position, row.erasure_id),
    )
    rows, following = await listing.page(after, limit)
    return ErasuresPage(items=[Erasure.model_validate(row) for row in rows], next=following)
