"""What every WebSocket event says about the connection it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from handlers.core.apps import MAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

ANYTHING: Literal["*"] = "*"

MayWatch = tuple[str, ...] | Literal["*"]
"""The resources that a connection may move to beside its ticket's own; "*": any."""


@dataclass(frozen=True)
class Connection:
    """A connection and the ticket that opened it.

    The authorizer's context travels with each later event, $disconnect included
    (localstack/wsgate/docs/aws-behaviour.md §3.10), so no event has to look it up.
    """

    user_id: str
    resource: str
    ticket_id: str
    ticket_expires_at: datetime
    node: str
    """`domainName/stage`: where the connection's gateway is reached."""
    connection_id: str
    device: str | None = None
    """The ticket's label for the device, if it has one."""
    may_watch: MayWatch = ()
    """Where a `watch` message may lead, beside the ticket's own resource."""
    may_list: bool = False
    """Whether it may know by name who watches there."""
    app: str = MAIN

    def allows(self, resource: str) -> bool:
        """Whether the ticket allows this resource."""
        return self.may_watch == ANYTHING or resource in {self.resource, *self.may_watch}


def read_connection(request: Mapping[str, Any]) -> Connection:
    """Read an event's `requestContext`; `authorize.context` has written its `authorizer`."""
    context = request["authorizer"]
    return Connection(
        user_id=context["userId"],
        resource=context["resource"],
        ticket_id=context["ticketId"],
        ticket_expires_at=datetime.fromtimestamp(int(context["ticketExpiresAt"]), UTC),
        node=f"{request['domainName']}/{request['stage']}",
        connection_id=request["connectionId"],
        device=context.get("device"),
        may_watch=_may_watch(context.get("mayWatch", "[]")),
        may_list=context.get("mayList") == "true",
        app=context.get("app", MAIN),
    )


def _may_watch(text: str) -> MayWatch:
    return ANYTHING if text == ANYTHING else tuple(json.loads(text))
