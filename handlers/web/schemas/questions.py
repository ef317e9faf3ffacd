"""Questions."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from handlers.web.schemas.broadcasts import Everyone, Listed, Progress, Viewers
from handlers.web.schemas.fields import (
    FROM_JSON,
    MAX_SECONDS,
    Duration,
    Millis,
    NextPage,
    OrderedBy,
    OwnId,
    Reward,
    Schema,
    ServerNow,
    StoredObject,
    storable,
)
from handlers.web.schemas.moments import Moment

MAX_TEXT, MAX_OPTION = 300, 100
# With what else is told of a question it must fit into news, which has at most 4,096 bytes.
MAX_BYTES = 3_500

Option = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_OPTION), AfterValidator(storable)
]


class Prize(Schema):
    """A bonus for all who were right."""

    reward: Reward
    claim_within_seconds: Duration = Field(description="how long they can claim it")


class QuestionOrder(Schema):
    """A question to ask."""

    question_id: OwnId = None
    text: Annotated[
        str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(storable)
    ]
    options: list[Option] = Field(
        min_length=2,
        max_length=10,
        description="what can be answered, each of at most 100 characters; answers name them by "
        "their numbers, the first is 0. Text and options together have at most 3,500 bytes",
    )
    correct: int | None = Field(
        default=None,
        ge=0,
        le=9,
        description="the number of the right option; it is told with the tally, not before. null: "
        "none is right",
    )
    prize: Prize | None = Field(
        default=None, description="a bonus for all who were right; it takes `correct`"
    )
    audience: Annotated[
        Everyone | Viewers | Listed,
        Field(discriminator="kind", description="who is asked and may answer"),
    ]
    opens_in_seconds: float = Field(
        default=0,
        ge=0,
        le=MAX_SECONDS,
        description="when it is asked, from now by the database's clock",
    )
    opens_at: Moment | None = Field(
        default=None,
        description="instead of `opens_in_seconds`: when it is asked, in milliseconds since the "
        "epoch or as RFC 3339. May be in the past as long as the window has not ended",
    )
    window_seconds: Duration = Field(description="how long it can be answered")

    @model_validator(mode="after")
    def opens_once(self) -> Self:
        if self.opens_at is not None and "opens_in_seconds" in self.model_fields_set:
            raise ValueError("send opens_at or opens_in_seconds, not both")
        return self

    @model_validator(mode="after")
    def can_be_answered(self) -> Self:
        if len(set(self.options)) < len(self.options):
            raise ValueError("an option comes twice; make each different")
        if self.correct is not None and self.correct >= len(self.options):
            raise ValueError("correct is no option: the first is 0")
        if self.prize is not None and self.correct is None:
            raise ValueError("a prize is for those who were right: send correct, too")
        return self

    @model_validator(mode="after")
    def fits(self) -> Self:
        written = json.dumps([self.text, *self.options], ensure_ascii=False)
        if len(written.encode()) > MAX_BYTES:
            raise ValueError("text and options take more than 3,500 bytes; shorten them")
        return self


class ListedQuestion(Schema):
    question_id: UUID
    text: str
    options: list[str]
    correct: int | None
    reward: StoredObject | None
    claim_within_ms: int | None
    bonus_id: UUID | None = Field(
        description="of the bonus for those who were right: GET /bonuses/{bonus_id} has it once "
        "the question is closed, if there were any"
    )
    audience: Literal["everyone", "resource", "users"]
    resource: str | None
    opens_at: Millis
    expires_at: Millis
    created_at: Millis
    closed_at: int | None = Field(
        description="when the tally became final, in milliseconds since the epoch; null before"
    )
    ordered_by: OrderedBy
    state: Literal["upcoming", "open", "closed", "cancelled"]


class Question(ListedQuestion):
    tally: Annotated[list[int], FROM_JSON] = Field(
        description="how many users chose each option so far; each user counts once. Final when "
        "`closed_at` is set"
    )
    broadcast: Progress | None = Field(
        description="how far the audience has been asked; null before it opens, and from a day "
        "after its end"
    )
    result_broadcast: Progress | None = Field(
        description="how far the audience has been told the tally; null before it is closed, and "
        "from a day after that"
    )
    server_now: ServerNow


class QuestionsPage(Schema):
    items: list[ListedQuestion]
    next: NextPage
