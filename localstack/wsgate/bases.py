"""Under which addresses the stages of a plan are reached on this machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wsgate.plan import FunctionIntegration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wsgate.plan import Function, Plan, WebSocketApi

ENDPOINT = "WSGATE_ENDPOINT"


@dataclass(frozen=True)
class Base:
    """One address of a stage: host, port and path, without a scheme."""

    stage: WebSocketApi
    text: str
    is_custom: bool = False
    """True where the host must be made to lead to this machine (APIGW.md §1.8)."""


def bases_of(plan: Plan, address: str) -> list[Base]:
    """Every address of every stage; each stage's best one comes first."""
    return [base for stage in plan.websockets for base in _of_stage(plan, stage, address)]


def unreachable(plan: Plan) -> list[str]:
    """A sentence for each stage that is only reached by a name which is not this machine's."""
    return [
        f"the API {stage.api_id} has DisableExecuteApiEndpoint, so that stage {stage.stage} is "
        f"reached as {_names(stage)} only: that name must lead to 127.0.0.1 (/etc/hosts), or the "
        "template must be given another"
        for stage in plan.websockets
        if not stage.has_default_endpoint
    ]


def with_endpoints(plan: Plan, address: str) -> Plan:
    """The plan with WSGATE_ENDPOINT in each function's environment: where it pushes to.

    With several stages it is that of the function's only one. A function of none, or of more than
    one, has no such variable, because a connection is gone for every stage but its own (§11.13).
    """
    functions = {
        name: _with_endpoint(plan, function, address) for name, function in plan.functions.items()
    }
    return replace(plan, functions=functions)


def functions_of(stage: WebSocketApi) -> set[str]:
    """The names of the functions that a stage calls."""
    integrations = (route.integration for route in stage.routes.values())
    routes = {one.function for one in integrations if isinstance(one, FunctionIntegration)}
    return routes | ({stage.authorizer.function} if stage.authorizer else set())


def _of_stage(plan: Plan, stage: WebSocketApi, address: str) -> Iterable[Base]:
    port = address.rpartition(":")[2]
    if stage.has_default_endpoint:
        is_shared = any(
            other.stage == stage.stage and other.api_id != stage.api_id for other in plan.websockets
        )
        host = f"{stage.api_id}.localhost:{port}" if is_shared else address
        yield Base(stage, f"{host}/{stage.stage}")
    for path in stage.base_paths:
        yield Base(stage, f"{path.domain}:{port}/{path.key}".rstrip("/"), is_custom=True)


def _names(stage: WebSocketApi) -> str:
    return " or ".join(path.domain for path in stage.base_paths) or "nothing"


def _with_endpoint(plan: Plan, function: Function, address: str) -> Function:
    stages = [stage for stage in plan.websockets if function.name in functions_of(stage)]
    candidates = plan.websockets if len(plan.websockets) == 1 else tuple(stages)
    found = [base for stage in candidates for base in _of_stage(plan, stage, address)]
    if len(candidates) != 1 or not found:
        return function
    environment: Mapping[str, str] = {ENDPOINT: f"http://{found[0].text}", **function.environment}
    return replace(function, environment=environment)
