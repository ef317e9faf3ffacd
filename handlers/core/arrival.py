"""What every WebSocket event says of the connection it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def authorizer_context(
    user_id: str,
    resource: str,
    ticket_id: str,
    ticket_expires_at: datetime,
    device: str | None = None,
) -> dict[str, str]:
    """What the authorizer says and `arrival` reads back. API Gateway carries strings only."""
    context = {
        "userId": user_id,
        "resource": resource,
        "ticketId": ticket_id,
        "ticketExpiresAt": str(int(ticket_expires_at.timestamp())),
    }
    return context | ({"device": device} if device else {})


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
    )
