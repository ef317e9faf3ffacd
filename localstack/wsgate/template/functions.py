"""The functions of a template, and what points to them."""

from __future__ import annotations

import re
import warnings
from datetime import timedelta
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wsgate.plan import Function
from wsgate.template.expand import TemplateError
from wsgate.template.stack import Resource, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.machinery import ModuleSpec

_FUNCTION_ARN: Final = re.compile(r"arn:aws[\w-]*:lambda:[\w-]*:\d*:function:([\w-]+)")


def functions_of(stack: Stack) -> dict[str, Function]:
    """Return the functions by name. Raises TemplateError for one that cannot run here."""
    found = []
    for resource in stack.of_type("AWS::Lambda::Function"):
        if _runtime(resource).startswith("python"):
            found.append(_function(resource))
        else:  # a helper that the CDK adds, say: an error only if something here calls it
            stack.leave_out(_not_python(resource))
    functions = {function.name: function for function in found}
    if len(functions) < len(found):
        raise TemplateError(f"{stack.path}: two functions have the same FunctionName.")
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
    for other in resource.stack.of_type("AWS::Lambda::Function"):
        if found is not None and found[1] == other.stack.name(other):
            raise _not_python(other)
    raise resource.error("does not point to a function of this template", *path)


def _runtime(resource: Resource) -> str:
    return resource.text("Runtime", default="an image")


def _not_python(resource: Resource) -> TemplateError:
    return resource.error(f"is {_runtime(resource)!r}, and wsgate runs Python only", "Runtime")


def _function(resource: Resource) -> Function:
    if resource.properties.get("Layers"):
        problem = "are not emulated: what they hold must be installed where wsgate is"
        resource.stack.leave_out(resource.error(problem, "Layers"))
    code, handler = _code(resource), resource.text("Handler")
    _check_handler(resource, code, handler)
    return Function(
        name=resource.stack.name(resource),
        code=code,
        handler=handler,
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (2026-11-23)
        timeout=timedelta(seconds=resource.number("Timeout", default=3, least=1, most=900)),
        memory_mb=resource.number("MemorySize", default=128, least=128, most=10_240),
        environment=resource.texts("Environment", "Variables"),
        runtime=_runtime(resource),
        log_format=resource.text("LoggingConfig", "LogFormat", default="Text"),
        log_level=resource.optional_text("LoggingConfig", "ApplicationLogLevel"),
    )


def _code(resource: Resource) -> Path:
    """Return the folder of the code: what the template says, before the translator saw it."""
    stack, name = resource.stack, resource.logical_id
    written = stack.source.body["Resources"].get(name, {})
    if written.get("Type") == "AWS::Serverless::Function":
        shared = stack.source.body.get("Globals", {}).get("Function", {})
        key, properties = "CodeUri", {**shared, **written.get("Properties", {})}
        properties.setdefault("CodeUri", "." if "InlineCode" not in properties else None)
    else:
        key, properties = "Code", {**written.get("Properties", {}), **_asset(written)}
    uri = Resource(stack, name, {**written, "Properties": properties}).get(key)
    if not isinstance(uri, str) or uri.startswith(("s3://", "https://")):
        raise resource.error("must be a folder on this machine to run here", key)
    folder = (stack.path.parent / uri).resolve()
    if not folder.is_dir():
        raise resource.error(f"is {uri!r}, which is not a folder beside the template", key)
    return folder


def _asset(written: Mapping[str, Any]) -> dict[str, str]:
    """Return the folder that the CDK synthesised beside its template, which only names S3.

    The CDK adds it for SAM CLI: https://github.com/aws/aws-cdk/pull/1433 (2026-11-23)
    """
    metadata = written.get("Metadata") or {}
    is_code = metadata.get("aws:asset:property") == "Code" and "aws:asset:path" in metadata
    return {"Code": str(metadata["aws:asset:path"])} if is_code else {}


def _check_handler(resource: Resource, code: Path, handler: str) -> None:
    # awslambdaric takes a slash for a dot: bootstrap.py, _get_handler (4.2.2, 2026-11-23)
    module, _, callable_name = handler.replace("/", ".").rpartition(".")
    if not module or not callable_name:
        raise resource.error(f"is {handler!r}, and must be module.callable", "Handler")
    spec: ModuleSpec | None = None
    search: list[str] | None = [str(code)]
    for part in module.split("."):
        spec = PathFinder.find_spec(part, search) if search else None
        if spec is None:
            raise resource.error(f"is {handler!r}, but {code} has no module {module}", "Handler")
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
