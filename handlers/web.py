"""The HTTP API for other backends: tickets, who is online, sessions, bonuses. FastAPI on Mangum."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_offline import FastAPIOffline
from mangum import Mangum
from starlette.exceptions import HTTPException as AnyHTTPException

from handlers import web_admin, web_bonuses, web_reports
from handlers.adapters.database import TooSlow, Unavailable, Unstorable
from handlers.adapters.refusal import Refused, narrower_range, too_large, unavailable
from handlers.adapters.settings import setting
from handlers.adapters.shapes import NewTicket, Refusal, TicketOrder
from handlers.container import Container, live
from handlers.core import ticket
from handlers.core.connection import ANYTHING
from handlers.core.operation import Query as Sql

if TYPE_CHECKING:
    from collections.abc import Mapping

bearer = HTTPBearer(auto_error=False, description="the service token")


def service(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
    """Deny by default: every path but /health and the documentation asks for the token."""
    given = credentials.credentials if credentials else ""
    if not secrets.compare_digest(given.encode(), setting("SERVICE_TOKEN").encode()):
        raise HTTPException(
            401, "the service token is missing or wrong", {"WWW-Authenticate": "Bearer"}
        )


TRUSTED = [Depends(service)]

DESCRIPTION = """For your backend: tickets, who is online, sessions, bonuses, news, grants.

Every call but `/health` carries the service token. Times are integer milliseconds since the epoch,
by the database's clock. A list goes on where `next` says, and ends in `.csv` for a spreadsheet.
Whatever is refused has a `code` for programs and a `detail` for people, and has changed nothing;
only 503 `unavailable` leaves that open: give an order an id, and you can send it again.
"""
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Refusal, "description": "`unauthorized`: the service token"},
    422: {"model": Refusal, "description": "`bad_request`, or another code said above"},
    503: {"model": Refusal, "description": "`unavailable`: send the same request again"},
}
# By the constraint that a value does not meet.
TOO_LARGE = {
    "bonuses_reward_check": "reward",
    "award_rules_reward_check": "reward",
    "broadcasts_news_check": "news",
}


class Web(Container):
    """The container, with the application that it serves."""

    @cached_property
    def app(self) -> FastAPI:
        return application(self)

    @cached_property
    def mangum(self) -> Mangum:
        self.runner.get_loop()  # makes this process' loop the current one, on which Mangum runs
        return Mangum(self.app, lifespan="off")


def application(container: Container) -> FastAPI:
    """The API on this container's database and queue."""
    app = FastAPIOffline(
        title="Headcount", version="1", description=DESCRIPTION, responses=REFUSALS
    )
    _explain_failures(app)
    web_bonuses.add_routes(app, container, TRUSTED)
    web_admin.add_routes(app, container, TRUSTED)
    web_reports.add_routes(app, container, TRUSTED)

    @app.get("/health", tags=["health"])
    async def health(response: Response) -> dict[str, str]:
        """Does the service work? 503 without its database. No token needed."""
        try:
            await container.database.fetch(Sql("health", ()))
        except Unavailable:
            response.status_code = 503
            return {"status": "unavailable", "database": "does not answer"}
        return {"status": "ok", "database": "ok"}

    @app.post("/tickets", status_code=201, dependencies=TRUSTED, tags=["tickets"])
    async def mint_ticket(order: TicketOrder) -> NewTicket:
        """A ticket for one connection of one user, to be used within 30 seconds."""
        new = ticket.Ticket(
            secrets.token_urlsafe(16),
            order.user_id,
            order.resource,
            datetime.now(UTC) + ticket.LIFE,
            order.device,
            order.may_watch if order.may_watch == ANYTHING else tuple(order.may_watch),
        )
        return NewTicket(
            ticket=ticket.mint(new, setting("TICKET_SECRET")),
            url=setting("SOCKET_URL"),
            expires_at=int(new.expires_at.timestamp() * 1000),
        )

    return app


def _explain_failures(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> Response:
        return refusal(error.status, error.code, error.reason)

    @app.exception_handler(Unavailable)
    async def unreachable(request: Request, _error: Exception) -> Response:
        return await refused(request, unavailable("the database does not answer; try again"))

    @app.exception_handler(TooSlow)
    async def too_slow(request: Request, _error: Exception) -> Response:
        return await refused(request, narrower_range())

    @app.exception_handler(Unstorable)
    async def unstorable(request: Request, error: Unstorable) -> Response:
        if error.constraint in TOO_LARGE:
            return await refused(request, too_large(TOO_LARGE[error.constraint]))
        return refusal(422, "unstorable", "a value in it cannot be stored")

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        """What is wrong and where, without what was sent: that may not even be text."""
        wrong = [{key: one[key] for key in ("type", "loc", "msg")} for one in error.errors()]
        return refusal(422, "bad_request", wrong)

    @app.exception_handler(AnyHTTPException)
    async def failed(_request: Request, error: AnyHTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return refusal(error.status_code, code, error.detail, error.headers)


def refusal(
    status: int, code: str, detail: object, headers: Mapping[str, str] | None = None
) -> Response:
    """A Refusal. In ASCII: a name that was sent may hold half of a surrogate pair."""
    body = json.dumps({"detail": detail, "code": code})
    return Response(body, status, headers, media_type="application/json")


def handle(event: dict[str, Any], context: Any, container: Web) -> dict[str, Any]:
    """One HTTP request (payload format 2.0) and its response."""
    return container.mangum(event, context)


handler = live(handle, Web)
