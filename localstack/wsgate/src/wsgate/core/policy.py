"""Policy statements: whether they allow an action on a resource. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html (2026-11-24)
"""

from __future__ import annotations

import enum
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Decision(enum.Enum):
    ALLOW = enum.auto()
    DENY = enum.auto()
    """By a statement that says so; it outweighs every Allow."""
    SILENT = enum.auto()
    """No statement is about it, which allows nothing."""


class PolicyError(ValueError):
    """Not a policy, or a condition that cannot be judged here."""


def decide(
    statements: Iterable[Any], action: str, resource: str, facts: Mapping[str, str]
) -> Decision:
    """What the statements say together. `facts` are what conditions may ask, by key.

    Raises PolicyError for what is no statement, and for a condition that asks anything else.
    """
    effects = {_effect(statement, action, resource, facts) for statement in statements}
    if "Deny" in effects:
        return Decision.DENY
    return Decision.ALLOW if "Allow" in effects else Decision.SILENT


def as_list(value: Any) -> list[Any]:
    """One where several may stand, and none, are lists too."""
    return [] if value is None else value if isinstance(value, list) else [value]


def matches(pattern: str, text: str) -> bool:
    """`*` is any run of characters, `?` is one."""
    return _wildcard(pattern, 0).fullmatch(text) is not None


def _effect(statement: Any, action: str, resource: str, facts: Mapping[str, str]) -> str | None:
    """The statement's effect if it is about this call."""
    if not isinstance(statement, dict) or statement.get("Effect") not in {"Allow", "Deny"}:
        raise PolicyError("a statement needs the Effect Allow or Deny")
    is_about_it = (
        _is_named(statement, "Action", action, re.IGNORECASE)
        and _is_named(statement, "Resource", resource, 0)
        and _holds(statement.get("Condition"), facts)
    )
    return str(statement["Effect"]) if is_about_it else None


def _is_named(statement: Mapping[str, Any], element: str, text: str, flags: int) -> bool:
    """`Action` and `Resource` name what is meant, `NotAction` and `NotResource` what is not."""
    negated = f"Not{element}"
    if negated in statement:
        if element in statement:
            raise PolicyError(f"a statement has {element} or {negated}, not both")
        return not _any(statement[negated], text, flags)
    return _any(statement.get(element), text, flags)


def _any(patterns: Any, text: str, flags: int) -> bool:
    return any(_wildcard(str(p), flags).fullmatch(text) for p in as_list(patterns))


@lru_cache(maxsize=256)
def _wildcard(pattern: str, flags: int) -> re.Pattern[str]:
    # Runs of stars are one star, so that no pattern takes exponential time.
    parts = re.split(r"(\*+|\?)", pattern)
    text = "".join(".*" if p.startswith("*") else "." if p == "?" else re.escape(p) for p in parts)
    return re.compile(text, flags | re.DOTALL)


def _holds(condition: Any, facts: Mapping[str, str]) -> bool:
    """Every operator and every key of it must hold; of the values of one key, any may."""
    if condition is None:
        return True
    if not isinstance(condition, dict):
        raise PolicyError("Condition must be a mapping")
    return all(
        _compare(operator, key, as_list(values), facts)
        for operator, keys in condition.items()
        for key, values in _entries(operator, keys)
    )


def _entries(operator: str, keys: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(keys, dict):
        raise PolicyError(f"the condition {operator} must be a mapping")
    return keys.items()


def _compare(operator: str, key: str, values: list[Any], facts: Mapping[str, str]) -> bool:
    fact = {name.lower(): value for name, value in facts.items()}.get(key.lower())
    known = _OPERATORS.get(operator.removesuffix("IfExists"))
    if known is None or fact is None:
        raise PolicyError(f"the condition {operator} of {key} cannot be judged here")
    compare, expected = known
    return any(compare(_text(value), fact) for value in values) is expected


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_network(network: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        raise PolicyError(f"{network} is not a range of addresses") from error


def _equals(value: str, fact: str) -> bool:
    return value == fact


def _equals_in_any_case(value: str, fact: str) -> bool:
    return value.lower() == fact.lower()


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
# (2026-11-24). With each: what one value must do, and whether any or none of them may.
_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equals, True),
    "StringNotEquals": (_equals, False),
    "StringEqualsIgnoreCase": (_equals_in_any_case, True),
    "StringNotEqualsIgnoreCase": (_equals_in_any_case, False),
    "StringLike": (matches, True),
    "StringNotLike": (matches, False),
    "Bool": (_equals_in_any_case, True),
    "IpAddress": (_in_network, True),
    "NotIpAddress": (_in_network, False),
}
