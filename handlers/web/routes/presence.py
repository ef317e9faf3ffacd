"""Who is online, their connections and sessions, and presence events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID  # noqa: TC003  # msgspec reads the annotations

from fastapi import Depends, Query, Request, Response
from msgspec.structs import astuple, replace
from pydantic import Field

from handlers.core.operations.kick import ListConnections
from handlers.services import presence, reports
from handlers.services.presence import ALWAYS, EPOCH, NEVER, OPEN, OnlineRow, SessionRow
from handlers.services.users import FoundUserRow, ListUsers
from handlers.web.deps import (
    FROM,
    TO,
    Corrections,
    ResourceFilter,
    TheDatabase,
    TheOnlineCounts,
    UserFilter,
    check_interval,
    service_router,
)
from handlers.web.errors import (
    BAD_REQUEST,
    FOREIGN_CURSOR,
    INTERVAL_MISSING,
    NARROWER_RANGE,
    PRESENCE_EVENTS_PRUNED,
    REVERSED_INTERVAL,
    ApiError,
    documented,
)
from handlers.web.pagination import (
    CSV,
    LIST_ERRORS,
    MAX_MICROSECONDS,
    After,
    BigInt,
    CsvResponse,
    Cursor,
    Limit,
    Listing,
    TheCsvForm,
)
from handlers.web.schemas.fields import IN_DECIMALS, Name
from handlers.web.schemas.moments import MomentInQuery  # noqa: TC001  # FastAPI reads it
from handlers.web.schemas.presence import (
    Connections,
    EndedBy,
    FoundUser,
    Online,
    OnlineCounts,
    OnlinePage,
    PresenceEvent,
    PresenceEventsPage,
    Session,
    SessionsPage,
    UsersPage,
)

router = service_router("presence")

NodeFilter = Annotated[Name | None, Query(description="only connections to this gateway endpoint")]
Seconds = Annotated[int, Field(ge=0, le=315_360_000), IN_DECIMALS]
SESSIONS_ERRORS = documented(
    BAD_REQUEST, FOREIGN_CURSOR, INTERVAL_MISSING, REVERSED_INTERVAL, NARROWER_RANGE
)


class OnlinePosition(NamedTuple):
    user_id: str
    resource: str


class UserPosition(NamedTuple):
    user_id: str


def online(
    database: TheDatabase, resource: ResourceFilter = None, node: NodeFilter = None
) -> Listing[OnlineRow, OnlinePosition]:
    async def fetch(position: OnlinePosition | None, limit: int) -> list[OnlineRow]:
        after = position or OnlinePosition("", "")
        return await database.fetch(presence.ListOnline(resource, node, *after, limit))

    return Listing(
        Cursor("online", (resource, node), OnlinePosition),
        Online.model_fields,
        fetch,
        lambda row: OnlinePosition(row.user_id, row.resource),
    )


OnlineListing = Annotated[Listing[OnlineRow, OnlinePosition], Depends(online)]


@router.get("/online", responses=LIST_ERRORS)
async def list_online(  # noqa: PLR0913, PLR0917  # two are filters
    listing: OnlineListing,
    database: TheDatabase,
    resource: ResourceFilter = None,
    node: NodeFilter = None,
    limit: Limit = 100,
    after: After = None,
) -> OnlinePage:
    """List who is online, by user and resource.

    The first page also counts all users and connections.
    """
    rows, following = await listing.page(after, limit)
    totals = await database.fetch_one(presence.CountOnline(resource, node, after is None))
    return OnlinePage(
        users=totals.users,
        connections=totals.connections,
        items=[Online.model_validate(row) for row in rows],
        next=following,
        server_now=totals.server_now,
    )


@router.get("/online.csv", response_class=Response, responses=CSV | LIST_ERRORS)
async def export_online(
    request: Request, listing: OnlineListing, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """List who is online as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await listing.csv(request, form, after)


@router.get("/online/counts")
async def count_online(database: TheDatabase, counts: TheOnlineCounts) -> OnlineCounts:
    """Count who is online: in total, by resource and by node.

    The counts are exact and at most 5 seconds old.
    """
    return OnlineCounts.model_validate(await counts.read(database))


@router.get("/users", responses=LIST_ERRORS)
async def list_users(
    prefix: Annotated[Name, Query(description="how the ids begin; capitals matter")],
    database: TheDatabase,
    limit: Limit = 100,
    after: After = None,
) -> UsersPage:
    """List the users whose id begins with a text: who is here, and whose watch time is kept."""

    async def fetch(position: UserPosition | None, rows: int) -> list[FoundUserRow]:
        return await database.fetch(ListUsers(prefix, position.user_id if position else "", rows))

    listing = Listing(
        Cursor("users", (prefix,), UserPosition),
        FoundUser.model_fields,
        fetch,
        lambda row: UserPosition(row.user_id),
    )
    rows, following = await listing.page(after, limit)
    return UsersPage(items=[FoundUser.model_validate(row) for row in rows], next=following)


@router.get("/connections")
async def list_connections(
    user_id: Annotated[Name, Query(description="the user")], database: TheDatabase
) -> Connections:
    """List a user's open connections, the oldest first."""
    rows = await database.fetch(ListConnections(user_id))
    return Connections.model_validate({"user_id": user_id, "items": rows})


class SessionPosition(NamedTuple):
    ended_at: BigInt
    """In microseconds; OPEN for an open session."""
    session_id: BigInt


def sessions(  # noqa: PLR0913, PLR0917  # each is a filter
    database: TheDatabase,
    user_id: UserFilter = None,
    begins: Annotated[MomentInQuery | None, FROM] = None,
    ends: Annotated[MomentInQuery | None, TO] = None,
    resource: ResourceFilter = None,
    ended_by: Annotated[EndedBy | None, Query(description="only sessions that ended so")] = None,
    min_seconds: Annotated[
        Seconds | None, Query(description="only sessions at least this long")
    ] = None,
    max_seconds: Annotated[
        Seconds | None, Query(description="only sessions at most this long")
    ] = None,
    corrections: Corrections = "applied",
) -> Listing[SessionRow, SessionPosition]:
    if user_id is None and (begins is None or ends is None):
        raise ApiError.of(INTERVAL_MISSING)
    check_interval(begins, ends)
    statement = presence.ListSessions(
        begins=ALWAYS if begins is None else begins,
        ends=NEVER if ends is None else ends,
        user_id=user_id,
        resource=resource,
        ended_by=ended_by,
        min_length=None if min_seconds is None else timedelta(seconds=min_seconds),
        max_length=None if max_seconds is None else timedelta(seconds=max_seconds),
        is_corrected=corrections == "applied",
    )

    async def fetch(position: SessionPosition | None, limit: int) -> list[SessionRow]:
        ended_at, session_id = (None, None) if position is None else _before(position)
        page = replace(statement, before_ended_at=ended_at, before_id=session_id, limit=limit)
        return await database.report(page, reports.REPORT_TIMEOUT)

    return Listing(
        Cursor("sessions", astuple(statement), SessionPosition),
        Session.model_fields,
        fetch,
        lambda row: SessionPosition(row.position, row.session_id),
    )


def _before(position: SessionPosition) -> tuple[datetime, int]:
    """Raises ApiError for an end that no session can have."""
    if position.ended_at == OPEN:
        return NEVER, position.session_id
    if position.ended_at > MAX_MICROSECONDS:
        raise ApiError.of(FOREIGN_CURSOR)
    return EPOCH + timedelta(microseconds=position.ended_at), position.session_id


SessionListing = Annotated[Listing[SessionRow, SessionPosition], Depends(sessions)]


# The user stands in the query, not in the path: API Gateway decodes a path and Mangum decodes it
# once more, so a name with a slash or a percent sign would become another one.
@router.get("/sessions", responses=SESSIONS_ERRORS)
async def list_sessions(
    listing: SessionListing,
    database: TheDatabase,
    user_id: UserFilter = None,
    limit: Limit = 100,
    after: After = None,
) -> SessionsPage:
    """List the sessions of a user, or all sessions that overlap an interval.

    Send `user_id`, or `from` and `to`, or all three. Open sessions come first, then the latest end
    first. A session that ends while you read the pages may appear twice: open, then ended. A user
    who was never online has an empty list.
    """
    rows, following = await listing.page(after, limit)
    page = SessionsPage(
        user_id=user_id,
        online=None,
        watched_ms=None,
        items=[Session.model_validate(row) for row in rows],
        next=following,
        server_now=0,
    )
    if user_id is None:
        return page.model_copy(
            update={"server_now": await database.fetch_one(presence.ReadClock())}
        )
    totals = await database.fetch_one(presence.ReadTotals(user_id))
    return page.model_copy(
        update={
            "online": totals.online,
            "watched_ms": totals.watched_ms,
            "server_now": totals.server_now,
        }
    )


@router.get("/sessions.csv", response_class=Response, responses=CSV | SESSIONS_ERRORS)
async def export_sessions(
    request: Request, listing: SessionListing, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """List sessions as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await listing.csv(request, form, after)


class EventPosition(NamedTuple):
    epoch: UUID
    seq: BigInt


EVENT_CURSOR = Cursor("presence_events", (), EventPosition)


@router.get(
    "/presence-events",
    responses=documented(BAD_REQUEST, FOREIGN_CURSOR, PRESENCE_EVENTS_PRUNED),
)
async def list_presence_events(
    database: TheDatabase, limit: Limit = 100, after: After = None
) -> PresenceEventsPage:
    """Follow who comes online and goes offline: each event exactly once, in order.

    Without `after` the list begins with the oldest event that is kept. Keep `next` and poll with
    it.
    """
    position = None if after is None else EVENT_CURSOR.read(after)
    events = await presence.read_presence_events(database, position, limit)
    return PresenceEventsPage(
        items=[PresenceEvent.model_validate(row) for row in events.rows],
        next=EVENT_CURSOR.write(EventPosition(events.epoch, events.last_seq)),
        has_more=events.has_more,
    )
