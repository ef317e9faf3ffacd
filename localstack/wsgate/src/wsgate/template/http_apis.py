"""The HTTP API of a template: its routes to functions.

What wsgate does not have of it, such as an authorizer, is told, and that route answers 500.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from wsgate.model.plan import FailingIntegration, FunctionIntegration, HttpApi, Throttles
from wsgate.template.api_resources import apis, of_api, stages, target
from wsgate.template.expand import TemplateError
from wsgate.template.functions import invoked
from wsgate.template.integrations import MIN_MILLIS
from wsgate.template.throttles import throttles_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wsgate.model.plan import Function
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
_KEY: Final = re.compile(r"\$default|[A-Z]+ /\S*")

_Routes = dict[str, FunctionIntegration | FailingIntegration]


def http_of(stack: Stack, functions: Mapping[str, Function]) -> HttpApi | None:
    """Return the HTTP API, if there is one that can run."""
    found: HttpApi | None = None
    for api in apis(stack, "HTTP"):
        try:
            if found is not None:
                raise api.error("is the second HTTP API, and wsgate runs one")
            found = _http_api(api, functions)
        except TemplateError as error:
            stack.leave_out(error)
    return found


def _http_api(api: Resource, functions: Mapping[str, Function]) -> HttpApi:
    stage, *others = stages(api)
    for other in others:
        said = "is another stage of an HTTP API, and wsgate runs the first"
        other.stack.leave_out(other.error(said))
    routes = _body_routes(api, functions) | _raw_routes(api, functions)
    throttles = Throttles()
    with stage.stack.leaving_out():
        throttles = throttles_of(stage, routes)
    return HttpApi(api.id, stage.text("StageName"), routes, throttles)


def _raw_routes(api: Resource, functions: Mapping[str, Function]) -> _Routes:
    routes: _Routes = {}
    for route in of_api("Route", api):
        try:
            key = route.text("RouteKey")
            if not _KEY.fullmatch(key):
                words = f"is {key!r}, and must be $default or like GET /path"
                raise route.error(words, "RouteKey")
        except TemplateError as error:
            route.stack.leave_out(error)
            continue
        read = _raw_reader(route, api, functions)
        routes[key] = _or_failing(route, key, read)
    return routes


def _raw_reader(
    route: Resource, api: Resource, functions: Mapping[str, Function]
) -> Callable[[], FunctionIntegration]:
    def read() -> FunctionIntegration:
        authorization = route.text("AuthorizationType", default="NONE")
        if authorization != "NONE":
            said = f"is {authorization}, which is not emulated for an HTTP API"
            raise route.error(said, "AuthorizationType")
        integration = target(route, api)
        subtype = integration.optional_text("IntegrationSubtype")
        if subtype is not None:
            said = f"is {subtype}, and wsgate calls functions only: let one make that call"
            raise integration.error(said, "IntegrationSubtype")
        kind, version = integration.text("IntegrationType"), "PayloadFormatVersion"
        _check_http(integration, kind, integration.text(version, default="1.0"))
        function = invoked(integration, functions, "IntegrationUri")
        return FunctionIntegration(function, _http_timeout(integration, "TimeoutInMillis"))

    return read


def _or_failing(
    resource: Resource, key: str, read: Callable[[], FunctionIntegration]
) -> FunctionIntegration | FailingIntegration:
    try:
        return read()
    except TemplateError as error:
        told = error.adding(f"until then {key} answers 500 Internal Server Error")
        resource.stack.leave_out(told)
        return FailingIntegration(str(error))


def _body_routes(api: Resource, functions: Mapping[str, Function]) -> _Routes:
    """Read the OpenAPI document that SAM writes its HttpApi into."""
    routes: _Routes = {}
    for path in api.keys("Body", "paths"):
        for method in api.keys("Body", "paths", path):
            if method not in (*_METHODS, _BODY_METHOD):
                continue
            verb = "ANY" if method == _BODY_METHOD else method.upper()
            key = path if path == "$default" else f"{verb} {path}"
            operation = ("Body", "paths", path, method)
            read = partial(_body_integration, api, functions, *operation)
            routes[key] = _or_failing(api, key, read)
    return routes


def _body_integration(
    api: Resource, functions: Mapping[str, Function], *operation: str
) -> FunctionIntegration:
    # What SAM writes for `Authorizer: NONE`: the route is open.
    if api.items(*operation, "security") not in ([], [{"NONE": []}]):
        said = "is an authorizer, which is not emulated for an HTTP API"
        raise api.error(said, *operation, "security")
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
