"""An API as a CloudFormation template, and as a file of the Serverless Framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.league.api import (
    AUTHORIZER,
    FOLDER,
    FUNCTION_SECONDS,
    HANDLER,
    IDENTITY_SOURCE,
    PONG,
    RUNTIME,
    SELECTION,
    STAGE,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bench.league.api import Api, Route

Json = dict[str, Any]
API = {"ApiId": {"Ref": "Api"}}
MAY_PUSH = {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": "*"}


def cloudformation(api: Api, folder: Path) -> Json:
    """With SAM's functions, and API Gateway's own resources for the rest."""
    selected = {"ProtocolType": "WEBSOCKET", "RouteSelectionExpression": SELECTION}
    resources = {
        "Main": _function(HANDLER, folder),
        "Permission": _permission("Main"),
        "Api": _resource("Api", Name=api.name, **selected),
        "Stage": _resource("Stage", **API, StageName=STAGE, AutoDeploy=True, **_throttling(api)),
    }
    if api.has_authorizer:
        resources |= {
            "Authorize": _function(AUTHORIZER, folder),
            "AuthorizePermission": _permission("Authorize"),
            "Authorizer": _resource(
                "Authorizer",
                **API,
                Name="authorizer",
                AuthorizerType="REQUEST",
                AuthorizerUri=_uri("Authorize"),
                IdentitySource=[IDENTITY_SOURCE],
            ),
        }
    for key, route in api.routes.items():
        resources |= _route(key, route, is_guarded=api.has_authorizer and key == "$connect")
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}


def _route(key: str, route: Route, *, is_guarded: bool) -> Json:
    name = key.strip("$").capitalize()
    access = {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Authorizer"}}
    made = {
        f"{name}Integration": _integration(route),
        f"{name}Route": _resource(
            "Route",
            **API,
            RouteKey=key,
            Target={"Fn::Sub": f"integrations/${{{name}Integration}}"},
            **(access if is_guarded else {}),
            **({"RouteResponseSelectionExpression": "$default"} if route.is_two_way else {}),
        ),
    }
    if route.is_two_way:
        reply = {"RouteId": {"Ref": f"{name}Route"}, "RouteResponseKey": "$default"}
        made[f"{name}Reply"] = _resource("RouteResponse", **API, **reply)
    if route.is_mock:
        made[f"{name}Answer"] = _resource(
            "IntegrationResponse",
            **API,
            IntegrationId={"Ref": f"{name}Integration"},
            IntegrationResponseKey="/200/",
            TemplateSelectionExpression="200",
            ResponseTemplates={"200": PONG},
        )
    return made


def _integration(route: Route) -> Json:
    if route.is_mock:
        return _resource(
            "Integration",
            **API,
            IntegrationType="MOCK",
            TemplateSelectionExpression="200",
            RequestTemplates={"200": '{"statusCode": 200}'},
        )
    within = {"TimeoutInMillis": route.timeout_ms} if route.timeout_ms else {}
    proxy = {"IntegrationType": "AWS_PROXY", "IntegrationUri": _uri("Main")}
    return _resource("Integration", **API, **proxy, **within)


def _throttling(api: Api) -> Json:
    if api.connects_per_second is None:
        return {}
    rate = {
        "ThrottlingRateLimit": api.connects_per_second,
        "ThrottlingBurstLimit": api.connects_per_second,
    }
    return {"RouteSettings": {"$connect": rate}}


def _function(handler: str, folder: Path) -> Json:
    properties = {
        "CodeUri": "app",
        "Handler": handler,
        "Runtime": RUNTIME,
        "Timeout": FUNCTION_SECONDS,
        "Environment": {"Variables": {FOLDER: str(folder)}},
        "Policies": [{"Statement": [MAY_PUSH]}],
    }
    return {"Type": "AWS::Serverless::Function", "Properties": properties}


def _permission(function: str) -> Json:
    properties = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": function},
        "Principal": "apigateway.amazonaws.com",
    }
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def _uri(function: str) -> Json:
    start = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions"
    return {"Fn::Sub": f"{start}/${{{function}.Arn}}/invocations"}


def _resource(kind: str, **properties: Any) -> Json:
    return {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}


def serverless(api: Api, folder: Path) -> Json:
    """It has no words for MOCK integrations, time-outs of an integration, and throttling."""
    events = []
    for key, route in api.routes.items():
        if route.is_mock:
            continue
        event: Json = {"route": key}
        if route.is_two_way:
            event["routeResponseSelectionExpression"] = "$default"
        if key == "$connect" and api.has_authorizer:
            event["authorizer"] = {"name": "authorize", "identitySource": [IDENTITY_SOURCE]}
        events.append({"websocket": event})
    common = {"timeout": FUNCTION_SECONDS}
    functions = {"main": {"handler": f"app/{HANDLER}", "events": events, **common}}
    if api.has_authorizer:
        functions["authorize"] = {"handler": f"app/{AUTHORIZER}", **common}
    provider = {
        "name": "aws",
        "runtime": RUNTIME,
        "stage": STAGE,
        "websocketsApiRouteSelectionExpression": SELECTION,
        "environment": {FOLDER: str(folder)},
    }
    return {
        "service": f"league-{api.name}",
        "provider": provider,
        "functions": functions,
        "plugins": ["serverless-offline"],
    }
