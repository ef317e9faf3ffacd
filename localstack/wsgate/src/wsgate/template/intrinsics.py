"""CloudFormation's intrinsic functions, over values that are already known.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
(2026-11-23)
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# `${Name}` or `${Resource.Attribute}`; `${!Literal}` stays as `${Literal}`.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html
# (2026-11-23)
PLACEHOLDER: Final = re.compile(r"\$\{(!?)([^${}]+)\}")

# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-cidr.html
# (2026-11-30)
_MAX_CIDRS: Final = 256

NO_VALUE: Final = object()
"""What `Ref: AWS::NoValue` resolves to: the property that holds it is taken away."""


class Unresolved(Exception):
    """An expression that has no value here; the message names it and says why."""

    condition: str | None = None
    """The condition that it was found in."""


@dataclass(frozen=True)
class Unknown:
    """The value of a parameter that only AWS knows."""

    reason: str


class Mistake(Unresolved):
    """An expression that has no value on AWS either, whatever the parameters are."""


@dataclass
class Resolver:
    """Turns expressions into values. `Any` is what YAML is: text, numbers, lists and mappings."""

    names: Mapping[str, Any]
    """Parameters and pseudo parameters, by name."""
    conditions: Mapping[str, Any]
    mappings: Mapping[str, Any]
    reference: Callable[[str], str]
    """`Ref` of a resource. Raises Unresolved."""
    attribute: Callable[[str, str], str]
    """`Fn::GetAtt` of a resource. Raises Unresolved."""
    imported: Callable[[str], Any] | None = None
    """`Fn::ImportValue`. Raises Unresolved."""
    _asked: list[str] = field(default_factory=list)

    def resolve(self, value: Any) -> Any:
        """Return `value` with every function in it replaced by its result, or raise Unresolved."""
        if isinstance(value, Mapping):
            function = _function(value)
            return self._call(value, function) if function else self._mapping(value)
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        return value

    def judge(self, assertion: Any) -> bool:
        """Evaluate the body of a rule. Raises Unresolved.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html
        (2026-11-30)
        """
        match assertion:
            case {"Fn::And": list(parts)}:
                return all(map(self.judge, parts))
            case {"Fn::Or": list(parts)}:
                return any(map(self.judge, parts))
            case {"Fn::Not": [part]}:
                return not self.judge(part)
        members = self._members(assertion)
        return self._test(assertion) if members is None else members[0] <= members[1]

    def _members(self, assertion: Any) -> tuple[set[str], set[str]] | None:
        """What a rule wants to be among what, if that is its question."""
        match assertion:
            case {"Fn::Contains": [many, one]}:
                return {text(self.resolve(one))}, _texts(self.resolve(many))
            case {"Fn::EachMemberIn": [some, many]}:
                return _texts(self.resolve(some)), _texts(self.resolve(many))
            case {"Fn::EachMemberEquals": [many, one]}:
                return _texts(self.resolve(many)), {text(self.resolve(one))}
        return None

    def holds(self, condition: str) -> bool:
        """Say whether the condition with this name is true."""
        if condition not in self.conditions:
            raise Mistake(f"the condition {condition} does not exist")
        if condition in self._asked:
            raise Mistake(f"the condition {condition} refers to itself")
        self._asked.append(condition)
        try:
            return self._test(self.conditions[condition])
        except Unresolved as error:
            error.condition = error.condition or condition
            raise
        finally:
            self._asked.pop()

    def _mapping(self, value: Mapping[str, Any]) -> dict[str, Any]:
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _call(self, expression: Mapping[str, Any], function: str) -> Any:
        evaluate = _FUNCTIONS.get(function)
        if evaluate is None:
            raise Mistake(f"{show(expression)} is not a function that wsgate knows")
        try:
            return evaluate(self, expression[function])
        except (AttributeError, TypeError, ValueError):
            raise Mistake(f"{show(expression)} does not have the arguments it needs") from None

    def _ref(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise TypeError(name)
        if name == "AWS::NoValue":
            return NO_VALUE
        value = self.names[name] if name in self.names else self.reference(name)
        if isinstance(value, Unknown):
            raise Unresolved(value.reason)
        return value

    def _get_att(self, argument: Any) -> str:
        resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self.attribute(resource, text(self.resolve(attribute)))

    def _sub(self, argument: Any) -> str:
        template, variables = (argument, {}) if isinstance(argument, str) else argument
        known = {name: text(self.resolve(value)) for name, value in variables.items()}

        def value(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in known:
                return known[name]
            return text(self._get_att(name) if "." in name else self._ref(name))

        return PLACEHOLDER.sub(value, template)

    def _join(self, argument: Any) -> str:
        delimiter, items = argument
        return str(delimiter).join(map(text, _listed(self.resolve(items))))

    def _split(self, argument: Any) -> list[str]:
        delimiter, value = argument
        return text(self.resolve(value)).split(delimiter)

    def _select(self, argument: Any) -> Any:
        index, items = argument
        found, at = _listed(self.resolve(items)), int(self.resolve(index))
        if not 0 <= at < len(found):
            raise Unresolved(f"{show({'Fn::Select': argument})} asks for more than the list holds")
        return found[at]

    def _find_in_map(self, argument: Any) -> Any:
        path = [text(self.resolve(item)) for item in argument[:3]]
        name, first, second = path
        try:
            return self.resolve(self.mappings[name][first][second])
        except KeyError:
            match argument[3:]:
                case [{"DefaultValue": default}]:
                    return self.resolve(default)
            raise Mistake(f"{show({'Fn::FindInMap': path})} is not in Mappings") from None

    def _length(self, argument: Any) -> int:
        return len(_listed(self.resolve(argument)))

    def _to_json_string(self, argument: Any) -> str:
        return json.dumps(self.resolve(argument), separators=(",", ":"), ensure_ascii=False)

    def _get_azs(self, argument: Any) -> list[str]:
        """GUESS: three zones, as most regions have."""
        region = text(self.resolve(argument)) or text(self.names["AWS::Region"])
        return [f"{region}{letter}" for letter in "abc"]

    def _cidr(self, argument: Any) -> list[str]:
        block, count, *rest = self.resolve(argument)
        network, bits = ipaddress.ip_network(text(block)), int(rest[0]) if rest else 8
        if not 1 <= int(count) <= _MAX_CIDRS:
            raise ValueError(count)
        subnets = network.subnets(new_prefix=network.max_prefixlen - bits)
        found = [str(subnet) for subnet in itertools.islice(subnets, int(count))]
        if len(found) < int(count):
            raise ValueError(count)
        return found

    def _base64(self, argument: Any) -> str:
        return base64.b64encode(text(self.resolve(argument)).encode()).decode()

    def _import(self, argument: Any) -> Any:
        name = text(self.resolve(argument))
        if self.imported is None:
            raise Unresolved(f"!ImportValue {name} belongs to another stack")
        return self.imported(name)

    def _if(self, argument: Any) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.holds(condition) else otherwise)

    def _test(self, condition: Any) -> bool:
        """Evaluate a condition's body; `{Condition: Name}` has this meaning only in here."""
        match condition:
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Equals": [left, right]}:
                with contextlib.suppress(TypeError):  # no text: not a condition
                    return text(self.resolve(left)) == text(self.resolve(right))
            case {"Fn::And": list(parts)}:
                return all(map(self._test, parts))
            case {"Fn::Or": list(parts)}:
                return any(map(self._test, parts))
            case {"Fn::Not": [part]}:
                return not self._test(part)
        raise Mistake(f"{show(condition)} is not a condition")


_FUNCTIONS: Final[Mapping[str, Callable[[Resolver, Any], Any]]] = {
    "Ref": Resolver._ref,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::Join": Resolver._join,
    "Fn::Split": Resolver._split,
    "Fn::Select": Resolver._select,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::Length": Resolver._length,
    "Fn::ToJsonString": Resolver._to_json_string,
    "Fn::GetAZs": Resolver._get_azs,
    "Fn::Cidr": Resolver._cidr,
    "Fn::Base64": Resolver._base64,
    "Fn::ImportValue": Resolver._import,
    "Fn::If": Resolver._if,
}


def text(value: Any) -> str:
    """Return a scalar as CloudFormation writes it into a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value is NO_VALUE or isinstance(value, (list, Mapping)):
        raise TypeError(value)
    return str(value)


def show(expression: Any) -> str:
    """Return an expression the way a template's author wrote it, shortened."""
    function = _function(expression) if isinstance(expression, Mapping) else None
    if function is None:
        return _shortened(str(expression))
    argument = expression[function]
    if function == "Fn::GetAtt" and isinstance(argument, list):
        argument = ".".join(map(str, argument))
    return _shortened(f"!{function.removeprefix('Fn::')} {argument}")


def is_call(value: Any) -> bool:
    """Say whether `value` is a function call rather than a plain value."""
    return isinstance(value, Mapping) and _function(value) is not None


def _function(value: Mapping[str, Any]) -> str | None:
    """Return the function's name when `value` is a call: a mapping of one such key."""
    name = str(next(iter(value), ""))
    return name if len(value) == 1 and (name == "Ref" or name.startswith("Fn::")) else None


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _texts(value: Any) -> set[str]:
    return {text(item) for item in _listed(value)}


def _shortened(words: str, limit: int = 120) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"
