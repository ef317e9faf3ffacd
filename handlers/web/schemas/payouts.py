"""Payouts."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from handlers.web.schemas.fields import Id, Millis, Name, Schema, UserId, storable

MAX_PAYOUTS = 100

PayoutId = Annotated[
    Name,
    Field(
        description="an id of yours, such as that of the transfer: it makes sending it again safe. "
        "Once for each grant; one transfer may pay several"
    ),
]
PayoutReason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(storable),
]


class PayoutOrder(Schema):
    """What became of one grant."""

    bonus_id: Id
    user_id: UserId
    payout_id: PayoutId
    state: Literal["fulfilled", "rejected"]
    reason: PayoutReason | None = Field(
        default=None, description="why, in words for the user, who reads them in their ledger"
    )
    give_back: bool = Field(
        default=False,
        description="with `rejected`: let another user claim what this one got, if the bonus has a "
        "stock and is still open. That is final: the payout cannot be corrected then",
    )
    corrects: Name | None = Field(
        default=None,
        description="the `payout_id` that GET /grants shows for this grant, if that was wrong",
    )

    @model_validator(mode="after")
    def gives_back_what_is_rejected(self) -> Self:
        if self.give_back and self.state != "rejected":
            raise ValueError("only what is rejected is given back; leave `give_back` out")
        return self


class PayoutsOrder(Schema):
    items: list[PayoutOrder] = Field(min_length=1, max_length=MAX_PAYOUTS)


class PayoutAnswer(Schema):
    bonus_id: UUID
    user_id: str
    payout_id: str
    status: Literal[200, 201, 404, 409] = Field(
        description="201: recorded; 200: recorded before; else nothing has changed, and `code` "
        "says why"
    )
    code: Literal["not_found", "conflict", "already_decided", "given_back"] | None
    detail: str | None = Field(description="what is wrong and what to do, for people")
    gave_back: bool | None
    at: Millis | None = Field(description="when it was recorded")


class PayoutAnswers(Schema):
    items: list[PayoutAnswer] = Field(description="one for each of the request, in its order")
