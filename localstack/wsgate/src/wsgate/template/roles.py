"""What the execution roles of functions allow, as far as this gateway is asked.

docs/aws-behaviour.md §11.2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from wsgate.core.authorizer import facts
from wsgate.core.policy import PolicyError, as_list, decide, matches
from wsgate.template.expand import TemplateError
from wsgate.template.intrinsics import is_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wsgate.model.plan import Function
    from wsgate.template.stack import Resource, Stack

Statement = dict[str, Any]

_ASKED: Final = (
    "execute-api:ManageConnections",
    "execute-api:Invoke",
    "lambda:InvokeFunction",
)
# The policies of AWS's own that allow any of it.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html (2026-11-24)
_MANAGED: Final[Mapping[str, tuple[str, ...]]] = {
    "AdministratorAccess": ("*",),
    "PowerUserAccess": ("*",),
    "AmazonAPIGatewayInvokeFullAccess": ("execute-api:Invoke", "execute-api:ManageConnections"),
    "AWSLambda_FullAccess": ("lambda:*",),
    "AWSLambdaRole": ("lambda:InvokeFunction",),
}


def statements_of(
    stack: Stack, functions: Mapping[str, Function]
) -> dict[str, tuple[Statement, ...]]:
    """Return the statements of each function's role, by the function's name.

    A function whose role is not in the template has no entry: nothing is known about it.
    """
    named = [(_arn(role), role) for role in stack.of_type("AWS::IAM::Role")]
    roles = {arn: role for arn, role in named if arn}
    found: dict[str, tuple[Statement, ...]] = {}
    for resource in stack.of_type("AWS::Lambda::Function"):
        name, role = _name(resource), roles.get(_role(resource))
        if name in functions and role is not None:
            found[name] = tuple(_statements(role))
    return found


def _name(resource: Resource) -> str:
    return _known(lambda: resource.stack.name(resource))


def _arn(resource: Resource) -> str:
    return _known(lambda: resource.attribute("Arn"))


def _role(function: Resource) -> str:
    return _known(lambda: function.text("Role", default=""))


def _known(read: Callable[[], str]) -> str:
    """Empty, where only AWS can know: another stack's role, say."""
    try:
        return read()
    except TemplateError:
        return ""


def _statements(role: Resource) -> Iterable[Statement]:
    stack, name = role.stack, role.stack.name(role)
    for inline in _opened_list(role, role.properties.get("Policies")):
        if isinstance(inline, dict):
            yield from _of_document(role, inline.get("PolicyDocument"))
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        for policy in stack.of_type(kind):
            if name in _attached(policy):
                yield from _of_document(policy, policy.properties.get("PolicyDocument"))
    for arn in _managed(role):
        actions = _MANAGED.get(arn.rpartition("/")[2])
        if actions is not None:
            yield {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        for policy in stack.of_type("AWS::IAM::ManagedPolicy"):
            if _arn(policy) == arn:
                yield from _of_document(policy, policy.properties.get("PolicyDocument"))


def _of_document(resource: Resource, document: Any) -> Iterable[Statement]:
    """The statements that are about what this gateway is asked, resolved."""
    document = _opened(resource, document)
    raw = document.get("Statement") if isinstance(document, dict) else None
    for statement in _opened_list(resource, raw):
        if not isinstance(statement, dict) or not _is_asked(statement):
            continue
        try:
            # As JSON has it: without the translator's own types.
            resolved = json.loads(json.dumps(resource.resolve(statement), default=str))
        except TemplateError as error:
            resource.stack.leave_out(error)
            continue
        if isinstance(resolved, dict) and _can_be_judged(resource, resolved):
            yield resolved


def _is_asked(statement: Mapping[str, Any]) -> bool:
    if "NotAction" in statement:
        return True
    patterns = [pattern for pattern in as_list(statement.get("Action")) if isinstance(pattern, str)]
    return any(
        matches(pattern.lower(), action.lower()) for pattern in patterns for action in _ASKED
    )


def _can_be_judged(resource: Resource, statement: Statement) -> bool:
    """Warn of a condition that cannot be evaluated here; its statement has no effect."""
    known = facts({"sourceIp": "127.0.0.1"})
    anywhere = {key: value for key, value in statement.items() if key != "NotResource"}
    anywhere["Resource"] = "*"
    try:
        for action in _ASKED:
            decide([anywhere], action, "*", known)
    except PolicyError as error:
        said = f"has a statement that --iam leaves out: {error}"
        resource.stack.leave_out(resource.error(said))
        return False
    return True


def _attached(policy: Resource) -> list[str]:
    try:
        names = [*policy.items("Roles"), policy.optional_text("RoleName")]
    except TemplateError:
        return []
    return [str(name) for name in names]


def _managed(role: Resource) -> list[str]:
    found = []
    for value in _opened_list(role, role.properties.get("ManagedPolicyArns")):
        try:
            found.append(str(role.resolve(value)))
        except TemplateError:  # another stack's
            continue
    return found


def _opened_list(resource: Resource, value: Any) -> list[Any]:
    """A list whose `Fn::If`s are decided, and whose other parts are as they were written."""
    parts = [_opened(resource, part) for part in as_list(_opened(resource, value))]
    return [part for part in parts if part is not None]


def _opened(resource: Resource, value: Any) -> Any:
    """What a function call gives, or the plain value; None where only AWS can know."""
    if not is_call(value):
        return value
    try:
        return resource.resolve(value)
    except TemplateError:
        return None
