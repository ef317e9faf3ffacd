"""The WebSocket APIs of a template: stages, routes, integrations, authorizer.

What wsgate does not have, or cannot work, is told, and its route is answered as API Gateway answers
when an integration fails: one part does not keep the others from running.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wsgate.core.authorizer import check_sources
from wsgate.expressions.selection import compile_selection
from wsgate.model.plan import (
    ApiKeys,
    Authorizer,
    CustomFunctionIntegration,
    FailingIntegration,
    Function,
    FunctionIntegration,
    Route,
    Throttles,
    WebSocketApi,
)
from wsgate.template.api_resources import apis, of_api, stages, target
from wsgate.template.domains import base_paths_of
from wsgate.template.expand import TemplateError
from wsgate.template.functions import invoked
from wsgate.template.integrations import integration_of
from wsgate.template.keys import api_keys_of
from wsgate.template.models import models_of, parameters_of
from wsgate.template.permissions import Permissions, warn
from wsgate.template.throttles import throttles_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.template.stack import Resource, Stack

_CONNECT = "$connect"
_OUTCOMES = {_CONNECT: "each handshake is 500", "$disconnect": "$disconnect calls nothing"}


def websockets_of(stack: Stack, functions: Mapping[str, Function]) -> tuple[WebSocketApi, ...]:
    """Return every stage of every WebSocket API.

    Raises TemplateError if there is none, or if no route of any can work.
    """
    permissions = Permissions(stack)
    found: list[WebSocketApi] = []
    errors: list[TemplateError] = []
    for api in apis(stack, "WEBSOCKET"):
        try:
            found += [_on_stage(api, stage, functions, permissions) for stage in stages(api)]
        except TemplateError as error:
            errors.append(error)
    if not found:
        raise errors[0] if errors else _none_there(stack)
    for reason in errors:
        stack.leave_out(reason)
    _check_something_works(found)
    return tuple(found)


def _none_there(stack: Stack) -> TemplateError:
    reasons = "".join(f"\n  - {reason}" for reason in stack.family.left_out)
    return TemplateError(
        f"{stack.path}: the template has no WebSocket API: no AWS::Serverless::WebSocketApi "
        f"and no AWS::ApiGatewayV2::Api with ProtocolType WEBSOCKET.{reasons}"
    )


def _check_something_works(found: list[WebSocketApi]) -> None:
    """Refuse a template of which nothing is left, with the first reason."""
    integrations = [route.integration for api in found for route in api.routes.values()]
    failing = [one.reason for one in integrations if isinstance(one, FailingIntegration)]
    if integrations and len(failing) == len(integrations):
        raise TemplateError(failing[0])


def _on_stage(
    api: Resource, stage: Resource, functions: Mapping[str, Function], permissions: Permissions
) -> WebSocketApi:
    grants = _Grants(permissions, _arn(api), stage.text("StageName"))
    reader = _Reader(api, stage.texts("StageVariables"), functions, grants)
    resources = _keyed(api)
    routes, connect = reader.routes(resources), resources.get(_CONNECT)
    access = _Access()
    try:
        access = _Access() if connect is None else reader.access(connect)
    except TemplateError as error:
        # Without what protects it, $connect lets no client in.
        routes[_CONNECT] = _failing(api, _CONNECT, error)
    throttles = Throttles()
    with stage.stack.leaving_out():
        throttles = throttles_of(stage, routes)
    return WebSocketApi(
        api_id=api.id,
        stage=grants.stage,
        selection_expression=_selection(api),
        routes=routes,
        authorizer=access.authorizer,
        stage_variables=reader.variables,
        iam=access.iam,
        api_keys=access.keys,
        base_paths=base_paths_of(api, grants.stage),
        has_default_endpoint=not api.flag("DisableExecuteApiEndpoint"),
        throttles=throttles,
    )


def _selection(api: Resource) -> str:
    expression = api.text("RouteSelectionExpression")
    try:
        compile_selection(expression)
    except ValueError as error:
        raise api.error(f"cannot be read: {error}", "RouteSelectionExpression") from error
    return expression


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
        outcome = "the handshake is 500" if key == _CONNECT else "it is Internal server error"
        return self._may(route, function, f"{self.api_arn}/{self.stage}/{key}", outcome)

    def authorizer(self, authorizer: Resource, function: str) -> bool:
        source = f"{self.api_arn}/authorizers/{authorizer.id}"
        return self._may(authorizer, function, source, "the handshake is 500")

    def _may(self, resource: Resource, function: str, source: str, outcome: str) -> bool:
        may = self.permissions.allow(function, source)
        if not may:
            warn(resource, function, source, outcome)
        return may


def _keyed(api: Resource) -> dict[str, Resource]:
    """The routes by their keys. AWS makes no second route of a key, so the first one counts."""
    found: dict[str, Resource] = {}
    for route in of_api("Route", api):
        try:
            key = route.text("RouteKey")
        except TemplateError as error:
            route.stack.leave_out(error)
            continue
        if key in found:
            said = f"is {key!r}, which another route has already: AWS refuses it, and the first one"
            route.stack.warn_once(f"{api.id} {key}", route.error(f"{said} counts here", "RouteKey"))
        found.setdefault(key, route)
    return found


@dataclass(frozen=True)
class _Access:
    """What $connect asks of a client."""

    authorizer: Authorizer | None = None
    iam: bool = False
    keys: ApiKeys | None = None


@dataclass(frozen=True)
class _Reader:
    """Reads the routes of an API, as they are on one stage."""

    api: Resource
    variables: Mapping[str, str]
    functions: Mapping[str, Function]
    grants: _Grants

    def routes(self, resources: Mapping[str, Resource]) -> dict[str, Route]:
        """Each works, or fails with a reason that is told."""
        answering = _answering(self.api)
        routes: dict[str, Route] = {}
        for key, resource in resources.items():
            try:
                route = self._route(resource, key)
            except TemplateError as error:
                routes[key] = _failing(resource, key, error)
                continue
            is_answered = resource.id in answering
            routes[key] = replace(route, two_way=is_answered)
            if not is_answered:
                _warn_of_silence(resource, key)
        return routes

    def access(self, connect: Resource) -> _Access:
        """Raises TemplateError."""
        return _Access(
            _authorizer(connect, self.functions, self.grants),
            connect.optional_text("AuthorizationType") == "AWS_IAM",
            api_keys_of(self.api, self.grants.stage, connect),
        )

    def _route(self, resource: Resource, key: str) -> Route:
        """A route that works, one-way. Raises TemplateError."""
        _leave_out(resource)
        integrated, parameters = target(resource, self.api), parameters_of(resource)
        integration = integration_of(integrated, self.functions, self.variables, parameters)
        permitted = (
            not isinstance(integration, FunctionIntegration | CustomFunctionIntegration)
            or integrated.get("CredentialsArn") is not None  # then API Gateway takes that role
            or self.grants.route(resource, key, integration.function)
        )
        return Route(
            key,
            integration,
            two_way=False,
            permitted=permitted,
            models=models_of(resource, self.api),
            required_parameters=tuple(name for name, required in parameters.items() if required),
        )


def _answering(api: Resource) -> set[str]:
    """The ids of the routes with a RouteResponse (docs/aws-behaviour.md §7.1)."""
    found = set()
    for response in of_api("RouteResponse", api):
        try:
            if response.text("RouteResponseKey") == "$default":  # the only key allowed
                found.add(response.text("RouteId"))
        except TemplateError as error:
            response.stack.leave_out(error)
    return found


def _failing(resource: Resource, key: str, error: TemplateError) -> Route:
    outcome = _OUTCOMES.get(key, f"the route {key} answers Internal server error")
    resource.stack.leave_out(error.adding(f"until then {outcome}"))
    return Route(key, FailingIntegration(str(error)), two_way=False)


def _warn_of_silence(route: Resource, key: str) -> None:
    """docs/aws-behaviour.md §7.6, §7.7."""
    expression = "RouteResponseSelectionExpression"
    if key in _OUTCOMES or route.optional_text(expression) is None:
        return
    said = (
        "answers nothing, here as on AWS: without an AWS::ApiGatewayV2::RouteResponse of this "
        "route (RouteResponseKey $default), what it returns is dropped"
    )
    route.stack.warn_once(f"{route.logical_id} {expression}", route.error(said, expression))


def _leave_out(route: Resource) -> None:
    """Say what would refuse a handshake on AWS, and does nothing here."""
    if route.text("RouteKey") == _CONNECT:
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
    try:
        check_sources(sources)
    except ValueError as error:
        raise resource.error(f"cannot be read: {error}", "IdentitySource") from error
    has_role = resource.get("AuthorizerCredentialsArn") is not None  # SAM's InvokeRole
    return Authorizer(function, sources, has_role or grants.authorizer(resource, function))
