"""The values of a template's parameters: what was given, or the default, if the rules hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wsgate.template.expand import Source, TemplateError
from wsgate.template.intrinsics import Unknown

_OF_SSM: Final = "AWS::SSM::Parameter::"


def parameter_values(source: Source, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter's value. What was given is never shown: it may be a secret.

    A value that only AWS knows is `Unknown`: it fails where it is used, if it is.
    """
    declared = source.body.get("Parameters") or {}
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise TemplateError(f"{source.path}: the template has no parameter {', '.join(unknown)}.")
    return {name: _parameter(source, name, given.get(name)) for name in declared}


def default_values(body: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters' values before any rule is judged; one without a value is missing."""
    values: dict[str, Any] = {}
    for name, one in (body.get("Parameters") or {}).items():
        declared = one if isinstance(one, Mapping) else {}
        kind, value = str(declared.get("Type")), given.get(name, declared.get("Default"))
        if name not in given and kind.startswith(_OF_SSM):
            values[name] = _kept(name, value)
        elif value is not None:
            values[name] = value if isinstance(value, Unknown) else _typed(kind, _plain(value))
    return values


def _kept(name: str, place: Any) -> Unknown:
    """The default is a name in AWS's store."""
    return Unknown(f"!Ref {name} is a value that AWS keeps under {place}")


def secret_values(source: Source, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of the parameters that have NoEcho."""
    declared = source.body.get("Parameters") or {}
    secret = [name for name in values if _plain(declared[name].get("NoEcho")).lower() == "true"]
    known = [values[name] for name in secret if not isinstance(values[name], Unknown)]
    texts = [value if isinstance(value, list) else [value] for value in known]
    return tuple(str(text) for part in texts for text in part)


def _parameter(source: Source, name: str, given: str | Unknown | None) -> str | list[str] | Unknown:
    where = f"{source.path}:{source.line('Parameters', name)}: the parameter {name}"
    declared = source.body["Parameters"][name]
    if not isinstance(declared, Mapping):
        raise TemplateError(f"{where} must be a mapping with a Type.")
    kind = str(declared.get("Type"))
    if isinstance(given, Unknown):
        return given
    if given is None and kind.startswith(_OF_SSM):
        return _kept(name, declared.get("Default"))
    if given is None and "Default" not in declared:
        raise TemplateError(f"{where} has no default: give it with --parameter {name}=….")
    value = _plain(declared["Default"]) if given is None else given
    try:
        broken = _broken_rule(declared, value)
    except (re.error, TypeError, ValueError):
        raise TemplateError(f"{where} has a rule that cannot be read.") from None
    if broken:
        raise TemplateError(f"{where} has a value that its {broken} does not allow.")
    return _typed(kind, value)


def _typed(kind: str, value: str) -> str | list[str]:
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    return [part.strip() for part in value.split(",")] if is_list else value


def _broken_rule(declared: Mapping[str, Any], value: str) -> str | None:
    """Return the name of the first rule that `value` breaks.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    (2026-11-23)
    """
    allowed = declared.get("AllowedValues")
    typed = _typed(str(declared.get("Type")), value)
    if isinstance(allowed, list) and not {*_parts(typed)} <= {*map(_plain, allowed)}:
        return "AllowedValues"
    pattern = declared.get("AllowedPattern")
    if isinstance(pattern, str) and not re.fullmatch(pattern, value):
        return "AllowedPattern"
    # 4,096 bytes are the most for any value.
    if not int(declared.get("MinLength", 0)) <= len(value) <= int(declared.get("MaxLength", 4096)):
        return "MinLength or MaxLength"
    if declared.get("Type") == "Number":
        if not _is_number(value):
            return "Type Number"
        if not _in_range(declared, value):
            return "MinValue or MaxValue"
    return None


def _parts(typed: str | list[str]) -> list[str]:
    """A rule is for each part of a list."""
    return typed if isinstance(typed, list) else [typed]


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _in_range(declared: Mapping[str, Any], value: str) -> bool:
    least, most = float(declared.get("MinValue", "-inf")), float(declared.get("MaxValue", "inf"))
    return least <= float(value) <= most


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_texts(names: Mapping[str, Any]) -> dict[str, str]:
    """Return them the way the SAM translator takes them: lists with commas again."""
    return {
        name: ",".join(value) if isinstance(value, list) else value
        for name, value in names.items()
        if not isinstance(value, Unknown)
    }
