"""What `$context`, `$input`, `$util` and `$stageVariables` mean (docs/aws-behaviour.md §7.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wsgate.expressions import velocity_steps as steps
from wsgate.expressions.jsonpath import JsonPathError, compile_path
from wsgate.expressions.selection import as_text

if TYPE_CHECKING:
    from wsgate.expressions.velocity_steps import Access, Value

# The groups are followed by a name of their own.
CONTEXT_NAMES: Final = frozenset(
    [
        "apiId",
        "connectedAt",
        "connectionId",
        "disconnectReason",
        "disconnectStatusCode",
        "domainName",
        "eventType",
        "extendedRequestId",
        "messageDirection",
        "messageId",
        "requestId",
        "requestTime",
        "requestTimeEpoch",
        "routeKey",
        "stage",
        "status",
    ]
)
CONTEXT_GROUPS: Final = ("authorizer", "error", "identity")
ROOTS: Final = frozenset({"context", "input", "stageVariables", "util"})


class UnknownReferenceError(ValueError):
    """A reference to something that API Gateway, or this gateway, does not have."""


def root_value(name: str, accesses: list[Access], source: str) -> Value:
    """The value of a reference to one of `ROOTS`. `source` is how the template writes it.

    Raises UnknownReferenceError."""
    match name:
        case "context":
            return _context(accesses, source)
        case "input":
            return _input(accesses, source)
        case "util":
            return _util(accesses, source)
    return steps.stage_variables(accesses)


def _context(accesses: list[Access], source: str) -> Value:
    names = [access.name for access in accesses if isinstance(access, steps.Property)]
    if len(names) == len(accesses) and names:
        first, *rest = names
        if first == "status" and not rest:
            return steps.FunctionLine(
                lambda frame: as_text(frame.status), lambda frame: frame.status
            )
        if first in CONTEXT_NAMES and not rest:
            return steps.FunctionLine(
                lambda frame: as_text(frame.scope.context.get(first)),
                lambda frame: frame.scope.context.get(first),
            )
        if first in CONTEXT_GROUPS and len(rest) == 1:
            key = rest[0]
            return steps.FunctionLine(
                lambda frame: as_text((frame.scope.context.get(first) or steps.NO_ERROR).get(key)),
                lambda frame: (frame.scope.context.get(first) or steps.NO_ERROR).get(key),
            )
    head = accesses[0] if accesses else None
    known = CONTEXT_NAMES.union(CONTEXT_GROUPS)
    is_nested = len(names) == len(accesses) and len(names) > 1
    if isinstance(head, steps.Property) and (head.name not in known or is_nested):
        raise UnknownReferenceError(f"uses {source!r}, which wsgate does not know")
    return steps.accessed(
        lambda frame: {**steps.copied(frame.scope.context), **steps.status_of(frame)}, accesses
    )


def _input(accesses: list[Access], source: str) -> Value:
    match accesses:
        case [steps.Property("body")]:
            return steps.FunctionLine(
                lambda frame: frame.scope.body, lambda frame: frame.scope.body
            )
        case [steps.Property("body"), *rest]:
            return steps.accessed(lambda frame: frame.scope.body, rest)
        case [steps.Method("json" | "path" as name, (path,), (constant,)), *rest]:
            return steps.accessed(_found(name, path, constant), rest)
        case [steps.Method("params", (), ()), *rest]:
            return steps.accessed(lambda frame: steps.all_params(frame.scope.params), rest)
        case [steps.Method("params", (name,), _), *rest]:
            return steps.accessed(steps.param(name), rest)
    raise UnknownReferenceError(f"uses {source!r}, which wsgate does not know")


def _found(name: str, path: Value, constant: Any) -> Value:
    if constant is not steps.UNREAD:
        try:
            compile_path(as_text(constant))
        except JsonPathError as error:
            raise UnknownReferenceError(f"uses $input.{name}(): {error}") from error
    return steps.json_at(path) if name == "json" else steps.value_at(path)


def _util(accesses: list[Access], source: str) -> Value:
    match accesses:
        case [steps.Method(name, (argument,), _), *rest] if name in steps.UTIL:
            return steps.accessed(steps.called(steps.UTIL[name], argument), rest)
    raise UnknownReferenceError(f"uses {source!r}, which wsgate does not know")
