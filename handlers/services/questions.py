"""Questions to the audience: create, read, list, cancel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID, uuid5

import msgspec

from handlers.core.operation import Json, Statement
from handlers.core.operations.broadcast import Broadcast
from handlers.services.announcements import (
    BroadcastRow,
    announce_eventually,
    cancel_id_of,
    find_broadcast,
    is_repeated,
    wake_when_due,
)
from handlers.services.errors import NotFound

if TYPE_CHECKING:
    from handlers.services.announcements import Database, Ports

# sql/functions/question/question_state.sql: last_answer_at
LATE_MS = 500


class CreateQuestion(Statement[str], frozen=True):
    """Returns created, repeated, conflict or window_over."""

    function: ClassVar[str] = "create_question"
    order_of: ClassVar[str] = "question_id"
    question_id: UUID
    text: str
    options: list[str]
    correct: int | None
    audience: str
    resource: str | None
    opens_in: timedelta
    window: timedelta
    opens_at: datetime | None
    """Instead of `opens_in`."""
    reward: Json | None
    claim_within: timedelta | None
    result_id: UUID
    bonus_id: UUID
    fingerprint: str
    user_ids: list[str]


class CancelQuestion(Statement[str | None], frozen=True):
    """Returns cancelled, already_cancelled, closed, or None for an unknown question."""

    function: ClassVar[str] = "cancel_question"
    order_of: ClassVar[str] = "question_id"
    question_id: UUID
    cancel_id: UUID


class OrderedQuestion(msgspec.Struct, frozen=True):
    """What was asked, and where it is between its order and its end."""

    question_id: UUID
    text: str
    options: list[str]
    correct: int | None
    audience: str
    resource: str | None
    opens_at: int
    expires_at: int
    reward: Json | None
    claim_within_ms: int | None
    bonus_id: UUID | None
    created_at: int
    closed_at: int | None
    ordered_by: str | None
    state: str


class ListedQuestionRow(OrderedQuestion, frozen=True):
    position: int
    """`created_at` in microseconds."""


class ListQuestions(Statement[ListedQuestionRow], frozen=True):
    """All questions, the newest first."""

    query: ClassVar[str] = "questions"
    before_created_at: datetime
    before_question_id: UUID
    limit: int


class QuestionRow(OrderedQuestion, frozen=True):
    tally: Json
    """Answers by option. No array: the driver would ask for its type, which pins an RDS Proxy."""
    result_id: UUID
    server_now: int


class FindQuestion(Statement[QuestionRow], frozen=True):
    query: ClassVar[str] = "question"
    question_id: UUID


@dataclass(frozen=True)
class Question:
    """A question, and how far its two broadcasts have come: None before they begin, and once they
    are pruned.
    """

    row: QuestionRow
    broadcast: BroadcastRow | None
    result_broadcast: BroadcastRow | None
    is_repeated: bool = False
    """The same request came before."""


def result_id_of(question_id: UUID) -> UUID:
    """Name the broadcast of a question's tally."""
    return uuid5(question_id, "result")


def bonus_id_of(question_id: UUID) -> UUID:
    """Name the bonus of those who were right."""
    return uuid5(question_id, "bonus")


async def create(ports: Ports, new: CreateQuestion) -> Question:
    """Create a question, and wake workers when it opens and when it closes.

    Should the queue fail, the schedule of awards does that. Raises Conflict or WindowOver.
    """
    was_there = is_repeated(await ports.database.fetch_one(new))
    row = await _find(ports.database, new.question_id)
    if row.state in ("upcoming", "open"):
        opens_in, closes_in = (
            at - row.server_now for at in (row.opens_at, row.expires_at + LATE_MS)
        )
        await wake_when_due(ports, Broadcast(str(row.question_id), is_news=True), opens_in)
        await wake_when_due(ports, Broadcast(str(row.result_id), is_news=True), closes_in)
        if row.bonus_id is not None:
            await wake_when_due(ports, Broadcast(str(row.bonus_id)), closes_in)
    return await _with_progress(ports.database, row, was_there)


async def _find(database: Database, question_id: UUID) -> QuestionRow:
    rows = await database.fetch(FindQuestion(question_id))
    if not rows:
        raise NotFound("question")
    return rows[0]


async def read(database: Database, question_id: UUID) -> Question:
    """Read a question, its tally so far, and how far its audience has been told. Raises NotFound.

    Once its state is "closed", the tally may be read before the last answers are counted: it is
    final when `closed_at` is set.
    """
    return await _with_progress(database, await _find(database, question_id))


async def _with_progress(
    database: Database, row: QuestionRow, is_repeated: bool = False
) -> Question:
    asked = await find_broadcast(database, row.question_id)
    told = await find_broadcast(database, row.result_id)
    return Question(row, asked, told, is_repeated)


async def cancel(ports: Ports, question_id: UUID) -> Question:
    """End the answers to a question and tell its audience. Raises NotFound."""
    cancel_id = cancel_id_of(question_id)
    await ports.database.fetch(CancelQuestion(question_id, cancel_id))
    question = await read(ports.database, question_id)
    await announce_eventually(ports, cancel_id)
    return question
