"""For monitoring."""

from __future__ import annotations

from typing import Literal

from fastapi import Response  # noqa: TC002  # FastAPI reads the annotations

from handlers.services.health import Migrations, check
from handlers.web.deps import TheDatabase, open_router
from handlers.web.schemas.fields import Schema

router = open_router("health")


class Health(Schema):
    status: Literal["ok", "schema", "unavailable"]
    """`schema`: the database answers, and needs `make migrate`."""
    database: Literal["ok", "does not answer"]
    migrations: Migrations
    """What the database has, compared with this code. It serves on a schema that is `newer` or has
    `other functions`: those of a release before or after, while one is deployed."""


@router.get(
    "/health",
    responses={
        503: {
            "model": Health,
            "description": "The database does not answer, or its schema is missing or behind.",
        }
    },
)
async def check_health(database: TheDatabase, response: Response) -> Health:
    """Check the service, its database and the database's schema. Needs no service token."""
    health = await check(database)
    response.status_code = 200 if health.serves else 503
    if not health.is_answered:
        return Health(status="unavailable", database="does not answer", migrations="unknown")
    status: Literal["ok", "schema"] = "ok" if health.serves else "schema"
    return Health(status=status, database="ok", migrations=health.migrations)
