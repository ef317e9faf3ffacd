"""For monitoring."""

from __future__ import annotations

from typing import Literal

from fastapi import Response  # noqa: TC002  # FastAPI reads the annotations

from handlers.services.health import is_healthy
from handlers.web.deps import TheDatabase, open_router
from handlers.web.schemas.fields import Schema

router = open_router("health")


class Health(Schema):
    status: Literal["ok", "unavailable"]
    database: Literal["ok", "does not answer"]


@router.get(
    "/health", responses={503: {"model": Health, "description": "The database does not answer."}}
)
async def check_health(database: TheDatabase, response: Response) -> Health:
    """Check the service and its database. Needs no service token."""
    if await is_healthy(database):
        return Health(status="ok", database="ok")
    response.status_code = 503
    return Health(status="unavailable", database="does not answer")
