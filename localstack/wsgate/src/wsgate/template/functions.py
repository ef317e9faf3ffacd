"""The functions of a template, and what points to them."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wsgate.functions.layers import python_folders
from wsgate.model.plan import Function
from wsgate.template.code import Scratch, code_folder, layer_folder
from wsgate.template.expand import TemplateError
from wsgate.template.stack import Resource, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec

_FUNCTION_ARN: Final = re.compile(r"arn:aws[\w-]*:lambda:[\w-]*:\d*:function:([\w-]+)")


# An account has 1,000 and keeps 100 of them for the functions without reserved concurrency.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html (2026-11-24)
_MAX_RESERVED: Final = 900

# Lambda refuses a function that sets one of its own variables, or has another name for one.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (2026-11-30)
_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_OF_LAMBDA: Final = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)


class Elsewhere(Enum):
    """Which functions an Invoke API outside of wsgate runs."""

    NONE = "none"
    OTHERS = "those that are not Python"
    ALL = "all"


@dataclass(frozen=True)
class Workshop:
    """Who runs the functions, and where their code is laid out."""

    scratch: Scratch
    elsewhere: Elsewhere = Elsewhere.NONE

    def sends_away(self, runtime: str) -> bool:
        """Say whether functions of this runtime run elsewhere."""
        is_other = not runtime.startswith("python")
        return self.elsewhere is Elsewhere.ALL or (is_other and self.elsewhere is Elsewhere.OTHERS)


def functions_of(stack: Stack, workshop: Workshop) -> dict[str, Function]:
    """Return the functions by name. One that cannot run here is left out, and told.

    Raises TemplateError for two of one name, and for too much reserved concurrency.
    """
    found = []
    for resource in stack.of_type("AWS::Lambda::Function"):
        try:
            found.append(_function_of(resource, workshop))
        except TemplateError as error:
            stack.leave_out_function(resource, error)
    functions = {function.name: function for function in found}
    if len(functions) < len(found):
        raise TemplateError(f"{stack.path}: two functions have the same FunctionName.")
    if sum(function.reserved or 0 for function in found) > _MAX_RESERVED:
        words = f"reserve more than the {_MAX_RESERVED} concurrent executions that an account has"
        raise TemplateError(f"{stack.path}: the functions {words} to reserve.")
    return functions


def invoked(resource: Resource, functions: Mapping[str, Function], *path: str) -> str:
    """Return the name of the function that an ARN or an invocation URI points to."""
    return pointed_to(resource, functions, resource.text(*path), *path)


def pointed_to(
    resource: Resource, functions: Mapping[str, Function], value: str, *path: str
) -> str:
    """`invoked` for a value that is already read from the property at `path`."""
    found = _FUNCTION_ARN.search(value)
    if found is not None and found[1] in functions:
        return found[1]
    if found is not None and (reason := resource.stack.family.unusable.get(found[1])):
        raise TemplateError(reason)
    raise resource.error("does not point to a function of this template", *path)


def _function_of(resource: Resource, workshop: Workshop) -> Function:
    runtime = _runtime(resource)
    if workshop.sends_away(runtime):
        return _function_elsewhere(resource)
    if runtime.startswith("python"):
        return _function(resource, workshop.scratch)
    raise _not_python(resource)


def _runtime(resource: Resource) -> str:
    return resource.text("Runtime", default="an image")


def _not_python(resource: Resource) -> TemplateError:
    words = f"is {_runtime(resource)!r}, and wsgate itself runs Python only"
    return resource.error(f"{words}: what runs it can be given with --invoke-endpoint", "Runtime")


def _function(resource: Resource, scratch: Scratch) -> Function:
    layers = tuple(_layers(resource, scratch))
    code, handler = code_folder(resource, scratch), resource.text("Handler")
    _check_handler(resource, [code, *python_folders(layers, _runtime(resource))], handler)
    return replace(
        _function_elsewhere(resource),
        code=code,
        handler=handler,
        environment=dict(_variables(resource)),
        log_format=resource.text("LoggingConfig", "LogFormat", default="Text"),
        log_level=resource.optional_text("LoggingConfig", "ApplicationLogLevel"),
        layers=layers,
        reserved=_reserved(resource),
        elsewhere=False,
    )


def _function_elsewhere(resource: Resource) -> Function:
    """What is to know of a function that something else runs: not its code, not its variables."""
    return Function(
        name=resource.stack.name(resource),
        code=Path(),
        handler="",
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (2026-11-23)
        timeout=timedelta(seconds=resource.number("Timeout", default=3, least=1, most=900)),
        memory_mb=resource.number("MemorySize", default=128, least=128, most=10_240),
        environment={},
        runtime=_runtime(resource),
        elsewhere=True,
        logical_id=resource.logical_id,
    )


def _variables(resource: Resource) -> Iterator[tuple[str, str]]:
    """A variable that only AWS knows is not set, and told: the function may do without it."""
    path = ("Environment", "Variables")
    for name in resource.keys(*path):
        if name in _OF_LAMBDA or not _VARIABLE.fullmatch(name):
            said = "is no name that Lambda takes for a variable, and AWS refuses the function"
            resource.stack.warn_once(
                f"{resource.logical_id} {name}", resource.error(said, *path, name)
            )
        try:
            value = resource.optional_text(*path, name)
        except TemplateError as error:
            resource.stack.leave_out(error.adding("until then the variable is not set"))
            continue
        if value is not None:
            yield name, value


def _reserved(resource: Resource) -> int | None:
    key = "ReservedConcurrentExecutions"
    if resource.optional_text(key) is None:
        return None
    return resource.number(key, default=0, least=0, most=_MAX_RESERVED)


def _layers(resource: Resource, scratch: Scratch) -> Iterator[Path]:
    """Find the folders of the layers that are on this machine, and list the others."""
    stack = resource.stack
    local = {layer.id: layer for layer in _layer_versions(stack)}
    for arn in _layer_arns(resource):
        try:
            if arn not in local:
                words = "is not emulated: what it holds must be installed where wsgate is"
                raise resource.error(f"has {arn}, which {words}", "Layers")
            yield layer_folder(local[arn], scratch)
        except TemplateError as error:
            stack.leave_out(error)


def _layer_versions(stack: Stack) -> list[Resource]:
    return stack.of_type("AWS::Lambda::LayerVersion")


def _layer_arns(resource: Resource) -> Iterator[str]:
    """Resolve each by itself: one that only AWS knows does not take the others with it."""
    layers = resource.properties.get("Layers")
    for layer in layers if isinstance(layers, list) else [layers]:
        body = {"Type": resource.kind, "Properties": {"Layers": layer}}
        try:
            found = Resource(resource.stack, resource.logical_id, body).get("Layers")
        except TemplateError as error:
            resource.stack.leave_out(error)
            continue
        yield from map(str, found if isinstance(found, list) else [] if found is None else [found])


def _check_handler(resource: Resource, folders: Sequence[Path], handler: str) -> None:
    # awslambdaric takes a slash for a dot: bootstrap.py, _get_handler (4.2.2, 2026-11-23)
    module, _, callable_name = handler.replace("/", ".").rpartition(".")
    if not module or not callable_name:
        raise resource.error(f"is {handler!r}, and must be module.callable", "Handler")
    spec: ModuleSpec | None = None
    search: list[str] | None = list(map(str, folders))
    for part in module.split("."):
        spec = PathFinder.find_spec(part, search) if search else None
        if spec is None:
            raise resource.error(
                f"is {handler!r}, but {folders[0]} has no module {module}", "Handler"
            )
        found = spec.submodule_search_locations
        search = list(found) if found is not None else None
    if spec is not None and (origin := spec.origin) and (problem := _not_compiled(Path(origin))):
        said = f"is {handler!r}, and will fail with each event: {problem}"
        resource.stack.warn_once(origin, resource.error(said, "Handler"))


def _not_compiled(module: Path) -> str | None:
    """Say why Python cannot compile a module; it is not run. Lambda notices with the first event.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (2026-11-23)
    """
    if module.suffix != ".py":
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(module.read_bytes(), module, "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{module}:{error.lineno or 1}: {error.msg}"
    except (OSError, ValueError) as error:
        return f"{module}: {error}"
    return None
