"""What every WebSocket event says of the connection it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.core.ticket import Ticket

ANYTHING: Literal["*"] = "*"

MayWatch = tuple[str, ...] | Literal["*"]
"""The resources that a connection may move to beside its ticket's own; "*": any."""


@dataclass(frozen=True)
class Arrival:
    """A connection and the ticket that opened it.

    The authorizer's context travels with each later event, $disconnect included (APIGW.md §3.10),
    so nobody looks up whose connection this is.
    """

    user_id: str
    resource: str
    ticket_id: str
    ticket_expires_at: datetime
    node: str
    connection_id: str
    device: str | None = None
    """What the ticket calls the device, if it does."""
    may_watch: MayWatch = ()
    """Where a `watch` message may lead, beside the ticket's own resource."""


def authorizer_context(ticket: Ticket) -> dict[str, str]:
    """What the authorizer says and `arrival` reads back. API Gateway carries strings only."""
    context = {
        "userId": ticket.user_id,
        "resource": ticket.resource,
        "ticketId": ticket.ticket_id,
        "ticketExpiresAt": str(int(ticket.expires_at.timestamp())),
    }
    if ticket.device:
        context["device"] = ticket.device
    if ticket.may_watch:
        names = ticket.may_watch
        context["mayWatch"] = ANYTHING if names == ANYTHING else json.dumps(names)
    return context


def arrival(request: Mapping[str, Any]) -> Arrival:
    """Read an event's `requestContext`."""
    who = request["authorizer"]
    return Arrival(
        user_id=who["userId"],
        resource=who["resource"],
        ticket_id=who["ticketId"],
        ticket_expires_at=datetime.fromtimestamp(int(who["ticketExpiresAt"]), UTC),
        node=f"{request['domainName']}/{request['stage']}",
        connection_id=request["connectionId"],
        device=who.get("device"),
        may_watch=_may_watch(who.get("mayWatch", "[]")),
    )


def _may_watch(text: str) -> MayWatch:
    return ANYTHING if text == ANYTHING else tuple(json.loads(text))
