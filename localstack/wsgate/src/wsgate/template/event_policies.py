"""How functions want their asynchronous events handled: AWS::Lambda::EventInvokeConfig.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html (2026-11-24)
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from wsgate.model.plan import EventPolicy, Function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.template.stack import Resource, Stack

_MAX_RETRIES: Final = 2
_MIN_AGE: Final = 60
_MAX_AGE: Final = 21_600


def event_policies_of(stack: Stack, functions: Mapping[str, Function]) -> dict[str, EventPolicy]:
    """Return the policies by function; an alias has that of its function."""
    policies: dict[str, EventPolicy] = {}
    for config in stack.of_type("AWS::Lambda::EventInvokeConfig"):
        with stack.leaving_out():
            function = config.text("FunctionName").rpartition(":function:")[2].partition(":")[0]
            if function in functions:  # otherwise of another runtime: told already
                policies[function] = _policy(config)
    for function_resource in stack.of_type("AWS::Lambda::Function"):
        if function_resource.properties.get("DeadLetterConfig"):
            stack.leave_out(function_resource.error("is not emulated", "DeadLetterConfig"))
    return policies


def _policy(config: Resource) -> EventPolicy:
    for destination in config.keys("DestinationConfig"):
        error = config.error("is not emulated", "DestinationConfig", destination)
        config.stack.leave_out(error)
    retries = config.number(
        "MaximumRetryAttempts", default=_MAX_RETRIES, least=0, most=_MAX_RETRIES
    )
    age = config.number("MaximumEventAgeInSeconds", default=_MAX_AGE, least=_MIN_AGE, most=_MAX_AGE)
    return EventPolicy(retries, timedelta(seconds=age))
