"""Rules of a release: it comes by an alias, is watched while it comes, and changes what is called.

Each takes the stack and yields one sentence per fault, as those in `infra/rules.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra.stack import Function, Stack, mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

# What calls functions, and where it names them. A custom resource is no such: a deploy calls the
# very code that it brings.
CALLERS: Final = {
    "AWS::ApiGatewayV2::Integration": "IntegrationUri",
    "AWS::ApiGatewayV2::Authorizer": "AuthorizerUri",
    "AWS::IAM::Role": "Policies",
    "AWS::Lambda::EventSourceMapping": "FunctionName",
    "AWS::Lambda::Permission": "FunctionName",
    "AWS::Scheduler::Schedule": "Target",
}
# They run once a minute, so a tenth of their events shows nothing in five.
AT_ONCE: Final = {"SweepFunction", "AwardFunction", "WebhookFunction"}
# No part of a published version, or in its text already.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html (2026-11-30)
UNVERSIONED: Final = {"Code", "Description", "ReservedConcurrentExecutions", "Role", "Tags"}


def aliased(stack: Stack) -> Iterator[str]:
    """What calls a function calls its alias, which names one published version."""
    for name in sorted(stack.functions.keys() - set(stack.aliases.values())):
        yield f"{name}: has no alias"
    for kind, key in CALLERS.items():
        for name, body in stack.of_type(kind).items():
            for function in sorted(mentions(body.get(key)) & stack.functions.keys()):
                yield f"{name}: {key} names {function}, and not its alias"


def shifted(stack: Stack) -> Iterator[str]:
    """Clients come to a version by and by, watched by an alarm that sees this version alone."""
    aliases = stack.of_type("AWS::Lambda::Alias")
    for alias, function in stack.aliases.items():
        alarms = _alarms(stack, alias)
        seen = mentions(list(alarms.values()))
        is_watched = seen & mentions(aliases[alias]["FunctionVersion"])
        if not is_watched and function not in AT_ONCE | _custom(stack):
            yield f"{function}: no alarm watches its new version while clients come to it"
        # WebFunction waits for another's alias, so an alarm on both would close a circle.
        for other in sorted(seen & stack.functions.keys() - {function}):
            yield f"{function}: its release waits for an alarm on {other}"


def settings(stack: Stack) -> Iterator[str]:
    """A value that changes gives a new version to each function, for SAM looks at texts alone."""
    names = {
        name
        for name, body in stack.of_type("AWS::CloudFormation::Stack").items()
        if body["TemplateURL"] == "infra/settings.yaml"
    }
    functions = [one for one in stack.functions.values() if one.name not in _custom(stack)]
    for function in functions:
        for described in (function.properties, *_versions(stack, function)):
            if not names & mentions(described.get("Description")):
                yield f"{function.name}: a description, its own or its version's, has no settings"
    nested = stack.of_type("AWS::CloudFormation::Stack")
    listed = mentions([nested[name]["Parameters"] for name in names])
    given = set().union(*(_given(stack, function) for function in functions))
    for name in sorted(given - listed):
        yield f"{name}: is given to a function, and is not in the settings"
    for name in sorted(listed - given):
        yield f"{name}: is in the settings, and given to no function"


def _custom(stack: Stack) -> set[str]:
    """The functions that custom resources call."""
    bodies = stack.template["Resources"].values()
    tokens = [body.get("Properties", {}).get("ServiceToken") for body in bodies]
    return mentions(tokens) & stack.functions.keys()


def _alarms(stack: Stack, alias: str) -> dict[str, Any]:
    """The alarms that stop CodeDeploy from moving an alias."""
    groups, alarms = stack.of_type("AWS::CodeDeploy::DeploymentGroup"), "AWS::CloudWatch::Alarm"
    policy = mentions(stack.template["Resources"][alias].get("UpdatePolicy"))
    watching = mentions([groups[name]["AlarmConfiguration"] for name in policy & groups.keys()])
    return {name: body for name, body in stack.of_type(alarms).items() if name in watching}


def _versions(stack: Stack, function: Function) -> Iterator[Any]:
    for body in stack.of_type("AWS::Lambda::Version").values():
        if function.name in mentions(body["FunctionName"]):
            yield body


def _given(stack: Stack, function: Function) -> set[str]:
    """What the values in a function's version come from."""
    values = {key: value for key, value in function.properties.items() if key not in UNVERSIONED}
    conditions = _conditions(stack, values)
    return mentions([values, *(stack.template["Conditions"][name] for name in conditions)])


def _conditions(stack: Stack, value: Any) -> set[str]:
    """The conditions that a value asks, and those that these ask."""
    match value:
        case {"Fn::If": [str(name), *values]}:
            asked = stack.template["Conditions"][name]
            return {name} | _conditions(stack, [asked, *values])
        case {"Condition": str(name)}:
            return {name} | _conditions(stack, stack.template["Conditions"][name])
        case dict():
            return _conditions(stack, list(value.values()))
        case list():
            return set().union(*(_conditions(stack, one) for one in value))
    return set()
