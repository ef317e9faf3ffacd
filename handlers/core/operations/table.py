"""Which operation answers which message."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from handlers.core import message
from handlers.core.message import MAX_MESSAGE_BYTES, BadMessage, parse
from handlers.core.operations import (
    ack,
    act,
    answer,
    audience,
    bonuses,
    campaigns,
    claim,
    hello,
    ledger,
    visibility,
    watch,
)
from handlers.core.operations.reject import Reject
from handlers.core.reply import error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from handlers.core.connection import Connection
    from handlers.core.operation import Operation, Outcome, Rules, Statement

OPERATIONS: Mapping[type[message.Message], Operation[Any, Any]] = {
    message.HelloMessage: hello.OPERATION,
    message.ActMessage: act.OPERATION,
    message.ClaimMessage: claim.OPERATION,
    message.AckMessage: ack.OPERATION,
    message.AnswerMessage: answer.OPERATION,
    message.WatchMessage: watch.OPERATION,
    message.LedgerMessage: ledger.OPERATION,
    message.BonusesMessage: bonuses.OPERATION,
    message.CampaignsMessage: campaigns.OPERATION,
    message.VisibilityMessage: visibility.OPERATION,
    message.AudienceMessage: audience.OPERATION,
}


@dataclass(frozen=True)
class Request:
    """A message, whatever it says: the one statement that counts it, and what its row leads to."""

    id: str | None
    """None: it could not be read."""
    statement: Statement[Any]
    """Its rows are `LimitedRow`s (`core/rate_limit.py`)."""
    outcome: Callable[[Any], Outcome]
    action: str = "$default"
    """What was asked for, if it is known."""


def read(connection: Connection, body: str, rules: Rules) -> Request:
    """Judge a message. One that is refused for what it says has a statement as well."""
    try:
        sent = parse(body)
    except BadMessage as bad:
        return refused(connection, body, bad.re, error(bad.re, bad.code, str(bad)), rules)
    operation, action = OPERATIONS[type(sent)], str(sent.__struct_config__.tag)
    if operation.refusal and (refusal := operation.refusal(connection, sent)):
        return replace(refused(connection, body, sent.id, refusal, rules), action=action)
    return Request(
        sent.id,
        operation.statement(connection, sent, rules),
        lambda row: operation.outcome(connection, sent, row),
        action,
    )


def refused(
    connection: Connection, body: str, re: str | None, outcome: Outcome, rules: Rules
) -> Request:
    """A message that leads to nothing but this outcome. The gateway lets 128 KB of it through."""
    units = max(1, len(body.encode("utf-8", "replace")) // MAX_MESSAGE_BYTES)
    return Request(re, Reject(connection.user_id, units, *rules.limit), lambda _row: outcome)
