"""The WebSocket API and the HTTP API of a template: routes, integrations, authorizer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from wsgate.plan import (
    Authorizer,
    Function,
    FunctionIntegration,
    HttpApi,
    Route,
    WebSocketApi,
)
from wsgate.template.expand import TemplateError
from wsgate.template.functions import invoked
from wsgate.template.integrations import LEAST_MILLIS, integration_of
from wsgate.template.models import models_of, parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.template.stack import Resource, Stack

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html (2026-11-23)
_MOST_HTTP_MILLIS: Final = 30_000

# OpenAPI, and what API Gateway adds to it:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
# (2026-11-23)
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_BODY_METHOD: Final = "x-amazon-apigateway-any-method"
_BODY_INTEGRATION: Final = "x-amazon-apigateway-integration"
_BODY_VERSION: Final = "payloadFormatVersion"


def websocket_of(stack: Stack, functions: Mapping[str, Function]) -> WebSocketApi:
    """Return the one WebSocket API. Raises TemplateError."""
    api = _only_api(stack, "WEBSOCKET")
    if api is None:
        raise TemplateError(
            f"{stack.path}: the template has no WebSocket API: no AWS::Serverless::WebSocketApi "
            "and no AWS::ApiGatewayV2::Api with ProtocolType WEBSOCKET."
        )
    stage, authorizer = _stage(stack, api), None
    routes = _routes(stack, api, functions, stage.texts("StageVariables"))
    for resource in _of_api(stack, "Route", api):
        if resource.text("RouteKey") == "$connect":
            authorizer = _authorizer(resource, functions)
    return WebSocketApi(
        api_id=api.id,
        stage=stage.text("StageName"),
        selection_expression=api.text("RouteSelectionExpression"),
        routes=routes,
        authorizer=authorizer,
        stage_variables=stage.texts("StageVariables"),
    )


def _routes(
    stack: Stack,
    api: Resource,
    functions: Mapping[str, Function],
    stage_variables: Mapping[str, str],
) -> dict[str, Route]:
    answering = {
        response.text("RouteId")
        for response in _of_api(stack, "RouteResponse", api)
        if response.text("RouteResponseKey") == "$default"  # the only key allowed: APIGW.md §7.1
    }
    routes: dict[str, Route] = {}
    for resource in _of_api(stack, "Route", api):
        key = resource.text("RouteKey")
        if key in routes:
            raise resource.error(f"is {key!r}, and another route has it already", "RouteKey")
        _leave_out(resource)
        parameters = parameters_of(resource)
        # APIGW.md §7.1 and §7.6: with only one of the two, what the function returns is dropped.
        two_way = resource.optional_text("RouteResponseSelectionExpression") is not None
        routes[key] = Route(
            key,
            integration_of(_target(resource, api), functions, stage_variables, parameters),
            two_way and resource.id in answering,
            models_of(resource, api),
            tuple(name for name, is_required in parameters.items() if is_required),
        )
    return routes


def _leave_out(route: Resource) -> None:
    """Say what would refuse a handshake on AWS, and does nothing here."""
    if route.get("ApiKeyRequired") not in (None, False, "false"):
        route.stack.leave_out(route.error("is not emulated", "ApiKeyRequired"))


def _authorizer(connect: Resource, functions: Mapping[str, Function]) -> Authorizer | None:
    match connect.text("AuthorizationType", default="NONE"):
        case "NONE":
            return None
        case "CUSTOM":
            pass
        case kind:
            raise connect.error(f"is {kind}; wsgate has CUSTOM and NONE", "AuthorizationType")
    wanted = connect.text("AuthorizerId")
    for resource in connect.stack.of_type("AWS::ApiGatewayV2::Authorizer"):
        if resource.id == wanted:
            sources = tuple(map(str, resource.items("IdentitySource")))
            return Authorizer(invoked(resource, functions, "AuthorizerUri"), sources)
    raise connect.error("is not an authorizer of this template", "AuthorizerId")


def http_of(stack: Stack, functions: Mapping[str, Function]) -> HttpApi | None:
    """Return the HTTP API, if there is one. Raises TemplateError."""
    api = _only_api(stack, "HTTP")
    if api is None:
        return None
    routes = _body_routes(api, functions) | _raw_http_routes(stack, api, functions)
    return HttpApi(api_id=api.id, stage=_stage(stack, api).text("StageName"), routes=routes)


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
    most, least = _MOST_HTTP_MILLIS, LEAST_MILLIS
    return timedelta(milliseconds=resource.number(*path, default=most, least=least, most=most))


def _only_api(stack: Stack, protocol: str) -> Resource | None:
    apis = [
        api
        for api in stack.of_type("AWS::ApiGatewayV2::Api")
        if api.text("ProtocolType", default="HTTP") == protocol
    ]
    if len(apis) > 1:
        raise apis[1].error(f"is the second {protocol} API; wsgate runs one of each kind")
    return apis[0] if apis else None


def _stage(stack: Stack, api: Resource) -> Resource:
    stages = _of_api(stack, "Stage", api)
    if len(stages) != 1:
        raise api.error(f"has {len(stages)} stages; wsgate runs an API with exactly one")
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
