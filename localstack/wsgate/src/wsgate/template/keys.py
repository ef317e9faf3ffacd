"""API keys and usage plans: who may connect where $connect has ApiKeyRequired.

docs/aws-behaviour.md §3.14.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wsgate.model.plan import ApiKeys

if TYPE_CHECKING:
    from wsgate.template.stack import Resource, Stack

_BY_HEADER: Final = "$request.header.x-api-key"
_BY_AUTHORIZER: Final = "$context.authorizer.usageIdentifierKey"
# GUESS, as for REST APIs: a key opens the stages of its usage plans. A template that has no usage
# plan at all has made them by hand, or will, and then each of its keys opens each stage.
PLANS_ARE_ELSEWHERE_IF_THERE_ARE_NONE: Final = True


def api_keys_of(api: Resource, stage: str, connect: Resource | None) -> ApiKeys | None:
    """Return the keys of a stage, or None where $connect asks for none. Raises TemplateError."""
    if connect is None or not connect.flag("ApiKeyRequired"):
        return None
    selection = api.text("ApiKeySelectionExpression", default=_BY_HEADER)
    if selection not in (_BY_HEADER, _BY_AUTHORIZER):
        words = f"is {selection!r}, and must be {_BY_HEADER} or {_BY_AUTHORIZER}"
        raise api.error(words, "ApiKeySelectionExpression")
    opening = _opening(api.stack, api.id, stage)
    ids = {}
    for key in api.stack.of_type("AWS::ApiGateway::ApiKey"):
        if not key.flag("Enabled") or (opening is not None and key.id not in opening):
            continue
        value = key.optional_text("Value")
        if value is None:
            key.stack.leave_out(
                key.error("is missing, and AWS makes one up: use --api-key", "Value")
            )
        else:
            ids[value] = key.id
    return ApiKeys(ids, from_authorizer=selection == _BY_AUTHORIZER)


def _opening(stack: Stack, api_id: str, stage: str) -> set[str] | None:
    """Return the ids of the keys whose usage plan has this stage; None is any key."""
    plans = stack.of_type("AWS::ApiGateway::UsagePlan")
    if not plans and PLANS_ARE_ELSEWHERE_IF_THERE_ARE_NONE:
        return None
    here = {"ApiId": api_id, "Stage": stage}
    ours = {
        plan.id
        for plan in plans
        if any(here.items() <= covered.items() for covered in plan.items("ApiStages"))
    }
    keys = stack.of_type("AWS::ApiGateway::UsagePlanKey")
    return {key.text("KeyId") for key in keys if key.text("UsagePlanId") in ours}
