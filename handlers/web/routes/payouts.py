"""Payouts: what became of grants."""

from __future__ import annotations

from handlers.core.operations.payout import PayoutRow, RecordPayout
from handlers.web.deps import TheAuthor, ThePayouts, service_router
from handlers.web.errors import (
    ALREADY_DECIDED,
    CONFLICT,
    GIVEN_BACK,
    NOT_FOUND,
    UNREADABLE_BODY,
    documented,
)
from handlers.web.schemas.payouts import PayoutAnswer, PayoutAnswers, PayoutOrder, PayoutsOrder

router = service_router("grants")

REFUSALS = {
    "unknown": (
        NOT_FOUND,
        "the user has no such grant; send `bonus_id` and `user_id` of GET /grants",
    ),
    "conflict": (
        CONFLICT,
        "the grant has a payout of this id that says something else; send another id",
    ),
    "already_decided": (ALREADY_DECIDED, None),
    "given_back": (GIVEN_BACK, None),
}
STATUSES = {"recorded": 201, "repeated": 200}


@router.post("/payouts", responses=documented(UNREADABLE_BODY))
async def record_payouts(
    order: PayoutsOrder, payouts: ThePayouts, author: TheAuthor
) -> PayoutAnswers:
    """Say what became of up to 100 grants: fulfilled, or rejected and why.

    Each is recorded and answered for itself, in the given order, so look at each `status`. The same
    payout of a grant again is answered as the first time, another one of the same `payout_id` is
    refused. A payout that was wrong is corrected by another one that names it in `corrects`; both
    stay in the user's ledger. All devices of the users are told.

    After 503 some may be recorded: send the same request again.
    """
    wanted = [_record(item, author) for item in order.items]
    rows = await payouts.record(wanted)
    return PayoutAnswers(items=[_answer(*one) for one in zip(wanted, rows, strict=True)])


def _record(item: PayoutOrder, author: str) -> RecordPayout:
    return RecordPayout(
        bonus_id=item.bonus_id,
        user_id=item.user_id,
        payout_id=item.payout_id,
        state=item.state,
        reason=item.reason,
        give_back=item.give_back,
        corrects=item.corrects,
        author=author,
    )


def _answer(payout: RecordPayout, row: PayoutRow) -> PayoutAnswer:
    error, detail = REFUSALS.get(row.outcome, (None, None))
    if row.outcome == "already_decided":
        detail = _decided(row)
    return PayoutAnswer.model_validate(
        {
            "bonus_id": payout.bonus_id,
            "user_id": payout.user_id,
            "payout_id": payout.payout_id,
            "status": error.status if error else STATUSES[row.outcome],
            "code": error and error.code,
            "detail": error and (detail or error.reason),
            "gave_back": row.gave_back,
            "at": row.recorded_at,
        }
    )


def _decided(row: PayoutRow) -> str:
    if row.in_force is None:
        return "the grant is pending, and nothing is to be corrected; leave `corrects` out"
    return (
        f"the payout {row.in_force!a} is in force; read it with GET /grants, and send it as "
        "`corrects` if it is wrong"
    )
