"""Which functions API Gateway may invoke: the AWS::Lambda::Permission resources of a template.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html
(2026-11-24), docs/aws-behaviour.md §8.7
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wsgate.core.policy import matches
from wsgate.template.expand import TemplateError

if TYPE_CHECKING:
    from wsgate.template.stack import Resource, Stack

_PRINCIPALS: Final = ("apigateway.amazonaws.com", "*")
_ACTION: Final = "lambda:InvokeFunction"


@dataclass(frozen=True)
class _Permission:
    function: str
    source: str | None
    """None lets any API invoke it, and so does what cannot be known here."""


class Permissions:
    """What the template grants to API Gateway."""

    def __init__(self, stack: Stack) -> None:
        found = map(_permission, stack.of_type("AWS::Lambda::Permission"))
        self._permissions = [permission for permission in found if permission is not None]

    def allow(self, function: str, source: str) -> bool:
        """True where `source`, a route's or an authorizer's ARN, may invoke the function."""
        return any(
            permission.function == function
            and (permission.source is None or matches(permission.source, source))
            for permission in self._permissions
        )


def warn(resource: Resource, function: str, source: str, outcome: str) -> None:
    """Say at the start what will fail with each event, here as on AWS."""
    said = (
        f"may not invoke {function}, so {outcome}: there is no AWS::Lambda::Permission of it with "
        f"the Principal apigateway.amazonaws.com and a SourceArn that matches {source}"
    )
    resource.stack.warn_once(f"{resource.logical_id} {source}", resource.error(said))


def _permission(resource: Resource) -> _Permission | None:
    """None for one that is not API Gateway's, or of a function that cannot be known here."""
    try:
        principal, action = resource.text("Principal"), resource.text("Action", default=_ACTION)
        if principal not in _PRINCIPALS or not matches(action, _ACTION):
            return None
        # A name, an ARN or a part of one, each with or without a qualifier.
        name = resource.text("FunctionName").rpartition("function:")[2].partition(":")[0]
    except TemplateError:
        return None
    try:
        return _Permission(name, resource.optional_text("SourceArn"))
    except TemplateError:
        return _Permission(name, None)
