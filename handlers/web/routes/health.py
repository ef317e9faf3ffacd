"""For monitoring."""

from __future__ import annotations

import json
from typing import Literal

import msgspec
from fastapi import Request, Response  # noqa: TC002  # FastAPI reads the annotations
from pydantic import Field

from handlers.services.health import Migrations, ReadWork, check_all
from handlers.web.deps import TheDatabase, all_containers, open_router, service_router
from handlers.web.schemas.fields import Millis, Schema, ServerNow

router = open_router("health")
service = service_router("health")


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
async def check_health(request: Request, response: Response) -> Health:
    """Check the service, its database and the database's schema. Needs no service token.

    With several apps, the answer is that of the app that is worst off.
    """
    health = await check_all({one.app: one.database for one in all_containers(request)})
    response.status_code = 200 if health.serves else 503
    if not health.is_answered:
        return Health(status="unavailable", database="does not answer", migrations="unknown")
    status: Literal["ok", "schema"] = "ok" if health.serves else "schema"
    return Health(status=status, database="ok", migrations=health.migrations)


class UnreachableNode(Schema):
    node: str
    since: Millis


class WorkError(Schema):
    """What failed in one way."""

    source: Literal["broadcasts", "webhooks"] = Field(description="what failed")
    code: str = Field(
        description="of broadcasts: `undelivered` or `dropped`, as in their progress; of webhooks: "
        "`error`, as in their deliveries"
    )
    count: int = Field(description="connections that were not told, or deliveries that failed so")
    last_at: Millis = Field(description="when that happened last")


class Work(Schema):
    swept_at: int | None = Field(
        description="when the sweep last began a cycle, in milliseconds since the epoch; null: none"
    )
    presence_events_since: int | None = Field(
        description="when the oldest presence event was due that waits; null: none waits"
    )
    broadcasts_since: int | None = Field(
        description="when the oldest bonus or news was ordered that is not yet in the queue; null: "
        "none waits"
    )
    rolled_up_to: int | None = Field(
        description="up to when quarter hours are summed up for reports; null: none is"
    )
    unreachable_nodes: list[UnreachableNode] = Field(
        description="gateway endpoints that could not be reached when they were last asked: their "
        "connections are suspect"
    )
    errors: list[WorkError] = Field(
        description="what failed within the last hour, the latest first: of the newest broadcasts "
        "and the newest deliveries of each webhook. What functions count of themselves are metrics"
    )
    server_now: ServerNow


@service.get("/health/work")
async def read_work(database: TheDatabase) -> Work:
    """Read what goes on behind the scenes: the sweep, the queue, roll-ups, unreachable nodes.

    A sweep begins a cycle each minute. The queue takes an order within a second.
    """
    row = await database.fetch_one(ReadWork())
    listed = {"unreachable_nodes": json.loads(row.nodes), "errors": json.loads(row.errors)}
    known = msgspec.structs.asdict(row) | listed
    return Work.model_validate({name: known[name] for name in Work.model_fields})
