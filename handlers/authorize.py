"""The authorizer of $connect: a ticket names the user. A forged one costs no database call."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from handlers.adapters.metrics import Metrics, counting, version
from handlers.core.operations.authorize import allow
from handlers.core.ticket import BadTicket
from handlers.services.authorize import read_ticket

log = logging.getLogger(__name__)


class Unauthorized(Exception):
    """API Gateway answers 401 to exactly this message, and 500 to any other.

    localstack/wsgate/docs/aws-behaviour.md §3.5
    """

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def handle(event: dict[str, Any], metrics: Metrics) -> dict[str, Any]:
    """Let in the owner of a valid ticket; 401 for anyone else, 500 while that cannot be told."""
    text = event["queryStringParameters"]["ticket"]
    try:
        ticket = read_ticket(text, datetime.now(UTC))
    except BadTicket as error:
        log.warning("refused: %s", error)
        metrics.count("handshakes_refused", Reason=error.kind)
        metrics.count("handshakes_unauthorized", Version=version())
        raise Unauthorized from None  # an error for Lambda; its alarms take these off
    return allow(ticket, event["methodArn"])


handler = counting(handle)
