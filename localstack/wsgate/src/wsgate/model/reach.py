"""Where a function's calls of AWS lead, resource by resource. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from wsgate.model.plan import Plan, Reached

ENDPOINT: Final = "AWS_ENDPOINT_URL"
"""Of all services; `AWS_ENDPOINT_URL_DYNAMODB` of one wins.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html (2026-11-30)
"""

MADE: Final = frozenset(
    {
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
    }
)
"""The types that `--moto` makes on this machine."""


def sentences(
    plan: Plan, environment: Mapping[str, str], made: Collection[str] = ()
) -> Iterator[str]:
    """One for each resource that functions reach by an SDK.

    `environment` is what functions get: the developer's variables, and those of this run over
    them. `made` has the logical ids of what this run made on a local moto.
    """
    known = dict(environment)
    for function in plan.functions.values():
        known |= function.environment
    for resource in plan.reached:
        place = _place(resource, plan, known, made)
        yield f"{resource.logical_id} ({resource.kind}): {place}"


def _place(
    resource: Reached, plan: Plan, environment: Mapping[str, str], made: Collection[str]
) -> str:
    if resource.service == "SQS" and resource.name in plan.queues:
        return "a queue of this run"
    if resource.logical_id in made:
        return "made by this run, empty"
    own = f"{ENDPOINT}_{resource.service}"
    variable = own if environment.get(own) else ENDPOINT
    if url := environment.get(variable):
        return f"{url} ({variable})"
    here = ", --moto makes it here" if resource.kind in MADE else ""
    words = f"AWS in {plan.region}, which refuses the local key of functions"
    return f"{words}; {own} leads elsewhere{here}"
