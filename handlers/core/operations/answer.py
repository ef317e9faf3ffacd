"""answer: one option of a question for one user; the first answer of all their devices stays."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast
from uuid import UUID

import msgspec

from handlers.core.operation import Json, Operation, Outcome, Rules, Statement
from handlers.core.reply import reply_and_notify
from handlers.core.server_message import AnswerAnswer

if TYPE_CHECKING:
    from handlers.core.connection import Connection
    from handlers.core.message import AnswerMessage
    from handlers.core.server_message import AnswerOutcome


class AnswerRow(msgspec.Struct, frozen=True):
    outcome: str
    wait_ms: int | None
    server_now: int
    chosen: int | None
    """The option that counts; None: none does."""
    epoch: UUID | None
    event: Json | None
    others: Json | None


class Answer(Statement[AnswerRow], frozen=True):
    function: ClassVar[str] = "answer"
    user_id: str
    question_id: UUID
    option: int
    gap: timedelta
    burst: int
    keep_out: timedelta


def statement(connection: Connection, message: AnswerMessage, rules: Rules) -> Answer:
    return Answer(connection.user_id, message.question_id, message.option, *rules.limit)


def outcome(connection: Connection, message: AnswerMessage, row: AnswerRow) -> Outcome:
    reply = partial(
        AnswerAnswer,
        re=message.id,
        question_id=message.question_id,
        outcome=cast("AnswerOutcome", row.outcome),
        option=row.chosen,
    )
    return reply_and_notify(connection, row, reply)


OPERATION = Operation(statement, outcome)
