"""What AWS would refuse, or never deploy: it runs here, with a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from templates import HEAD, MAIN, SOCKET

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.plan import Plan

RAW = """
Resources:
  Socket:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Socket, StageName: live, DeploymentId: !Ref Deployment}
  Deployment:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: [Connect, Act]
    Properties: {ApiId: !Ref Socket}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Socket, RouteKey: $connect, Target: !Sub "integrations/${Mock}"}
  Act:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Socket, RouteKey: act, Target: !Sub "integrations/${Mock}"}
  Answer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref Act, RouteResponseKey: $default}
  Mock:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Socket, IntegrationType: MOCK}
"""
ROUTE = """
  Other:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Socket, RouteKey: KEY, Target: !Sub "integrations/${Mock}"}
"""


def test_a_template_that_aws_deploys_has_no_warning(plan_of: Callable[..., Plan]) -> None:
    assert plan_of(RAW).warnings == ()
    assert plan_of(RAW.replace("DeploymentId: !Ref Deployment", "AutoDeploy: true")).warnings == ()


@pytest.mark.parametrize(
    ("found", "instead", "words"),
    [
        (
            ", DeploymentId: !Ref Deployment",
            "",
            "template.yaml:8: Stage has neither AutoDeploy: true nor a DeploymentId, so nothing is "
            "deployed: on AWS each handshake is 403.",
        ),
        (
            "DeploymentId: !Ref Deployment",
            "AutoDeploy: false",
            "template.yaml:8: Stage has neither AutoDeploy",
        ),
        (
            "DependsOn: [Connect, Act]",
            "DependsOn: Act",
            "template.yaml:12: Deployment needs DependsOn: Connect, or AWS may deploy it without",
        ),
        ("    DependsOn: [Connect, Act]\n", "", "Deployment needs DependsOn: Connect, Act, or AWS"),
        (
            "StageName: live",
            "StageName: $default",
            "Stage.StageName is '$default', and a WebSocket",
        ),
        (
            "StageName: live",
            "StageName: a b",
            "Stage.StageName is 'a b', and a WebSocket API takes",
        ),
        (
            "RouteKey: act",
            "RouteKey: $act",
            "template.yaml:18: Act.RouteKey is '$act', which API Gateway refuses: a key with a $",
        ),
        ("RouteKey: act", 'RouteKey: ""', "Act.RouteKey is '', which API Gateway refuses"),
        (
            "RouteResponseKey: $default",
            "RouteResponseKey: ok",
            "Answer.RouteResponseKey is 'ok', and API Gateway takes $default only.",
        ),
        (
            "IntegrationType: MOCK}",
            "IntegrationType: MOCK}\n  Bare: {Properties: {}}",
            "template.yaml:25: Bare has no Type: CloudFormation refuses the template.",
        ),
        ("  Act:\n", "  the-act:\n", "the name the-act must be of letters and digits only"),
        ("\nResources:", "\nx-common: {a: b}\nResources:", "yaml:2: x-common is no section of a"),
        ("\nResources:", "\nGlobals: {}\nResources:", "yaml:2: Globals needs Transform: AWS::Ser"),
        (
            "\nResources:",
            "\nAWSTemplateFormatVersion: 2012-10-17\nResources:",
            "AWSTemplateFormatVersion is 2012-10-17, and must be 2010-09-09: CloudFormation",
        ),
        (
            "RouteKey: act",
            "RouteKey: act, OperationName: !Ref Nowhere",
            "template.yaml:16: Act asks for Nowhere, which is neither a parameter nor a resource",
        ),
        (
            "[Connect, Act]",
            "[Connect, Act, Gone]",
            "template.yaml:9: Deployment asks for Gone, which is neither",
        ),
        (
            "{ProtocolType: WEBSOCKET",
            "{Description: !Sub '${Act} of ${AWS::Region} ${!Literal}', ProtocolType: WEBSOCKET",
            "need one another, a circular dependency: CloudFormation refuses the template.",
        ),
        (
            "IntegrationType: MOCK}",
            "IntegrationType: MOCK}\nOutputs: {Url: {Value: !Sub '${Nowhere.Url}'}}",
            "Url asks for Nowhere, which is neither a parameter nor a resource",
        ),
    ],
)
def test_what_aws_would_not_deploy_is_warned_of_once(
    told_of: Callable[..., str], found: str, instead: str, words: str
) -> None:
    told = told_of(RAW.replace(found, instead)).splitlines()
    assert len([line for line in told if words in line]) == 1, told


def test_of_two_routes_with_one_key_the_first_counts(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(
        RAW.replace("Connect, Act]", "Connect, Act, Other]"), ROUTE.replace("KEY", "act")
    )
    [warning] = plan.warnings
    assert "Other.RouteKey is 'act', which another route has already: AWS refuses it" in warning
    assert plan.websocket.routes["act"].two_way


def test_two_stages_of_one_name_are_warned_of(told_of: Callable[..., str]) -> None:
    second = """
  Second:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Socket, StageName: live, AutoDeploy: true}
"""
    assert "Second.StageName is live, as another stage of the API is" in told_of(RAW, second)


@pytest.mark.parametrize("key", ["chat/join", "send-message", "a.b", "a_b", "Act", "été"])
def test_a_key_that_api_gateway_takes_is_no_warning(plan_of: Callable[..., Plan], key: str) -> None:
    routes = RAW.replace("Connect, Act]", "Connect, Act, Other]"), ROUTE.replace("KEY", key)
    assert plan_of(*routes).warnings == ()


def test_more_stages_than_an_account_has_are_warned_of(told_of: Callable[..., str]) -> None:
    stages = "".join(
        f"\n  Stage{n}: {{Type: AWS::ApiGatewayV2::Stage, "
        f"Properties: {{ApiId: !Ref Socket, StageName: s{n}, AutoDeploy: true}}}}"
        for n in range(10)
    )
    assert "Stage9 is one of 11 of the API, and an account has 10" in told_of(RAW, stages)
    assert "of the API" not in told_of(RAW, stages.split("\n  Stage9")[0])


@pytest.mark.parametrize("name", ["AWS_REGION", "_HANDLER", "MY-NAME", "1ST", "X"])
def test_a_variable_that_lambda_does_not_take_is_warned_of(
    told_of: Callable[..., str], name: str
) -> None:
    main = f"{MAIN}      Environment: {{Variables: {{{name}: a, AWS_ENDPOINT_URL_SQS: b}}}}\n"
    told = told_of(HEAD, "Resources:", SOCKET, main)
    assert told == (
        f"template.yaml:16: Main.Environment.Variables.{name} is no name that Lambda takes for a "
        "variable, and AWS refuses the function."
    )


RULES = """
Parameters:
  Stage: {Type: String, Default: dev}
  Kept: {Type: "AWS::SSM::Parameter::Value<String>", Default: /kept}
Rules:
  Live:
    RuleCondition: !Equals [!Ref Stage, live]
    Assertions:
      - Assert: {"Fn::Contains": [[a, b], !Ref Stage]}
        AssertDescription: the stage is none
  Known:
    Assertions: [{Assert: {"Fn::Not": [{"Fn::Contains": [["1", "2"], !Ref Kept]}]}}]
"""


def test_a_rule_that_the_parameters_break_is_warned_of(plan_of: Callable[..., Plan]) -> None:
    assert plan_of(RULES, RAW).warnings == ()
    [warning] = plan_of(RULES, RAW, Stage="live").warnings
    assert ":6: the parameters break the rule Live (the stage is none): CloudFormation" in warning


def test_a_circle_is_named_in_its_order(told_of: Callable[..., str]) -> None:
    circle = """
  A: {Type: AWS::SQS::Queue, DependsOn: B}
  B: {Type: AWS::SQS::Queue, DependsOn: [A]}
"""
    told = told_of(HEAD, "Resources:", SOCKET, MAIN, circle)
    assert told.startswith(
        (
            "template.yaml:17: A → B → A need one another, a circular dependency",
            "template.yaml:18: B → A → B need one another, a circular dependency",
        )
    )
