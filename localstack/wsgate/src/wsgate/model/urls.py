"""Under which addresses the stages of a plan are reached on this machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from wsgate.model.plan import FunctionIntegration, HttpIntegration, HttpProxyIntegration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wsgate.model.plan import Function, Plan, WebSocketApi

ENDPOINT = "WSGATE_ENDPOINT"


@dataclass(frozen=True)
class StageUrl:
    """One address of a stage: host, port and path, without a scheme."""

    stage: WebSocketApi
    text: str
    is_custom: bool = False
    """True where the host must be made to lead to this machine (docs/aws-behaviour.md §1.8)."""


def stage_urls(plan: Plan, address: str) -> list[StageUrl]:
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


def own_names(plan: Plan) -> list[str]:
    """The names that are the plan's APIs' own, on AWS and as custom domains.

    A name that is closed (DisableExecuteApiEndpoint) is one of them: its API answers 403 there.
    """
    ids = [stage.api_id for stage in plan.websockets] + ([plan.http.api_id] if plan.http else [])
    domains = [path.domain.lower() for stage in plan.websockets for path in stage.base_paths]
    return list(dict.fromkeys([*(_on_aws(plan, each) for each in ids), *domains]))


def with_endpoints(plan: Plan, address: str) -> Plan:
    """The plan with functions that find its APIs: by the address that the template wrote for them,
    such as `https://${Api}.execute-api.${AWS::Region}.amazonaws.com/${Stage}`, and by
    WSGATE_ENDPOINT, where a function pushes to. HTTP integrations find them, too.

    With several stages it is that of the function's only one. A function of none, or of more than
    one, has no such variable, because a connection is gone for every stage but its own (§11.13).
    """
    hosts = _default_hosts(plan, address)
    functions = {
        name: _with_endpoint(plan, _led_here(function, hosts), address)
        for name, function in plan.functions.items()
    }
    stages = tuple(_stage_led_here(stage, hosts) for stage in plan.websockets)
    return replace(plan, functions=functions, websockets=stages)


def functions_of(stage: WebSocketApi) -> set[str]:
    """The names of the functions that a stage calls."""
    integrations = (route.integration for route in stage.routes.values())
    routes = {one.function for one in integrations if isinstance(one, FunctionIntegration)}
    return routes | ({stage.authorizer.function} if stage.authorizer else set())


def _of_stage(plan: Plan, stage: WebSocketApi, address: str) -> Iterable[StageUrl]:
    port = address.rpartition(":")[2]
    if stage.has_default_endpoint:
        is_shared = any(
            other.stage == stage.stage and other.api_id != stage.api_id for other in plan.websockets
        )
        host = f"{stage.api_id}.localhost:{port}" if is_shared else address
        yield StageUrl(stage, f"{host}/{stage.stage}")
    for path in stage.base_paths:
        yield StageUrl(stage, f"{path.domain}:{port}/{path.key}".rstrip("/"), is_custom=True)


def _names(stage: WebSocketApi) -> str:
    return " or ".join(path.domain for path in stage.base_paths) or "nothing"


def _default_hosts(plan: Plan, address: str) -> dict[str, str]:
    """What AWS calls each API (docs/aws-behaviour.md §1.1), and what leads to it here.

    Stages of one name are distinguished by the host, the others by their path: see `_of_stage`.
    """
    hosts = {} if plan.http is None else {_on_aws(plan, plan.http.api_id): address}
    for base in stage_urls(plan, address):
        if not base.is_custom:
            name, host = _on_aws(plan, base.stage.api_id), base.text.partition("/")[0]
            hosts[name] = host if host != address else hosts.get(name, address)
    return hosts


def _on_aws(plan: Plan, api_id: str) -> str:
    return f"{api_id}.execute-api.{plan.region}.amazonaws.com"


def _led_here(function: Function, hosts: Mapping[str, str]) -> Function:
    """The scheme stays: the port speaks TLS too, and functions trust its certificate."""
    if not any("execute-api" in value for value in function.environment.values()):
        return function
    environment = {
        name: reduce(lambda text, host: text.replace(host, hosts[host]), hosts, value)
        for name, value in function.environment.items()
    }
    return replace(function, environment=environment)


def _stage_led_here(stage: WebSocketApi, hosts: Mapping[str, str]) -> WebSocketApi:
    """Without TLS: what fetches for an integration trusts public authorities only."""
    routes = dict(stage.routes)
    for key, route in stage.routes.items():
        integration = route.integration
        if isinstance(integration, HttpIntegration | HttpProxyIntegration):
            uri = integration.endpoint.uri
            for name, host in hosts.items():
                uri = uri.replace(f"https://{name}", f"http://{host}")
            endpoint = replace(integration.endpoint, uri=uri)
            routes[key] = replace(route, integration=replace(integration, endpoint=endpoint))
    return replace(stage, routes=routes)


def _with_endpoint(plan: Plan, function: Function, address: str) -> Function:
    stages = [stage for stage in plan.websockets if function.name in functions_of(stage)]
    candidates = plan.websockets if len(plan.websockets) == 1 else tuple(stages)
    found = [base for stage in candidates for base in _of_stage(plan, stage, address)]
    if len(candidates) != 1 or not found:
        return function
    environment: Mapping[str, str] = {ENDPOINT: f"http://{found[0].text}", **function.environment}
    return replace(function, environment=environment)
