"""The WebSocket API and the HTTP API of a template: routes, integrations, authorizer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from wsgate.model.plan import (
    Authorizer,
    CustomFunctionIntegration,
    Function,
    FunctionIntegration,
    HttpApi,
    Route,
    WebSocketApi,
)
from wsgate.template.domains import base_paths_of
from wsgate.template.expand import TemplateError
from wsgate.template.functions import invoked
from wsgate.template.integrations import MIN_MILLIS, integration_of
from wsgate.template.keys import api_keys_of
from wsgate.template.models import models_of, parameters_of
from wsgate.template.permissions import Permissions, warn
from wsgate.template.throttles import throttles_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.template.stack import Resource, Stack

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html (2026-11-23)
_MAX_HTTP_MILLIS: Final = 30_000

# OpenAPI, and what API Gateway adds to it:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
# (2026-11-23)
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_BODY_METHOD: Final = "x-amazon-apigateway-any-method"
_BODY_INTEGRATION: Final = "x-amazon-apigateway-integration"
_BODY_VERSION: Final = "payloadFormatVersion"


def websockets_of(stack: Stack, functions: Mapping[str, Function]) -> tuple[WebSocketApi, ...]:
    """Return every stage of every WebSocket API; there is at least one. Raises TemplateError."""
    apis = _apis(stack, "WEBSOCKET")
    if not apis:
        raise TemplateError(
            f"{stack.path}: the template has no WebSocket API: no AWS::Serverless::WebSocketApi "
            "and no AWS::ApiGatewayV2::Api with ProtocolType WEBSOCKET."
        )
    permissions = Permissions(stack)
    return tuple(
        _on_stage(api, stage, functions, permissions)
        for api in apis
        for stage in _stages(stack, api)
    )


def _on_stage(
    api: Resource, stage: Resource, functions: Mapping[str, Function], permissions: Permissions
) -> WebSocketApi:
    stack, name = api.stack, stage.text("StageName")
    grants = _Grants(permissions, _arn(api), name)
    connect = next(
        (one for one in _of_api(stack, "Route", api) if one.text("RouteKey") == "$connect"), None
    )
    routes = _routes(api, stage, functions, grants)
    return WebSocketApi(
        api_id=api.id,
        stage=name,
        selection_expression=api.text("RouteSelectionExpression"),
        routes=routes,
        authorizer=None if connect is None else _authorizer(connect, functions, grants),
        stage_variables=stage.texts("StageVariables"),
        iam=connect is not None and connect.optional_text("AuthorizationType") == "AWS_IAM",
        api_keys=api_keys_of(api, name, connect),
        base_paths=base_paths_of(api, name),
        has_default_endpoint=not api.flag("DisableExecuteApiEndpoint"),
        throttles=throttles_of(stage, routes),
    )


def _arn(api: Resource) -> str:
    place = api.stack.place
    return f"arn:aws:execute-api:{place.region}:{place.account}:{api.id}"


@dataclass(frozen=True)
class _Grants:
    """What API Gateway may invoke on one stage (docs/aws-behaviour.md §8.7)."""

    permissions: Permissions
    api_arn: str
    stage: str

    def route(self, route: Resource, key: str, function: str) -> bool:
        outcome = "the handshake is 500" if key == "$connect" else "it is Internal server error"
        return self._may(route, function, f"{self.api_arn}/{self.stage}/{key}", outcome)

    def authorizer(self, authorizer: Resource, function: str) -> bool:
        source = f"{self.api_arn}/authorizers/{authorizer.id}"
        return self._may(authorizer, function, source, "the handshake is 500")

    def _may(self, resource: Resource, function: str, source: str, outcome: str) -> bool:
        may = self.permissions.allow(function, source)
        if not may:
            warn(resource, function, source, outcome)
        return may


def _routes(
    api: Resource, stage: Resource, functions: Mapping[str, Function], grants: _Grants
) -> dict[str, Route]:
    answering = {
        response.text("RouteId")
        for response in _of_api(api.stack, "RouteResponse", api)
        # the only key allowed: docs/aws-behaviour.md §7.1
        if response.text("RouteResponseKey") == "$default"
    }
    variables = stage.texts("StageVariables")
    routes: dict[str, Route] = {}
    for resource in _of_api(api.stack, "Route", api):
        key = resource.text("RouteKey")
        if key in routes:
            raise resource.error(f"is {key!r}, and another route has it already", "RouteKey")
        _leave_out(resource)
        target, parameters = _target(resource, api), parameters_of(resource)
        integration = integration_of(target, functions, variables, parameters)
        # docs/aws-behaviour.md §7.1 and §7.6: with only one of the two, what the function returns
        # is dropped.
        two_way = resource.optional_text("RouteResponseSelectionExpression") is not None
        permitted = (
            not isinstance(integration, FunctionIntegration | CustomFunctionIntegration)
            or target.get("CredentialsArn") is not None  # then API Gateway takes that role
            or grants.route(resource, key, integration.function)
        )
        routes[key] = Route(
            key,
            integration,
            two_way and resource.id in answering,
            permitted,
            models_of(resource, api),
            tuple(name for name, is_required in parameters.items() if is_required),
        )
    return routes


def _leave_out(route: Resource) -> None:
    """Say what would refuse a handshake on AWS, and does nothing here."""
    if route.text("RouteKey") == "$connect":
        return
    # docs/aws-behaviour.md §3.1, §3.14
    problem = "changes nothing: who may connect is decided at $connect only"
    if route.flag("ApiKeyRequired"):
        route.stack.leave_out(route.error(problem, "ApiKeyRequired"))
    if route.text("AuthorizationType", default="NONE") != "NONE":
        route.stack.leave_out(route.error(problem, "AuthorizationType"))


def _authorizer(
    connect: Resource, functions: Mapping[str, Function], grants: _Grants
) -> Authorizer | None:
    match connect.text("AuthorizationType", default="NONE"):
        case "NONE" | "AWS_IAM":
            return None
        case "CUSTOM":
            pass
        case kind:
            # docs/aws-behaviour.md §3.1
            words = f"is {kind}; a WebSocket API has NONE, AWS_IAM and CUSTOM"
            raise connect.error(words, "AuthorizationType")
    wanted = connect.text("AuthorizerId")
    for resource in connect.stack.of_type("AWS::ApiGatewayV2::Authorizer"):
        if resource.id == wanted:
            return _request_authorizer(resource, functions, grants)
    raise connect.error("is not an authorizer of this template", "AuthorizerId")


def _request_authorizer(
    resource: Resource, functions: Mapping[str, Function], grants: _Grants
) -> Authorizer:
    kind = resource.text("AuthorizerType", default="REQUEST")
    if kind != "REQUEST":  # docs/aws-behaviour.md §3.1
        raise resource.error(f"is {kind}; a WebSocket API has REQUEST only", "AuthorizerType")
    function = invoked(resource, functions, "AuthorizerUri")
    sources = tuple(map(str, resource.items("IdentitySource")))
    has_role = resource.get("AuthorizerCredentialsArn") is not None  # SAM's InvokeRole
    return Authorizer(function, sources, has_role or grants.authorizer(resource, function))


def http_of(stack: Stack, functions: Mapping[str, Function]) -> HttpApi | None:
    """Return the HTTP API, if there is one. Raises TemplateError."""
    api = _only_api(stack, "HTTP")
    if api is None:
        return None
    routes = _body_routes(api, functions) | _raw_http_routes(stack, api, functions)
    stage = _stage(stack, api)
    return HttpApi(api.id, stage.text("StageName"), routes, throttles_of(stage, routes))


def _raw_http_routes(
    stack: Stack, api: Resource, functions: Mapping[str, Function]
) -> dict[str, FunctionIntegration]:
    routes = {}
    for route in _of_api(stack, "Route", api):
        if route.text("AuthorizationType", default="NONE") != "NONE":
            raise route.error("is not emulated for an HTTP API", "AuthorizationType")
        integration = _target(route, api)
        kind, version = integration.text("IntegrationType"), "PayloadFormatVersion"
        _check_http(integration, kind, integration.text(version, default="1.0"))
        function = invoked(integration, functions, "IntegrationUri")
        timeout = _http_timeout(integration, "TimeoutInMillis")
        routes[route.text("RouteKey")] = FunctionIntegration(function, timeout)
    return routes


def _body_routes(
    api: Resource, functions: Mapping[str, Function]
) -> dict[str, FunctionIntegration]:
    """Read the OpenAPI document that SAM writes its HttpApi into."""
    routes = {}
    for path in api.keys("Body", "paths"):
        for method in api.keys("Body", "paths", path):
            if method not in (*_METHODS, _BODY_METHOD):
                continue
            verb = "ANY" if method == _BODY_METHOD else method.upper()
            key = path if path == "$default" else f"{verb} {path}"
            routes[key] = _body_integration(api, functions, "Body", "paths", path, method)
    return routes


def _body_integration(
    api: Resource, functions: Mapping[str, Function], *operation: str
) -> FunctionIntegration:
    if api.items(*operation, "security"):
        raise api.error("is not emulated for an HTTP API", *operation, "security")
    at = (*operation, _BODY_INTEGRATION)
    kind, version = api.text(*at, "type").upper(), api.text(*at, _BODY_VERSION, default="1.0")
    _check_http(api, kind, version)
    function = invoked(api, functions, *at, "uri")
    return FunctionIntegration(function, _http_timeout(api, *at, "timeoutInMillis"))


def _check_http(resource: Resource, kind: str, version: str) -> None:
    if kind != "AWS_PROXY":
        raise resource.error(f"has a {kind} integration; wsgate has AWS_PROXY for HTTP APIs")
    if version != "2.0":
        raise resource.error(f"has payload format {version}; wsgate has 2.0")


def _http_timeout(resource: Resource, *path: str) -> timedelta:
    most, least = _MAX_HTTP_MILLIS, MIN_MILLIS
    return timedelta(milliseconds=resource.number(*path, default=most, least=least, most=most))


def _only_api(stack: Stack, protocol: str) -> Resource | None:
    apis = _apis(stack, protocol)
    if len(apis) > 1:
        raise apis[1].error(f"is the second {protocol} API; wsgate runs one")
    return apis[0] if apis else None


def _apis(stack: Stack, protocol: str) -> list[Resource]:
    """In the order of the template: SAM writes those that it makes behind the others."""
    written = list(stack.source.body["Resources"])
    apis = [
        api
        for api in stack.of_type("AWS::ApiGatewayV2::Api")
        if api.text("ProtocolType", default="HTTP") == protocol
    ]
    at = {name: index for index, name in enumerate(written)}
    return sorted(apis, key=lambda api: at.get(api.logical_id, len(written)))


def _stages(stack: Stack, api: Resource) -> list[Resource]:
    stages = _of_api(stack, "Stage", api)
    if not stages:
        raise api.error("has no stage, and without one clients cannot connect")
    return stages


def _stage(stack: Stack, api: Resource) -> Resource:
    stages = _of_api(stack, "Stage", api)
    if len(stages) != 1:
        raise api.error(f"has {len(stages)} stages; wsgate runs an HTTP API with exactly one")
    return stages[0]


def _of_api(stack: Stack, kind: str, api: Resource) -> list[Resource]:
    resources = stack.of_type(f"AWS::ApiGatewayV2::{kind}")
    return [resource for resource in resources if resource.text("ApiId") == api.id]


def _target(route: Resource, api: Resource) -> Resource:
    target = route.text("Target")
    for integration in _of_api(route.stack, "Integration", api):
        if target == f"integrations/{integration.id}":
            return integration
    raise route.error("is not integrations/ and the id of an integration of this API", "Target")
