"""The HTTP API for other backends: tickets, who is online, sessions, bonuses. FastAPI on Mangum."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any
from uuid import UUID, uuid4

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_offline import FastAPIOffline
from mangum import Mangum

from handlers import web_admin, web_reports
from handlers.adapters.container import Container, live
from handlers.adapters.database import TooSlow, Unavailable, Unstorable
from handlers.adapters.refusal import Refused, narrower_range
from handlers.adapters.settings import setting
from handlers.adapters.shapes import (
    AwardRule,
    AwardRuleOrder,
    Bonus,
    BonusOrder,
    Listed,
    NewTicket,
    TicketOrder,
    Viewers,
)
from handlers.core import ticket
from handlers.core.arrival import ANYTHING
from handlers.core.happening import Query as Sql
from handlers.core.push import Broadcast

# Listed users whom this function tells by itself, at once.
FEW = 100

bearer = HTTPBearer(auto_error=False, description="the service token")


def service(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
    """Deny by default: every path but /health and the documentation asks for the token."""
    given = credentials.credentials if credentials else ""
    if not secrets.compare_digest(given.encode(), setting("SERVICE_TOKEN").encode()):
        raise HTTPException(
            401, "the service token is missing or wrong", {"WWW-Authenticate": "Bearer"}
        )


TRUSTED = [Depends(service)]


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
    app = FastAPIOffline(title="Headcount", version="1", description=__doc__)
    _explain_failures(app)
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

    @app.post("/bonuses", status_code=201, dependencies=TRUSTED, tags=["bonuses"])
    async def create_bonus(order: BonusOrder) -> Bonus:
        """Drop a bonus: its audience is told at once, and may claim it while its window is open."""
        bonus_id = uuid4()
        await container.database.fetch(
            Sql(
                "create_bonus",
                (
                    bonus_id,
                    json.dumps(order.reward),
                    order.audience.kind,
                    order.audience.resource if isinstance(order.audience, Viewers) else None,
                    order.audience.user_ids if isinstance(order.audience, Listed) else [],
                    timedelta(seconds=order.opens_in_seconds),
                    timedelta(seconds=order.window_seconds),
                    order.stock,
                    order.min_watched_seconds and timedelta(seconds=order.min_watched_seconds),
                    None,
                    isinstance(order.audience, Listed),
                    None,
                ),
            )
        )
        bonus, broadcast = await read_bonus(bonus_id), Broadcast(str(bonus_id))
        is_few = isinstance(order.audience, Listed) and len(order.audience.user_ids) <= FEW
        try:
            if is_few:
                await container.queue.announce_own(broadcast)
            else:
                await container.queue.announce(broadcast)
        except (BotoCoreError, ClientError) as error:
            await container.database.fetch(Sql("cancel_bonus", (bonus_id, uuid4())))
            raise HTTPException(503, "the queue does not answer; the bonus is cancelled") from error
        with suppress(Unavailable):  # the bonus is out; at worst the schedule queues it once more
            await container.database.fetch(Sql("queued", (bonus_id,)))
        if is_few:
            await container.push_out(broadcast)
        return bonus

    @app.get("/bonuses/{bonus_id}", dependencies=TRUSTED, tags=["bonuses"])
    async def read_bonus(bonus_id: UUID) -> Bonus:
        """A bonus and its numbers so far."""
        rows = await container.database.fetch(Sql("bonus", (bonus_id,)))
        if not rows:
            raise HTTPException(404, "there is no such bonus")
        return Bonus.model_validate({**rows[0], "reward": json.loads(str(rows[0]["reward"]))})

    @app.delete("/bonuses/{bonus_id}", dependencies=TRUSTED, tags=["bonuses"])
    async def cancel_bonus(bonus_id: UUID) -> Bonus:
        """Nobody may claim it from now on; what was claimed stays. Twice changes nothing."""
        await container.database.fetch(Sql("cancel_bonus", (bonus_id, uuid4())))
        return await read_bonus(bonus_id)

    @app.post("/award-rules", status_code=201, dependencies=TRUSTED, tags=["bonuses"])
    async def create_award_rule(order: AwardRuleOrder) -> AwardRule:
        """From now on, reward watching: the schedule awards within a minute of its being due."""
        rule_id = uuid4()
        await container.database.fetch(
            Sql(
                "create_award_rule",
                (
                    rule_id,
                    json.dumps(order.reward),
                    timedelta(seconds=order.every_seconds),
                    timedelta(seconds=order.claim_within_seconds),
                    order.resource,
                    None,
                ),
            )
        )
        return AwardRule(rule_id=rule_id)

    return app


def _explain_failures(app: FastAPI) -> None:
    @app.exception_handler(Unavailable)
    async def unavailable(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the database does not answer; try again"}, 503)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        """What is wrong and where, without what was sent: that may not even be text."""
        wrong = [{key: one[key] for key in ("type", "loc", "msg")} for one in error.errors()]
        return JSONResponse({"detail": wrong}, 422)

    @app.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"detail": error.reason, "code": error.code}, error.status)

    @app.exception_handler(TooSlow)
    async def too_slow(request: Request, _error: Exception) -> JSONResponse:
        return await refused(request, narrower_range())

    @app.exception_handler(Unstorable)
    async def unstorable(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "a value in it cannot be stored"}, 422)


def handle(event: dict[str, Any], context: Any, container: Web) -> dict[str, Any]:
    """One HTTP request (payload format 2.0) and its response."""
    return container.mangum(event, context)


handler = live(handle, Web)
