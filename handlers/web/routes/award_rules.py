"""Award rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Path, Request, Response

from handlers.services import award_rules
from handlers.web.deps import TheDatabase, service_router
from handlers.web.errors import (
    BAD_REQUEST,
    NOT_FOUND,
    REWARD_TOO_LARGE,
    UNSTORABLE,
    documented,
)
from handlers.web.orders import created, fingerprint, named, to_json
from handlers.web.pagination import (
    CSV,
    LIST_ERRORS,
    After,
    CsvResponse,
    Cursor,
    Limit,
    Listing,
    NewestFirst,
    TheCsvForm,
    newest_first,
)
from handlers.web.schemas.award_rules import AwardRule, AwardRuleOrder, AwardRulesPage

router = service_router("bonuses")
RuleId = Annotated[UUID, Path(description="the rule's id")]


@router.post(
    "/award-rules",
    status_code=201,
    responses=created(AwardRule, BAD_REQUEST, REWARD_TOO_LARGE, UNSTORABLE),
)
async def create_award_rule(
    order: AwardRuleOrder, database: TheDatabase, response: Response
) -> AwardRule:
    """Award users a bonus for watching, from now on.

    Each bonus is made within a minute of its being due, to users who are watching what it counts.
    Watch time before the rule does not count; from then on it adds up over sessions, days and
    devices. The bonuses are for listed users, and their devices acknowledge them.
    """
    new = award_rules.CreateAwardRule(
        rule_id=order.rule_id or uuid4(),
        reward=to_json(order.reward),
        every=timedelta(seconds=order.every_seconds),
        claim_within=timedelta(seconds=order.claim_within_seconds),
        resource=order.resource,
        is_visible=order.clock == "visible",
        fingerprint=fingerprint(order, "rule_id", "overlap"),
    )
    with named("rule_id", order, new.rule_id):
        row, is_repeated = await award_rules.create(database, new)
    if is_repeated:
        response.status_code = 200
    return AwardRule.model_validate(row)


@router.delete("/award-rules/{rule_id}", responses=documented(NOT_FOUND))
async def end_award_rule(rule_id: RuleId, database: TheDatabase) -> AwardRule:
    """End a rule: it awards nothing from now on.

    The bonuses that it has made stay. Ending a rule again changes nothing.
    """
    return AwardRule.model_validate(await award_rules.end(database, rule_id))


def _listing(database: TheDatabase) -> Listing[award_rules.ListedAwardRuleRow, NewestFirst]:
    async def fetch(
        position: NewestFirst | None, limit: int
    ) -> list[award_rules.ListedAwardRuleRow]:
        return await database.fetch(award_rules.ListAwardRules(*newest_first(position), limit))

    return Listing(
        Cursor("award_rules", (), NewestFirst),
        AwardRule.model_fields,
        fetch,
        lambda row: NewestFirst(row.position, row.rule_id),
    )


@router.get("/award-rules", responses=LIST_ERRORS)
async def list_award_rules(
    database: TheDatabase, limit: Limit = 100, after: After = None
) -> AwardRulesPage:
    """List all rules, the newest first, including those that have ended."""
    rows, following = await _listing(database).page(after, limit)
    return AwardRulesPage(items=[AwardRule.model_validate(row) for row in rows], next=following)


@router.get("/award-rules.csv", response_class=Response, responses=CSV | LIST_ERRORS)
async def export_award_rules(
    request: Request, database: TheDatabase, form: TheCsvForm, after: After = None
) -> CsvResponse:
    """List all rules as CSV. `Link: <…>; rel="next"` leads to the next rows."""
    return await _listing(database).csv(request, form, after)
