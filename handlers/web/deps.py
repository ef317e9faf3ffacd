"""What a route asks for: a key, the container's parts, filters of lists."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from handlers.core.apps import MAIN
from handlers.services import announcements, broadcast, kick, payouts
from handlers.services.keys import Caller, app_of
from handlers.services.presence import OnlineCounts
from handlers.services.reports import Interval
from handlers.web.errors import (
    BAD_REQUEST,
    MISSING_SCOPE,
    REVERSED_INTERVAL,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    UNAVAILABLE,
    WRONG_APP,
    ApiError,
    documented,
)
from handlers.web.ordering import Database, OrderingDatabase
from handlers.web.requests import StrictRoute, check_idempotency_key, check_query
from handlers.web.schemas.fields import TIMEZONE_PATTERN, ClockName, Name
from handlers.web.schemas.moments import MomentInQuery  # noqa: TC001  # FastAPI reads it
from handlers.web.scopes import scopes_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fastapi.routing import APIRoute

    from handlers.services.keys import Keys

log = logging.getLogger(__name__)

APP_HEADER = "Headcount-App"
bearer = HTTPBearer(auto_error=False, description="the service token, or a service key")


class Container(Protocol):
    """What an app has."""

    @property
    def app(self) -> str: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def online_counts(self) -> OnlineCounts: ...
    @property
    def database(self) -> Database: ...
    @property
    def queue(self) -> announcements.Queue: ...
    @property
    def gateway(self) -> kick.Gateway: ...
    @property
    def delivery(self) -> payouts.Delivery: ...
    def broadcast_ports(self) -> broadcast.Ports: ...
    def of_all(self) -> Sequence[Container]: ...


async def check_key(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> None:
    """Raises ApiError without a key whose scopes allow this. What changes something is logged."""
    caller = await _identify(request, credentials)
    operation: str = request.scope["route"].name
    scopes = scopes_of(operation)
    if not any(caller.may(scope) for scope in scopes or (None,)):
        named = " or ".join(f"`{scope}`" for scope in scopes)
        needed = f"the scope {named}" if scopes else "the service token"
        raise ApiError.of(MISSING_SCOPE, f"this key may not do that; it takes {needed}")
    if request.method != "GET":
        app = _container(request).app
        log.info("%s by %s%s", operation, caller.name, "" if app == MAIN else f" in {app}")


async def _identify(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Caller:
    """Whose key came, and the container of the app that it asks for. Raises ApiError."""
    apps = {one.app: one for one in all_containers(request)}
    token = credentials.credentials if credentials else ""
    own = app_of(token)
    caller = await apps[own].keys.caller(apps[own].database, token) if own in apps else None
    if caller is None:
        headers = {"WWW-Authenticate": "Bearer"}
        raise ApiError(UNAUTHORIZED, UNAUTHORIZED.reason, headers=headers)
    request.state.caller = caller
    if caller.quota and caller.quota.is_exceeded:
        wait = {"Retry-After": str(caller.quota.seconds_left)}
        raise ApiError(TOO_MANY_REQUESTS, TOO_MANY_REQUESTS.reason, headers=wait)
    app = request.headers.get(APP_HEADER, own)
    if app != own and not caller.is_root:
        raise ApiError.of(WRONG_APP, f"this key is of the app `{own}`; leave `{APP_HEADER}` out")
    if app not in apps:
        raise ApiError.of(WRONG_APP, "there is no such app; the parameter Apps lists all there are")
    request.state.container = apps[app]
    return caller


def service_router(tag: str) -> APIRouter:
    """A router whose routes need a key, and take no query but their own."""
    return APIRouter(
        tags=[tag],
        route_class=StrictRoute,
        dependencies=[Depends(check_key), Depends(check_query), Depends(check_idempotency_key)],
        responses=documented(
            *(UNAUTHORIZED, MISSING_SCOPE, WRONG_APP),
            *(BAD_REQUEST, TOO_MANY_REQUESTS, UNAVAILABLE),
        ),
        generate_unique_id_function=_operation_id,
    )


def open_router(tag: str) -> APIRouter:
    """The same without a key."""
    return APIRouter(
        tags=[tag],
        route_class=StrictRoute,
        dependencies=[Depends(check_query)],
        responses=documented(BAD_REQUEST),
        generate_unique_id_function=_operation_id,
    )


def _operation_id(route: APIRoute) -> str:
    return route.name


def _container(request: Request) -> Container:
    """That of the app which the request is for."""
    container: Container = request.state.container
    return container


def all_containers(request: Request) -> Sequence[Container]:
    """Those of all apps of this deployment."""
    container: Container = request.app.state.container
    return container.of_all()


def _database(request: Request) -> OrderingDatabase:
    """The database, which notes what the caller of this request orders."""
    caller: Caller | None = getattr(request.state, "caller", None)
    source = request.client.host if request.client else None
    name = caller.name if caller else "none"
    operation: str = request.scope["route"].name
    return OrderingDatabase(_container(request).database, name, source, operation)


def _ports(request: Request) -> announcements.Ports:
    parts = _container(request)
    return announcements.Ports(_database(request), parts.queue, parts.broadcast_ports)


def _kicks(request: Request) -> kick.Kicks:
    parts = _container(request)
    return kick.Kicks(parts.database, parts.gateway)


def _payouts(request: Request) -> payouts.Payouts:
    parts = _container(request)
    return payouts.Payouts(parts.database, parts.delivery)


def _caller(request: Request) -> Caller:
    """Whose key came with the request."""
    caller: Caller = request.state.caller
    return caller


def _author(request: Request) -> str:
    return _caller(request).name


def _online_counts(request: Request) -> OnlineCounts:
    return _container(request).online_counts


def _app(request: Request) -> str:
    return _container(request).app


TheDatabase = Annotated[OrderingDatabase, Depends(_database)]
ThePorts = Annotated[announcements.Ports, Depends(_ports)]
ThePayouts = Annotated[payouts.Payouts, Depends(_payouts)]
TheApp = Annotated[str, Depends(_app)]
TheCaller = Annotated[Caller, Depends(_caller)]
TheAuthor = Annotated[str, Depends(_author)]
TheKicks = Annotated[kick.Kicks, Depends(_kicks)]
TheOnlineCounts = Annotated[OnlineCounts, Depends(_online_counts)]

UserFilter = Annotated[Name | None, Query(description="only this user")]
ResourceFilter = Annotated[Name | None, Query(description="only this resource")]
FROM = Query(
    alias="from",
    description="the interval's start: milliseconds since the epoch, or RFC 3339 such as "
    "`2026-03-01T18:30:00Z`",
)
TO = Query(alias="to", description="the interval's end, not included, in one of the same two forms")


def interval(
    begins: Annotated[MomentInQuery, FROM], ends: Annotated[MomentInQuery, TO]
) -> Interval:
    """The interval [from, to), which must not be empty. Raises ApiError."""
    check_interval(begins, ends)
    return Interval(begins, ends)


def check_interval(begins: datetime | None, ends: datetime | None) -> None:
    """Raises ApiError for an interval that is empty. None: it has no such bound."""
    if begins is not None and ends is not None and ends <= begins:
        raise ApiError.of(REVERSED_INTERVAL)


Clock = Annotated[
    ClockName,
    Query(
        description="what counts: `connected`, while a connection was open, or `visible`, while "
        "the user could see the page"
    ),
]
Corrections = Annotated[
    Literal["applied", "ignored"],
    Query(
        description="whether past sessions count as they were corrected (`applied`) or as they "
        "were recorded (`ignored`)"
    ),
]
TheInterval = Annotated[Interval, Depends(interval)]
TimeZone = Annotated[
    str | None,
    Query(
        pattern=TIMEZONE_PATTERN,
        description="of days and hours: `UTC` (the default), or a name of the IANA database such "
        "as `Europe/Berlin`. A day with a change of the clocks has 23 or 25 hours",
    ),
]
