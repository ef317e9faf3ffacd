"""authorize: the answer of a REQUEST authorizer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from handlers.core.apps import MAIN
from handlers.core.connection import ANYTHING

if TYPE_CHECKING:
    from handlers.core.ticket import Ticket


def allow(ticket: Ticket, method_arn: str) -> dict[str, Any]:
    """Let the ticket's owner in, and put them into every later event of the connection.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
    (2026-11-23)
    """
    return {
        "principalId": ticket.user_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": method_arn}
            ],
        },
        "context": context(ticket),
    }


def context(ticket: Ticket) -> dict[str, str]:
    """What `connection.read_connection` reads back. API Gateway carries strings only."""
    written = {
        "userId": ticket.user_id,
        "resource": ticket.resource,
        "ticketId": ticket.ticket_id,
        "ticketExpiresAt": str(int(ticket.expires_at.timestamp())),
    }
    if ticket.device:
        written["device"] = ticket.device
    if ticket.may_watch:
        names = ticket.may_watch
        is_any = names == ANYTHING
        written["mayWatch"] = ANYTHING if is_any else json.dumps(names, ensure_ascii=False)
    if ticket.may_list:
        written["mayList"] = "true"
    if ticket.app != MAIN:
        written["app"] = ticket.app
    return written
