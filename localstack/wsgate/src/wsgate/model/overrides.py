"""A plan as a developer wants it for this run: other variables, no time-outs. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from wsgate.model.plan import CustomFunctionIntegration, FunctionIntegration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from wsgate.model.plan import Function, Plan, WebSocketApi

NO_TIMEOUT: Final = timedelta(days=1)
"""As long as a debugger may stop: more than anybody looks at one line."""


def with_variables(
    plan: Plan, given: Mapping[str, Mapping[str, str]], for_all: str = "Parameters"
) -> Plan:
    """The plan with other values for variables that it has, as `sam local --env-vars` does.

    `given` is by a function's name or logical id; `for_all` stands for each of them, and a
    function's own values win. A variable that the template does not give the function is a
    warning and stays out: on AWS the function would not have it either.
    """
    functions = {
        name: replace(one, environment=_changed(one, given, for_all))
        for name, one in plan.functions.items()
    }
    unknown = tuple(_unknown(plan, given, for_all))
    return replace(plan, functions=functions, warnings=(*plan.warnings, *unknown))


def _changed(
    function: Function, given: Mapping[str, Mapping[str, str]], for_all: str
) -> dict[str, str]:
    changes = {
        name: value
        for key in (for_all, function.logical_id, function.name)
        for name, value in given.get(key, {}).items()
    }
    return {name: changes.get(name, value) for name, value in function.environment.items()}


def _unknown(plan: Plan, given: Mapping[str, Mapping[str, str]], for_all: str) -> Iterator[str]:
    functions = [one for one in plan.functions.values() if not one.elsewhere]
    for key, variables in given.items():
        meant = [one for one in functions if key in (for_all, one.name, one.logical_id)]
        if not meant:
            yield f"--env-vars has variables for {key}, which is no function that runs here"
            continue
        known = {name for one in meant for name in one.environment}
        for name in variables:
            if name not in known:
                where = "no function has" if key == for_all else f"{key} does not have"
                yield f"--env-vars sets {name}, which {where} in the template: it stays unset"


def without_timeouts(plan: Plan, names: Collection[str]) -> Plan:
    """The plan where neither these functions time out nor what waits for them."""
    functions = {
        name: replace(one, timeout=NO_TIMEOUT) if name in names else one
        for name, one in plan.functions.items()
    }
    websockets = tuple(_patient_stage(stage, names) for stage in plan.websockets)
    http = plan.http
    if http is not None:
        routes = dict(http.routes)
        for key, one in http.routes.items():
            if isinstance(one, FunctionIntegration) and one.function in names:
                routes[key] = replace(one, timeout=NO_TIMEOUT)
        http = replace(http, routes=routes)
    return replace(plan, functions=functions, websockets=websockets, http=http)


def _patient_stage(stage: WebSocketApi, names: Collection[str]) -> WebSocketApi:
    routes = dict(stage.routes)
    for key, route in stage.routes.items():
        match route.integration:
            case FunctionIntegration(function=name) | CustomFunctionIntegration(function=name):
                if name in names:
                    patient = replace(route.integration, timeout=NO_TIMEOUT)
                    routes[key] = replace(route, integration=patient)
    return replace(stage, routes=routes)
