"""A part that is not emulated keeps nothing else from running, and fails as an integration does."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest
import urllib3
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from templates import HEAD, MAIN, SOCKET
from waiting import in_time
from wsgate.model.plan import FailingIntegration
from wsgate.serve import Addresses, Options, StartupError, serve_at
from wsgate.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from wsgate.model.plan import Plan

API = """
Resources:
  Socket:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Socket, StageName: live, AutoDeploy: true}
  Ping:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Socket
      IntegrationType: MOCK
      RequestTemplates: {$default: '{"statusCode": 200}'}
  Pong:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties:
      ApiId: !Ref Socket
      IntegrationId: !Ref Ping
      IntegrationResponseKey: $default
      ResponseTemplates: {$default: pong}
  PingRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Socket, RouteKey: ping, Target: !Sub "integrations/${Ping}"}
  PingAnswer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref PingRoute, RouteResponseKey: $default}
"""
ROUTE = """
  {name}Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Socket, RouteKey: {key}, Target: !Sub "integrations/${{{name}}}"}}
  {name}:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Socket
      {integration}
"""
SERVICE = "IntegrationType: AWS\n      IntegrationUri: arn:aws:apigateway:us-east-1:"
FAILING = {
    "dynamo": f"{SERVICE}dynamodb:action/PutItem",
    "machine": f"{SERVICE}states:action/StartSyncExecution",
    "topic": f"{SERVICE}sns:action/Publish",
    "vpc": "IntegrationType: HTTP_PROXY\n      IntegrationUri: http://a\n      "
    "IntegrationMethod: ANY\n      ConnectionType: VPC_LINK",
    "context": 'IntegrationType: MOCK\n      RequestTemplates: {$default: "$context.nope"}',
    "velocity": 'IntegrationType: MOCK\n      RequestTemplates: {$default: "#macro(x)#end"}',
    "elsewhere": "IntegrationType: AWS_PROXY\n      IntegrationUri: !ImportValue Shared",
    "gone": "IntegrationType: AWS_PROXY\n      IntegrationUri: "
    "arn:aws:lambda:us-east-1:000000000000:function:Other",
    "slow": "IntegrationType: MOCK\n      TimeoutInMillis: 60000",
    "kind": "IntegrationType: GRAPHQL\n      IntegrationUri: x",
}
HTTP = """
  Web:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: HTTP, Name: web}
  WebStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Web, StageName: $default, AutoDeploy: true}
  WebRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Web
      RouteKey: GET /mine
      AuthorizationType: JWT
      AuthorizerId: !Ref Tokens
      Target: !Sub integrations/${Ping}
  Tokens:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Web, AuthorizerType: JWT, Name: tokens}
"""
SAM_HTTP = """
  Web:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Tokens
        Authorizers:
          Tokens:
            JwtConfiguration: {issuer: "https://issuer.example", audience: [web]}
            IdentitySource: $request.header.Authorization
  Pages:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: index.handler
      Runtime: python3.13
      Events:
        Mine: {Type: HttpApi, Properties: {ApiId: !Ref Web, Path: /mine, Method: get}}
        Open:
          Type: HttpApi
          Properties: {ApiId: !Ref Web, Path: /open, Method: get, Auth: {Authorizer: NONE}}
"""


def route(name: str, key: str | None = None) -> str:
    # Logical ids that no other resource has, and that differ in more than case.
    return ROUTE.format(name=f"My{name}", key=key or name, integration=FAILING[name])


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A running gateway whose routes fail, but for `ping`."""
    template = tmp_path / "template.yaml"
    template.write_text(API + "".join(map(route, FAILING)) + HTTP)
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_at(Options(template, port=0), ready.set_result))
    try:
        yield (await in_time(ready)).websocket
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_a_route_that_is_not_emulated_answers_as_a_failed_integration(address: str) -> None:
    async with connect(address) as client:
        for action in FAILING:
            await client.send(json.dumps({"action": action}))
            frame = json.loads(await in_time(client.recv()))
            assert frame.pop("message") == "Internal server error"
            assert set(frame) == {"connectionId", "requestId"}
            await client.send('{"action": "ping"}')
            assert await in_time(client.recv()) == "pong"


async def test_an_http_route_with_an_authorizer_lets_no_request_in(address: str) -> None:
    url = address.replace("ws://", "http://").removesuffix("/live")
    answer = await in_thread(urllib3.request, "GET", f"{url}/mine")
    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


def test_an_http_route_that_is_opened_again_has_no_authorizer(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(API, SAM_HTTP)
    [told] = [line for line in plan.left_out if "is an authorizer" in line]
    assert "./mine.get.security" in told


@pytest.mark.parametrize("name", FAILING)
def test_each_is_told_with_its_line_and_what_happens(
    plan_of: Callable[..., Plan], name: str
) -> None:
    [told] = plan_of(API, route(name)).left_out
    assert re.search(r"template\.yaml:3\d: My", told)
    assert told.endswith(f"; until then the route {name} answers Internal server error.")
    [told] = plan_of(API, route(name, "$connect")).left_out
    assert told.endswith("; until then each handshake is 500.")
    [told] = plan_of(API, route(name, "$disconnect")).left_out
    assert told.endswith("; until then $disconnect calls nothing.")


async def test_a_connect_that_is_not_emulated_lets_no_client_in(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(API + route("dynamo", "$connect"))
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_at(Options(template, port=0), ready.set_result))
    try:
        with pytest.raises(InvalidStatus) as refused:
            await connect((await in_time(ready)).websocket)
        assert refused.value.response.status_code == 500
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_with_nothing_left_to_run_nothing_starts(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(API.replace("IntegrationType: MOCK", FAILING["topic"]))
    with pytest.raises(StartupError, match=r"Ping\.IntegrationUri calls sns, and wsgate has"):
        await serve_at(Options(template, port=0), print)


# ---- what is left out is protected all the same


@pytest.mark.parametrize(
    "authorizer",
    [
        "AuthorizationType: JWT\n      AuthorizerId: !Ref Guard",
        "AuthorizationType: CUSTOM\n      AuthorizerId: !ImportValue Guard",
        "AuthorizationType: CUSTOM\n      AuthorizerId: !Ref Guard",
    ],
)
def test_without_its_authorizer_connect_lets_no_client_in(
    plan_of: Callable[..., Plan], authorizer: str
) -> None:
    guarded = """
  Guarded:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Socket
      RouteKey: $connect
      Target: !Sub integrations/${Ping}
      AUTH
  Guard:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Socket, AuthorizerType: REQUEST, AuthorizerUri: !ImportValue Guard}
"""
    plan = plan_of(API, guarded.replace("AUTH", authorizer))
    assert isinstance(plan.websocket.routes["$connect"].integration, FailingIntegration)


def test_one_function_that_cannot_run_leaves_the_others(plan_of: Callable[..., Plan]) -> None:
    other = MAIN.replace("Main:", "Other:").replace("CodeUri: code", "CodeUri: s3://bucket/key")
    socket = SOCKET.replace("Routes: {", "Routes: {join: {FunctionArn: !GetAtt Other.Arn}, ")
    plan = plan_of(HEAD, "Resources:", socket, MAIN, other)
    assert set(plan.functions) == {"Main"}
    assert isinstance(plan.websocket.routes["join"].integration, FailingIntegration)
    function, of_route = plan.left_out
    assert "Other.CodeUri must be a folder or a .zip file on this machine" in function
    assert of_route.endswith("; until then the route join answers Internal server error.")


def test_a_second_http_api_is_left_out(plan_of: Callable[..., Plan]) -> None:
    second = HTTP.replace("Web", "Again")
    plan = plan_of(API, HTTP, second.replace("Tokens", "More"))
    assert plan.http is not None
    assert list(plan.http.routes) == ["GET /mine"]
    assert any(
        "Again is the second HTTP API, and wsgate runs one" in line for line in plan.left_out
    )


def test_a_service_behind_an_http_route_is_left_out(plan_of: Callable[..., Plan]) -> None:
    web = HTTP.replace("      AuthorizationType: JWT\n      AuthorizerId: !Ref Tokens\n", "")
    service = """
  Send:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Web, IntegrationType: AWS_PROXY, IntegrationSubtype: SQS-SendMessage}
"""
    plan = plan_of(API, web.replace("integrations/${Ping}", "integrations/${Send}"), service)
    [told] = plan.left_out
    assert "Send.IntegrationSubtype is SQS-SendMessage, and wsgate calls functions only" in told
    assert told.endswith("; until then GET /mine answers 500 Internal Server Error.")


@pytest.mark.parametrize("expression", ["RouteResponseSelectionExpression: $default\n      ", ""])
def test_a_route_response_makes_two_ways(plan_of: Callable[..., Plan], expression: str) -> None:
    """docs/aws-behaviour.md §7.1."""
    written = API.replace(
        "Properties: {ApiId: !Ref Socket, RouteKey: ping, Target:",
        f"Properties:\n      {expression}ApiId: !Ref Socket\n      RouteKey: ping\n      Target:",
    ).replace('"integrations/${Ping}"}', '"integrations/${Ping}"')
    plan = plan_of(written)
    assert plan.websocket.routes["ping"].two_way
    assert plan.warnings == ()
    silent = plan_of(written.split("  PingAnswer")[0])
    assert not silent.websocket.routes["ping"].two_way
    assert len(silent.warnings) == bool(expression)
    for warning in silent.warnings:
        assert "PingRoute.RouteResponseSelectionExpression answers nothing, here as on" in warning
        assert warning.endswith("what it returns is dropped.")
