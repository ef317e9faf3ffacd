"""Questions."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Path, Response

from handlers.services import questions
from handlers.services.questions import CreateQuestion, ListedQuestionRow
from handlers.web.deps import TheDatabase, ThePorts, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    NOT_FOUND,
    REWARD_TOO_LARGE,
    UNSTORABLE,
    WINDOW_OVER,
    documented,
)
from handlers.web.orders import audience_of, created, fingerprint, named, to_json
from handlers.web.pagination import (
    LIST_ERRORS,
    After,
    Cursor,
    Limit,
    Listing,
    NewestFirst,
    newest_first,
)
from handlers.web.schemas.broadcasts import Listed
from handlers.web.schemas.questions import ListedQuestion, Question, QuestionOrder, QuestionsPage

router = service_router("questions")
QuestionId = Annotated[UUID, Path(description="the question's id")]


@router.post(
    "/questions",
    status_code=201,
    responses=created(Question, BAD_REQUEST, WINDOW_OVER, REWARD_TOO_LARGE, UNSTORABLE),
)
async def create_question(order: QuestionOrder, ports: ThePorts, response: Response) -> Question:
    """Ask the audience a question: it is told when the question opens, and the tally when it is
    closed.

    Each user answers once, from whichever device; the first answer stays. Answers are accepted
    until half a second after `expires_at`, by the database's clock; then they are counted once and
    for all.
    """
    new = _creation(order)
    with named("question_id", order, new.question_id):
        question = await questions.create(ports, new)
    if question.is_repeated:
        response.status_code = 200
    return _question(question)


@router.get("/questions/{question_id}", responses=documented(NOT_FOUND))
async def read_question(question_id: QuestionId, database: TheDatabase) -> Question:
    """Read a question, its tally so far, and how far its audience has been told."""
    return _question(await questions.read(database, question_id))


@router.delete("/questions/{question_id}", responses=documented(NOT_FOUND))
async def cancel_question(question_id: QuestionId, ports: ThePorts) -> Question:
    """Cancel a question: no answer counts from now on, no tally is told, and those who were asked
    are told to remove it.

    Cancelling again changes nothing, and neither does cancelling a question that is closed.
    """
    return _question(await questions.cancel(ports, question_id))


@router.get("/questions", responses=LIST_ERRORS)
async def list_questions(
    database: TheDatabase, limit: Limit = 100, after: After = None
) -> QuestionsPage:
    """List all questions, the newest first.

    GET /questions/{question_id} has the tally of a question.
    """

    async def fetch(position: NewestFirst | None, rows: int) -> list[ListedQuestionRow]:
        return await database.fetch(questions.ListQuestions(*newest_first(position), rows))

    listing = Listing(
        Cursor("questions", (), NewestFirst),
        ListedQuestion.model_fields,
        fetch,
        lambda row: NewestFirst(row.position, row.question_id),
    )
    rows, following = await listing.page(after, limit)
    return QuestionsPage(items=[ListedQuestion.model_validate(row) for row in rows], next=following)


def _creation(order: QuestionOrder) -> CreateQuestion:
    audience, resource = audience_of(order.audience)
    question_id, prize = order.question_id or uuid4(), order.prize
    return CreateQuestion(
        question_id=question_id,
        text=order.text,
        options=order.options,
        correct=order.correct,
        audience=audience,
        resource=resource,
        opens_in=timedelta(seconds=order.opens_in_seconds),
        window=timedelta(seconds=order.window_seconds),
        opens_at=order.opens_at,
        reward=to_json(prize.reward) if prize else None,
        claim_within=timedelta(seconds=prize.claim_within_seconds) if prize else None,
        result_id=questions.result_id_of(question_id),
        bonus_id=questions.bonus_id_of(question_id),
        fingerprint=fingerprint(order, "question_id"),
        user_ids=order.audience.user_ids if isinstance(order.audience, Listed) else [],
    )


def _question(question: questions.Question) -> Question:
    broadcasts = {"broadcast": question.broadcast, "result_broadcast": question.result_broadcast}
    names = set(question.row.__struct_fields__) - {"result_id"}
    return Question.model_validate(
        broadcasts | {name: getattr(question.row, name) for name in names}
    )
