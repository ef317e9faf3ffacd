"""Which resources and parameters a part of a template names: Ref, GetAtt, Sub and DependsOn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wsgate.template.intrinsics import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator


def references(value: Any) -> Iterator[str]:
    """Yield the names that `value` asks for, each as often as it does."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        match key, item:
            case "Ref", str(name):
                yield name
            case "Fn::GetAtt", str(name) | [str(name), *_]:
                yield name.partition(".")[0]
                yield from references(item)
            case "Fn::Sub", str(template):
                yield from _placeholders(template, {})
            case "Fn::Sub", [str(template), Mapping() as variables]:
                yield from _placeholders(template, variables)
                yield from references(variables)
            case _:
                yield from references(item)


def graph(declared: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return what each resource needs to be there before it, by name."""
    return {name: set(needs(body)) & set(declared) for name, body in declared.items()}


def needs(body: Any) -> Iterator[str]:
    """Yield the names that a resource asks for."""
    if isinstance(body, Mapping):
        yield from references(body.get("Properties"))
        depends = body.get("DependsOn")
        yield from map(str, depends if isinstance(depends, list) else [depends] if depends else [])


def reachable(start: str, of: Mapping[str, set[str]]) -> set[str]:
    """Return all that `start` needs, directly or not."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in of.get(waiting.pop(), set()) - found:
            found.add(name)
            waiting.append(name)
    return found


def _placeholders(template: str, variables: Mapping[str, Any]) -> Iterator[str]:
    for literal, name in PLACEHOLDER.findall(template):
        if not literal and name.strip() not in variables:
            yield name.strip().partition(".")[0]
