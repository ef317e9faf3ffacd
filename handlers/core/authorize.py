"""The answer of a REQUEST authorizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.core.arrival import authorizer_context

if TYPE_CHECKING:
    from handlers.core.ticket import Ticket


def allow(ticket: Ticket, method_arn: str) -> dict[str, Any]:
    """Let the ticket's owner in, and carry them into every later event of the connection.

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
        "context": authorizer_context(ticket),
    }
