"""Integrations, models and parameters from a template, and the sentence for each that is wrong."""

from __future__ import annotations

import asyncio
import pickle
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from templates import HEAD, MAIN, SOCKET, read
from waiting import in_time, until
from wsgate.model.plan import (
    Conversion,
    CustomFunctionIntegration,
    Endpoint,
    FunctionIntegration,
    HttpIntegration,
    HttpProxyIntegration,
    IntegrationResponse,
    Passthrough,
)
from wsgate.serve import Addresses, Options, serve_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.plan import Plan


SAMPLE = Path(__file__).parent / "samples" / "integrations.yaml"
DEFAULT = timedelta(seconds=29)


@pytest.fixture
def sample() -> Plan:
    return read(SAMPLE, Backend="127.0.0.1:9")


def test_sams_routes_carry_models_and_parameters(sample: Plan) -> None:
    routes = sample.websocket.routes
    assert routes["$connect"].required_parameters == ("route.request.querystring.ticket",)
    models = routes["checked"].models
    assert models is not None
    assert models.selection == "$request.body.kind"
    assert models.schemas["small"]["properties"] == {"n": {"type": "integer", "maximum": 9}}
    assert models.schemas["$default"] == {"type": "object"}
    assert routes["checked"].integration == FunctionIntegration("Main", DEFAULT)
    [warning] = sample.warnings
    assert "SocketCheckedRoute.RouteResponseSelectionExpression answers nothing" in warning
    assert sample.left_out == ()
    assert pickle.loads(pickle.dumps(sample)) == sample  # noqa: S301 so that it reaches a node


def test_an_integration_of_a_function_carries_its_templates(sample: Plan) -> None:
    route = sample.websocket.routes["work"]
    assert route.two_way
    template = '#set($n = $input.path(\'$.n\'))\n{"n": $n, "who": "$context.connectionId"}\n'
    answer = "#if($input.path('$.n') > 3)many#{else}few#end"
    assert route.integration == CustomFunctionIntegration(
        r"\$default",
        {"$default": template},
        (IntegrationResponse("$default", None, {"$default": answer}),),
        DEFAULT,
        Passthrough.NEVER,
        function="Main",
    )


def test_an_integration_of_an_endpoint_carries_its_mapping(sample: Plan) -> None:
    assert sample.websocket.routes["http"].integration == HttpProxyIntegration(
        Endpoint(
            "http://127.0.0.1:9/{id}",
            "PUT",
            {
                "integration.request.header.connectionId": "context.connectionId",
                "integration.request.path.id": "route.request.body.id",
                "integration.request.querystring.kind": "'small'",
            },
            Conversion.TO_TEXT,
        ),
        timedelta(milliseconds=500),
    )


def test_a_queue_is_an_endpoint_of_the_local_server(sample: Plan) -> None:
    integration = sample.websocket.routes["queue"].integration
    assert isinstance(integration, HttpIntegration)
    assert integration.endpoint.uri == "http://127.0.0.1:5000/000000000000/Jobs"


def test_a_stage_variable_names_the_function(plan_of: Callable[..., Plan]) -> None:
    uri = "arn:aws:lambda:us-east-1:000000000000:function:${stageVariables.work}"
    socket = f"{SOCKET}      StageVariables: {{work: Main}}\n"
    for kind in ("AWS", "AWS_PROXY"):
        integration = f"IntegrationType: {kind}\n      IntegrationUri: {uri}"
        head, above, _, *rest = parts(integration)
        found = plan_of(head, above, socket, *rest).websocket.routes["more"].integration
        assert isinstance(found, CustomFunctionIntegration | FunctionIntegration)
        assert found.function == "Main"


ROUTE = """
  MoreRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Socket
      RouteKey: more
      Target: !Sub integrations/${More}
"""
MORE = """
  More:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Socket
"""
LAMBDA = "IntegrationType: AWS\n      IntegrationUri: !GetAtt Main.Arn"
HTTP = "IntegrationType: HTTP\n      IntegrationMethod: POST\n      IntegrationUri: http://a"


def parts(integration: str, route: str = ROUTE, more: str = "") -> tuple[str, ...]:
    return (HEAD, "Resources:", SOCKET, MAIN, route, f"{MORE}      {integration}\n", more)


@pytest.mark.parametrize(
    ("integration", "words"),
    [
        (
            "IntegrationType: AWS\n      IntegrationUri: arn:aws:apigateway:us-east-1:"
            "dynamodb:action/PutItem",
            "More.IntegrationUri calls dynamodb, and wsgate has Lambda and SQS: let a function",
        ),
        (
            "IntegrationType: AWS\n      IntegrationUri: arn:aws:apigateway:us-east-1:"
            "sqs:path/000000000000/None",
            "More.IntegrationUri is no queue of this template",
        ),
        (HTTP.replace("http://a", "a:b"), "More.IntegrationUri is 'a:b', which is no http://"),
        (
            HTTP.replace("http://a", "http://${stageVariables.no}"),
            "More.IntegrationUri asks for the stage variable no, which the stage does not have",
        ),
        (HTTP.replace("POST", "a b"), "'A B', which is no HTTP method"),
        (f"{HTTP}\n      ConnectionType: VPC_LINK", "More.ConnectionType is a private network"),
        (
            f"{HTTP}\n      ContentHandlingStrategy: TEXT",
            "is TEXT, and must be one of CONVERT_TO_TEXT, CONVERT_TO_BINARY",
        ),
        (
            f"{LAMBDA}\n      PassthroughBehavior: SOMETIMES",
            "More.PassthroughBehavior is SOMETIMES, and must be one of WHEN_NO_MATCH, ",
        ),
        (
            f'{LAMBDA}\n      RequestTemplates:\n        a: fine\n        b: "$nope"',
            "More.RequestTemplates.b cannot run: the mapping template uses '$nope', which",
        ),
        (
            f"{LAMBDA}\n      TemplateSelectionExpression: $context.stage",
            "More.TemplateSelectionExpression cannot be read: '$context.stage' refers to",
        ),
        (
            f"{HTTP}\n      RequestParameters: {{x: \"'y'\"}}",
            "More.RequestParameters.x cannot be read: 'x' is none of integration.request.",
        ),
        (
            f"{HTTP}\n      RequestParameters: {{integration.request.header.X: y}}",
            "X cannot be read: 'y' is none of route.request.",
        ),
        (
            f"{HTTP}\n      RequestParameters: {{integration.request.header.X: context.nope}}",
            "'context.nope' is no variable of the context",
        ),
    ],
)
def test_an_integration_that_cannot_run_is_named_with_its_property(
    told_of: Callable[..., str], integration: str, words: str
) -> None:
    [told] = told_of(*parts(integration)).splitlines()
    assert words in told
    assert re.match(r"template\.yaml:\d+: ", told)
    assert told.endswith("; until then the route more answers Internal server error.")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (
            "IntegrationResponseKey: 200",
            "Answer cannot be read: the integration response key '200'",
        ),
        (
            'IntegrationResponseKey: $default\n      ResponseTemplates: {a: "#macro(x)#end"}',
            "Answer.ResponseTemplates.a cannot run: the mapping template uses '#macro'",
        ),
        (
            'IntegrationResponseKey: $default\n      ResponseParameters: {x: "y"}',
            "Answer cannot be read: 'x' is not route.response.header.NAME",
        ),
    ],
)
def test_an_integration_response_that_cannot_run_is_named(
    told_of: Callable[..., str], response: str, words: str
) -> None:
    more = f"""
  Answer:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties:
      ApiId: !Ref Socket
      IntegrationId: !Ref More
      {response}
"""
    assert words in told_of(*parts(LAMBDA, more=more))


def model(schema: str) -> str:
    return f"""
  Thing:
    Type: AWS::ApiGatewayV2::Model
    Properties: {{ApiId: !Ref Socket, Name: Thing, Schema: {schema}}}
"""


@pytest.mark.parametrize(
    ("route", "schema", "words"),
    [
        (
            "RequestModels: {m: Other}",
            "{}",
            "MoreRoute.RequestModels.m is 'Other', which is no model",
        ),
        (
            "RequestModels: {m: Thing}",
            "{type: nope}",
            "Thing.Schema cannot be used: the schema is no",
        ),
        ("RequestModels: {m: !Ref Thing}", "'['", "Thing.Schema cannot be used"),
        ("RequestModels: {m: Thing}", "'[]'", "Thing.Schema must be a JSON schema"),
        ("RequestModels: {m: Thing}", "{$ref: 'http://a/b'}", "refers to 'http://a/b'"),
        (
            "RequestParameters: {route.request.header.X: {Required: true}}",
            "{}",
            "MoreRoute.RequestParameters are for $connect only",
        ),
    ],
)
def test_what_a_route_cannot_demand_is_named(
    told_of: Callable[..., str], route: str, schema: str, words: str
) -> None:
    demanding = f"{ROUTE}      ModelSelectionExpression: m\n      {route}\n"
    assert words in told_of(*parts(LAMBDA, demanding, model(schema)))


def test_a_parameter_of_another_kind_is_named(refusal_of: Callable[..., str]) -> None:
    socket = SOCKET.replace(
        "{$default: {FunctionArn: !GetAtt Main.Arn}}",
        "{$connect: {FunctionArn: !GetAtt Main.Arn, RequestParameters: {a: {Required: true}}}}",
    )
    assert "'a' is neither route.request.header.NAME nor" in refusal_of(
        HEAD, "Resources:", socket, MAIN
    )


def test_without_an_expression_models_check_nothing_and_it_is_told(
    plan_of: Callable[..., Plan],
) -> None:
    route = f"{ROUTE}      RequestModels: {{m: Thing}}\n"
    plan = plan_of(*parts(LAMBDA, route, model("{}")))
    assert plan.websocket.routes["more"].models is None
    [line] = plan.left_out
    assert "MoreRoute.RequestModels is checked against nothing without" in line


def test_an_api_can_turn_its_checks_off(plan_of: Callable[..., Plan]) -> None:
    route = f"{ROUTE}      RequestModels: {{m: Thing}}\n      ModelSelectionExpression: m\n"
    on = plan_of(*parts(LAMBDA, route, model("{}")))
    assert on.websocket.routes["more"].models is not None
    _, above, socket, *rest = parts(LAMBDA, route, model("{}"))
    socket = socket.replace("Properties:", "Properties:\n      DisableSchemaValidation: true")
    off = plan_of(HEAD, above, socket, *rest)
    assert off.websocket.routes["more"].models is None


def test_a_mapping_of_what_the_route_does_not_declare_is_warned_of(
    plan_of: Callable[..., Plan],
) -> None:
    mapping = "{integration.request.header.X: route.request.header.Y}"
    plan = plan_of(*parts(f"{HTTP}\n      RequestParameters: {mapping}"))
    [warning] = plan.warnings
    assert "stays empty: the route's RequestParameters lack route.request.header.Y" in warning
    integration = plan.websocket.routes["more"].integration
    assert isinstance(integration, HttpIntegration)
    assert integration.endpoint.parameters == {}


async def test_a_template_with_all_of_it_runs() -> None:
    log: list[str] = []
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(SAMPLE, port=0, parameters={"Backend": "127.0.0.1:9"}, log=log.append)
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        url = (await in_time(ready)).websocket
        with pytest.raises(InvalidStatus) as caught:
            await connect(url)
        assert caught.value.response.status_code == 400
        async with connect(f"{url}?ticket=t") as client:
            await client.send('{"action":"checked","kind":"small","n":10}')
            assert str(await client.recv()).startswith('{"message" : "Bad request body"')
            await client.send('{"action":"work","n":4}')
            assert await client.recv() == "many"
            await client.send('{"action":"http","id":"7"}')
            assert "Internal server error" in str(await client.recv())
            await client.send('{"action":"queue","text":"a&b"}')
            await until(lambda: any("queued" in line and "a&b" in line for line in log))
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
