"""APIs that run here and that API Gateway would refuse, or never deploy: a warning for each."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from wsgate.template.api_resources import apis, of_api
from wsgate.template.expand import TemplateError
from wsgate.template.references import graph, reachable

if TYPE_CHECKING:
    from wsgate.template.stack import Resource, Stack

_RESERVED: Final = ("$connect", "$default", "$disconnect")
_STAGE: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
# docs/aws-behaviour.md §12.3
_QUOTAS: Final = {"Authorizer": 10, "Integration": 300, "Route": 300, "Stage": 10}
_ON_AWS: Final = "on AWS each handshake is 403"


def warn_of_apis(stack: Stack) -> None:
    """Warn of routes that API Gateway refuses, and of stages that have no deployment."""
    for protocol in ("WEBSOCKET", "HTTP"):
        for api in apis(stack, protocol):
            try:
                _warn_of_quotas(api)
                _warn_of_stages(api, is_socket=protocol == "WEBSOCKET")
                if protocol == "WEBSOCKET":
                    _warn_of_routes(api)
            except TemplateError:
                continue  # told where it is read


def _warn_of_quotas(api: Resource) -> None:
    for kind, most in _QUOTAS.items():
        found = of_api(kind, api)
        if len(found) > most:
            said = (
                f"is one of {len(found)} of the API, and an account has {most} unless AWS raises it"
            )
            _warn(found[most], said)


def _warn_of_routes(api: Resource) -> None:
    for route in of_api("Route", api):
        key = route.optional_text("RouteKey")
        # docs/aws-behaviour.md §5.7, https://github.com/serverless/serverless/issues/9530
        # (2026-11-30)
        if key == "" or (key is not None and key.startswith("$") and key not in _RESERVED):
            names = ", ".join(_RESERVED)
            said = f"is {key!r}, which API Gateway refuses: a key with a $ is one of {names}"
            _warn(route, said, "RouteKey")
    for response in of_api("RouteResponse", api):
        key = response.optional_text("RouteResponseKey")
        if key != "$default":
            said = f"is {key!r}, and API Gateway takes $default only"
            _warn(response, said, "RouteResponseKey")


def _warn_of_stages(api: Resource, *, is_socket: bool) -> None:
    stages = of_api("Stage", api)
    names = Counter(stage.optional_text("StageName") for stage in stages)
    for stage in stages:
        name = stage.optional_text("StageName")
        if names[name] > 1:
            _warn(stage, f"is {name}, as another stage of the API is: AWS refuses it", "StageName")
        if is_socket and name is not None and not _STAGE.fullmatch(name):
            # docs/aws-behaviour.md §1.2
            said = f"is {name!r}, and a WebSocket API takes letters, digits, _ and - only"
            _warn(stage, said, "StageName")
        if stage.flag("AutoDeploy"):
            continue
        if stage.get("DeploymentId") is None:
            said = "has neither AutoDeploy: true nor a DeploymentId, so nothing is deployed"
            _warn(stage, f"{said}: {_ON_AWS if is_socket else 'on AWS each request is 404'}")
        else:
            _warn_of_deployment(stage, api)


def _warn_of_deployment(stage: Resource, api: Resource) -> None:
    """A deployment has the routes that are there when it is made.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-deployment.html
    (2026-11-30)
    """
    wanted = stage.text("DeploymentId")
    for deployment in of_api("Deployment", api):
        if deployment.id != wanted:
            continue
        before = reachable(deployment.logical_id, graph(deployment.stack.declared))
        routes = [route for route in of_api("Route", api) if route.stack is deployment.stack]
        late = [route.logical_id for route in routes if route.logical_id not in before]
        if late:
            said = f"needs DependsOn: {', '.join(late)}"
            why = "it has the routes that are there before it, and is refused if there is none"
            _warn(deployment, f"{said}, or AWS may deploy it without them: {why}")


def _warn(resource: Resource, words: str, *path: str) -> None:
    about = ".".join((resource.logical_id, *path))
    resource.stack.warn_once(f"{about} {words}", resource.error(words, *path))
