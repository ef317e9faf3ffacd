"""What runs here and AWS would refuse, or never deploy: a warning for each.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
(2026-11-30)
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Final

from wsgate.template.expand import TemplateError, transforms_of
from wsgate.template.intrinsics import Unresolved
from wsgate.template.references import graph, needs, references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsgate.template.stack import Stack

_SECTIONS: Final = (
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
)
_OF_SAM: Final = "Globals"
_VERSION: Final = "2010-09-09"
_MAX_RESOURCES: Final = 500
_REFUSED: Final = "CloudFormation refuses the template"


def warn_of_template(stack: Stack) -> None:
    """Warn of what CloudFormation refuses in a template, whatever its resources are."""
    for line, words in _in_text(stack):
        _warn(stack, line, words)
    checks = (_in_sections, _in_names, _without_type, _dangling, _circles, _broken_rules)
    for check in checks:
        for keys, words in check(stack):
            _warn(stack, stack.source.line(*keys), words)


def _warn(stack: Stack, line: int, words: str) -> None:
    error = TemplateError(f"{stack.path}:{line}: {words}.")
    stack.warn_once(str(error), error)


def _in_text(stack: Stack) -> Iterator[tuple[int, str]]:
    document = stack.source.document
    for problem in document.problems:
        yield problem.line, problem.words
    if document.has_aliases and not _has_sam(stack):
        # https://github.com/aws/aws-cli/pull/3827 (2026-11-30)
        said = "the template has YAML aliases, which CloudFormation refuses: deploy what "
        yield 1, f"{said}`aws cloudformation package` makes of it"


def _has_sam(stack: Stack) -> bool:
    """Say whether SAM CLI deploys the template: it writes aliases out."""
    return any(name.startswith("AWS::Serverless-") for name, _ in transforms_of(stack.source.body))


def _in_sections(stack: Stack) -> Iterator[tuple[tuple[str, ...], str]]:
    body = stack.source.body
    for section in body:
        if section not in _SECTIONS and not (section == _OF_SAM and _has_sam(stack)):
            of_sam = "needs Transform: AWS::Serverless-2016-10-31"
            reason = of_sam if section == _OF_SAM else "is no section of a template"
            yield (section,), f"{section} {reason}: {_REFUSED}"
    version = str(body.get("AWSTemplateFormatVersion", _VERSION))
    if version != _VERSION:
        said = f"AWSTemplateFormatVersion is {version}, and must be {_VERSION}: {_REFUSED}"
        yield ("AWSTemplateFormatVersion",), said
    if len(stack.declared) > _MAX_RESOURCES:
        said = (
            f"the template makes {len(stack.declared)} resources, and {_MAX_RESOURCES} is the most"
        )
        yield ("Resources",), f"{said}: {_REFUSED}"


def _in_names(stack: Stack) -> Iterator[tuple[tuple[str, ...], str]]:
    for section in ("Parameters", "Resources", "Outputs"):
        names = stack.source.body.get(section)
        for name in names if isinstance(names, dict) else ():
            if not (name.isascii() and name.isalnum()):
                said = f"the name {name} must be of letters and digits only"
                yield (section, name), f"{said}: {_REFUSED}"


def _without_type(stack: Stack) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, body in stack.declared.items():
        if not isinstance(body.get("Type"), str):
            yield ("Resources", name), f"{name} has no Type: {_REFUSED}"


def _dangling(stack: Stack) -> Iterator[tuple[tuple[str, ...], str]]:
    """References to nothing: "Unresolved resource dependencies" on AWS."""
    written = stack.source.body
    known = {*stack.declared, *written["Resources"], *(written.get("Parameters") or ())}
    asked = [(("Resources", name), needs(body)) for name, body in stack.declared.items()]
    outputs = written.get("Outputs")
    for name, output in outputs.items() if isinstance(outputs, dict) else ():
        asked.append((("Outputs", name), references(output)))
    for keys, names in asked:
        for name in sorted({name for name in names if not name.startswith("AWS::")} - known):
            said = f"asks for {name}, which is neither a parameter nor a resource of the template"
            yield keys, f"{keys[1]} {said}: {_REFUSED}"


def _circles(stack: Stack) -> Iterator[tuple[tuple[str, ...], str]]:
    try:
        TopologicalSorter(graph(stack.declared)).prepare()
    except CycleError as error:
        names = [str(name) for name in reversed(error.args[1])]
        said = f"{' → '.join(names)} need one another, a circular dependency"
        yield ("Resources", names[0]), f"{said}: {_REFUSED}"


def _broken_rules(stack: Stack) -> Iterator[tuple[tuple[str, ...], str]]:
    """Rules that the parameters break; what only AWS can judge is not judged."""
    rules = stack.source.body.get("Rules")
    for name, rule in rules.items() if isinstance(rules, dict) else ():
        for description in _broken(stack, rule if isinstance(rule, dict) else {}):
            said = f"the parameters break the rule {name}{description}"
            yield ("Rules", name), f"{said}: CloudFormation makes no stack of them"


def _broken(stack: Stack, rule: dict[str, object]) -> Iterator[str]:
    try:
        condition = rule.get("RuleCondition")
        if condition is not None and not stack.judge(condition):
            return
        assertions = rule.get("Assertions")
        for assertion in assertions if isinstance(assertions, list) else ():
            if not stack.judge(assertion.get("Assert")):
                description = assertion.get("AssertDescription")
                yield f" ({description})" if description else ""
    except (Unresolved, TypeError, AttributeError):
        return
