"""The audit."""

from __future__ import annotations

from pydantic import Field

from handlers.web.schemas.fields import Millis, NextPage, Schema


class AuditEntry(Schema):
    """An order: what a key asked for that changes something."""

    id: int
    at: Millis
    author: str = Field(description="the name of the key, or `the service token`")
    source: str | None = Field(description="the address that the request came from")
    operation: str = Field(description="as in `operationId` of GET /openapi.json")
    subject: str | None = Field(
        description="what it is about: the id of a bonus, news, a campaign, a correction, a key, "
        "or of the user who was kicked or erased"
    )
    outcome: str | None = Field(
        description="what came of it: `created`, `edited`, `changed`, `cancelled` or `done`; else "
        "nothing has changed, as with `repeated` or `conflict`. Null for a kick: noted before "
        "it begins"
    )
    reason: str | None


class AuditPage(Schema):
    items: list[AuditEntry]
    next: NextPage
