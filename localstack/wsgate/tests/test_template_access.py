"""What a template says about who may connect, and under which address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from templates import HEAD, MAIN, SAMPLES, SOCKET, read
from wsgate.model.plan import Authorizer, BasePath, FailingIntegration, Plan
from wsgate.template.load import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GATE = MAIN.replace("Main:", "Gate:")
RAW = """
  Raw:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  RawStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Raw, StageName: one, AutoDeploy: true}
  RawRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Raw, RouteKey: act, Target: !Sub "integrations/${RawTarget}"}
  RawTarget:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Raw
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt Main.Arn
"""
SOURCE = "arn:aws:execute-api:us-east-1:000000000000:${Raw}"


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """Write a template beside a folder `code` with app.py, and load it."""

    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").touch()

    def plan(*parts: str, **parameters: str) -> Plan:
        path = tmp_path / "template.yaml"
        path.write_text("".join((HEAD, "Resources:", *parts)))
        return read(path, **parameters)

    return plan


def socket(more: str) -> str:
    """SOCKET, with one more property."""
    return f"{SOCKET}      {more}\n"


def permission(function: str = "!Ref Main", source: str | None = None, **more: str) -> str:
    properties = {
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "FunctionName": function,
        **({"SourceArn": f'!Sub "{source}"'} if source else {}),
        **more,
    }
    lines = "".join(f"      {key}: {value}\n" for key, value in properties.items())
    return f"\n  Permission:\n    Type: AWS::Lambda::Permission\n    Properties:\n{lines}"


def refusal(plan_of: Callable[..., Plan], *parts: str) -> str:
    with pytest.raises(TemplateError) as raised:
        plan_of(*parts)
    return re.sub(r"\S*/(?=template\.yaml|code)", "", str(raised.value))


# ---- Lambda permissions (docs/aws-behaviour.md §8.7)


@pytest.mark.parametrize(
    "given",
    [
        permission(),
        permission(source=f"{SOURCE}/one/act"),
        permission(source=f"{SOURCE}/*"),
        permission(source="arn:aws:execute-api:*:*:${Raw}/*/ac?"),
        permission(function="!GetAtt Main.Arn"),
        permission(function="000000000000:function:Main:live"),
        permission(Principal="'*'"),
        permission(Action="lambda:*"),
        permission(source="${SomeOtherStack}") + "  SomeOtherStack: {Type: Custom::Any}\n",
    ],
)
def test_a_permission_that_covers_the_route(plan_of: Callable[..., Plan], given: str) -> None:
    plan = plan_of(RAW, MAIN, given)
    assert plan.websocket.routes["act"].permitted
    assert plan.warnings == ()


@pytest.mark.parametrize(
    "given",
    [
        "",
        permission(source=f"{SOURCE}/two/act"),
        permission(source=f"{SOURCE}/one/$connect"),
        permission(source=f"{SOURCE.replace('us-east-1', 'eu-west-1')}/*"),
        permission(function="Other"),
        permission(Principal="s3.amazonaws.com"),
        permission(Action="lambda:GetFunction"),
        permission(function="!Ref Other") + "  Other: {Type: Custom::Any}\n",
    ],
)
def test_a_route_without_its_permission_is_warned_of(
    plan_of: Callable[..., Plan], given: str
) -> None:
    plan = plan_of(RAW, MAIN, given)
    assert not plan.websocket.routes["act"].permitted
    [warning] = plan.warnings
    assert re.search(
        r"template\.yaml:11: RawRoute may not invoke Main, so it is Internal server error: there "
        r"is no AWS::Lambda::Permission of it with the Principal apigateway.amazonaws.com and a "
        r"SourceArn that matches arn:aws:execute-api:us-east-1:000000000000:\w{10}/one/act\.$",
        warning,
    )


def test_a_role_of_the_integration_needs_no_permission(plan_of: Callable[..., Plan]) -> None:
    raw = RAW + '      CredentialsArn: "arn:aws:iam::000000000000:role/any"\n'
    assert plan_of(raw, MAIN).websocket.routes["act"].permitted


AUTHORIZER = """
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Raw
      RouteKey: $connect
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Guard
      Target: !Sub "integrations/${RawTarget}"
  Guard:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Raw
      AuthorizerType: REQUEST
      AuthorizerUri: !GetAtt Gate.Arn
"""


@pytest.mark.parametrize(
    ("more", "permitted"),
    [
        ("", False),
        ('      AuthorizerCredentialsArn: "arn:aws:iam::000000000000:role/any"\n', True),
        (permission("!Ref Gate", f"{SOURCE}/authorizers/${{Guard}}"), True),
        (permission("!Ref Gate", f"{SOURCE}/authorizers/another"), False),
    ],
)
def test_an_authorizer_needs_a_permission_or_a_role(
    plan_of: Callable[..., Plan], more: str, permitted: bool
) -> None:
    main = permission().replace("Permission:", "MainPermission:", 1)
    plan = plan_of(RAW, main, AUTHORIZER, more, MAIN, GATE)
    assert plan.websocket.authorizer == Authorizer("Gate", (), permitted)
    assert len(plan.warnings) == (0 if permitted else 1)


@pytest.mark.parametrize("form", ["sam.yaml", "raw.yaml"])
def test_the_samples_have_their_permissions(form: str) -> None:
    [warning] = read(SAMPLES / form).warnings
    said = "RouteResponseSelectionExpression answers nothing, here as on AWS"
    written = (SAMPLES / form).read_text().splitlines()
    [line] = [
        at for at, words in enumerate(written, 1) if re.search(r"half:|RouteKey: half", words)
    ]
    # The expression stands in the line of the route, or in the one behind its key.
    assert re.search(rf"{form}:({line}|{line + 1}): \w+\.{said}", warning)


def test_invoke_role_of_sam_is_accepted(plan_of: Callable[..., Plan]) -> None:
    auth = (
        "Auth: {AuthType: CUSTOM, AuthArn: !GetAtt Gate.Arn, "
        "InvokeRole: 'arn:aws:iam::000000000000:role/any'}"
    )
    connect = socket(auth).replace(
        "Routes: {", "Routes: {$connect: {FunctionArn: !GetAtt Main.Arn}, "
    )
    plan = plan_of(connect, MAIN, GATE)
    assert plan.websocket.authorizer == Authorizer("Gate", ())
    assert plan.warnings == ()


# ---- IAM and API keys (docs/aws-behaviour.md §3.14, §3.15)


def with_connect(*more: str) -> str:
    routes = "Routes: {$connect: {FunctionArn: !GetAtt Main.Arn"
    return socket("\n      ".join(more[1:])).replace("Routes: {", f"{routes}{more[0]}}}, ")


def test_aws_iam_on_connect(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(with_connect("", "Auth: {AuthType: AWS_IAM}"), MAIN)
    assert plan.websocket.iam
    assert plan.websocket.authorizer is None
    assert not plan_of(SOCKET, MAIN).websocket.iam


def test_with_an_authorization_of_http_apis_no_client_connects(
    plan_of: Callable[..., Plan],
) -> None:
    jwt = plan_of(RAW, AUTHORIZER.replace("CUSTOM", "JWT"), MAIN, GATE)
    token = AUTHORIZER.replace("AuthorizerType: REQUEST", "AuthorizerType: JWT")
    tokens = plan_of(RAW, token, MAIN, GATE)
    for plan, words in (
        (jwt, "Connect.AuthorizationType is JWT; a WebSocket API has"),
        (tokens, "Guard.AuthorizerType is JWT; a WebSocket API has REQUEST only"),
    ):
        assert isinstance(plan.websocket.routes["$connect"].integration, FailingIntegration)
        [told] = plan.left_out
        assert words in told
        assert told.endswith("; until then each handshake is 500.")


KEY = """
  Key:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Enabled: true, Value: a-key-of-twenty-letters}
  Disabled:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Value: another-key-of-twenty}
"""
PLAN = """
  Usage:
    Type: AWS::ApiGateway::UsagePlan
    Properties: {ApiStages: [{ApiId: !Ref Socket, Stage: STAGE}]}
  UsageKey:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Usage}
"""
NEEDS_KEY = with_connect(", ApiKeyRequired: true")


def test_an_enabled_key_opens_connect(plan_of: Callable[..., Plan]) -> None:
    keys = plan_of(NEEDS_KEY, KEY, MAIN).websocket.api_keys
    assert keys is not None
    assert list(keys.ids) == ["a-key-of-twenty-letters"]
    assert re.fullmatch(r"[a-z0-9]{10}", keys.ids["a-key-of-twenty-letters"])
    assert not keys.from_authorizer


@pytest.mark.parametrize(("stage", "opens"), [("live", 1), ("other", 0)])
def test_with_usage_plans_a_key_opens_their_stages_only(
    plan_of: Callable[..., Plan], stage: str, opens: int
) -> None:
    plan = plan_of(NEEDS_KEY, KEY, PLAN.replace("STAGE", stage), MAIN)
    assert plan.websocket.api_keys is not None
    assert len(plan.websocket.api_keys.ids) == opens


def test_the_authorizer_may_name_the_key(plan_of: Callable[..., Plan]) -> None:
    by = "ApiKeySelectionExpression: $context.authorizer.usageIdentifierKey"
    keys = plan_of(with_connect(", ApiKeyRequired: true", by), KEY, MAIN).websocket.api_keys
    assert keys is not None
    assert keys.from_authorizer
    other = with_connect(", ApiKeyRequired: true", by.replace("authorizer.usage", "x.usage"))
    [told] = plan_of(other, MAIN).left_out
    assert "ApiKeySelectionExpression is '$context.x" in told


def test_a_key_that_aws_would_make_up_is_told(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(NEEDS_KEY, KEY.replace(", Value: a-key-of-twenty-letters", ""), MAIN)
    [told] = plan.left_out
    assert told.endswith("Key.Value is missing, and AWS makes one up: use --api-key.")


def test_no_key_is_asked_for_without_the_word(plan_of: Callable[..., Plan]) -> None:
    assert plan_of(SOCKET, KEY, MAIN).websocket.api_keys is None


# ---- addresses (docs/aws-behaviour.md §1)


def test_two_apis_and_two_stages_are_three(plan_of: Callable[..., Plan]) -> None:
    second = """
  Second:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Raw, StageName: two, AutoDeploy: true, StageVariables: {x: y}}
"""
    first, one, two = plan_of(SOCKET, RAW, second, MAIN, permission()).websockets
    assert (first.stage, one.stage, two.stage) == ("live", "one", "two")
    assert one.api_id == two.api_id != first.api_id
    assert (one.stage_variables, two.stage_variables) == ({}, {"x": "y"})


def test_a_permission_may_be_for_one_stage_of_two(plan_of: Callable[..., Plan]) -> None:
    second = """
  Second:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Raw, StageName: two, AutoDeploy: true}
"""
    plan = plan_of(RAW, second, MAIN, permission(source=f"{SOURCE}/two/*"))
    assert [stage.routes["act"].permitted for stage in plan.websockets] == [False, True]
    assert len(plan.warnings) == 1


def test_an_api_without_a_stage_is_refused(plan_of: Callable[..., Plan]) -> None:
    raw = RAW.replace("ApiId: !Ref Raw, StageName", "ApiId: other, StageName")
    assert "Raw has no stage" in refusal(plan_of, raw, MAIN)


def test_the_domain_of_sam(plan_of: Callable[..., Plan]) -> None:
    domain = (
        "Domain: {DomainName: WS.example.com, CertificateArn: 'arn:aws:acm:us-east-1:0:c/x', "
        "BasePath: [/, chat, a/b]}"
    )
    plan = plan_of(socket(domain), MAIN)
    assert set(plan.websocket.base_paths) == {
        BasePath("ws.example.com"),
        BasePath("ws.example.com", "chat"),
        BasePath("ws.example.com", "a/b"),
    }
    assert plan.websocket.has_default_endpoint


DOMAIN = """
  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties: {DomainName: ws.example.com}
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {ApiId: !Ref Raw, DomainName: !Ref Domain, Stage: !Ref RawStage, ApiMappingKey: v1}
"""


def test_a_raw_domain_and_its_mapping(plan_of: Callable[..., Plan]) -> None:
    raw = RAW.replace("WEBSOCKET,", "WEBSOCKET, DisableExecuteApiEndpoint: true,")
    plan = plan_of(raw, DOMAIN, MAIN, permission())
    assert plan.websocket.base_paths == (BasePath("ws.example.com", "v1"),)
    assert not plan.websocket.has_default_endpoint


def test_a_domain_that_only_aws_knows_is_told(plan_of: Callable[..., Plan]) -> None:
    domain = DOMAIN.replace("DomainName: ws.example.com", "DomainName: !ImportValue domain")
    plan = plan_of(RAW, domain, MAIN, permission())
    assert plan.websocket.base_paths == ()
    [told] = plan.left_out
    assert "Domain.DomainName" in told


def test_a_mapping_key_that_aws_does_not_take_is_told(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(RAW, DOMAIN.replace("v1", "v~1"), MAIN, permission())
    [told] = plan.left_out
    assert "Mapping.ApiMappingKey is 'v~1'" in told


# ---- roles (docs/aws-behaviour.md §11.2)


def function_with(policies: str) -> str:
    return f"{MAIN}      Policies: {policies}\n"


def test_the_statements_of_a_function_are_those_about_this_gateway(
    plan_of: Callable[..., Plan],
) -> None:
    policies = """
        - Statement:
            - Effect: Allow
              Action: execute-api:ManageConnections
              Resource: !Sub arn:aws:execute-api:*:*:${Socket}/live/*
            - {Effect: Allow, Action: 'dynamodb:*', Resource: '*'}
        - LambdaInvokePolicy: {FunctionName: other}"""
    plan = plan_of(SOCKET, function_with(policies))
    first, second = plan.statements["Main"]
    api_id = plan.websocket.api_id
    assert first["Resource"] == f"arn:aws:execute-api:*:*:{api_id}/live/*"
    assert second["Action"] == ["lambda:InvokeFunction"]


@pytest.mark.parametrize(
    ("policies", "actions"),
    [
        ("AmazonAPIGatewayInvokeFullAccess", "execute-api:ManageConnections"),
        ("arn:aws:iam::aws:policy/AdministratorAccess", "*"),
    ],
)
def test_policies_of_aws(plan_of: Callable[..., Plan], policies: str, actions: str) -> None:
    [statement] = plan_of(SOCKET, function_with(policies)).statements["Main"]
    assert actions in statement["Action"]


def test_policies_beside_the_role(plan_of: Callable[..., Plan]) -> None:
    beside = """
  Beside:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: beside
      Roles: [!Ref MainRole]
      PolicyDocument:
        Statement: {Effect: Allow, Action: 'execute-api:*', Resource: '*'}
  Apart:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement: {Effect: Deny, NotAction: 'dynamodb:*', Resource: '*'}
"""
    plan = plan_of(SOCKET, function_with("[!Ref Apart]"), beside)
    assert [statement["Effect"] for statement in plan.statements["Main"]] == ["Allow", "Deny"]


def test_a_function_without_policies_may_do_nothing_and_of_another_role_nothing_is_known(
    plan_of: Callable[..., Plan],
) -> None:
    gate = f"{GATE}      Role: arn:aws:iam::000000000000:role/elsewhere\n"
    assert plan_of(SOCKET, MAIN, gate).statements == {"Main": ()}


def test_what_iam_cannot_judge_is_told(plan_of: Callable[..., Plan]) -> None:
    policies = """
        - Statement:
            - Effect: Allow
              Action: execute-api:*
              Resource: '*'
              Condition: {ArnLike: {'aws:PrincipalArn': '*'}}
            - {Effect: Allow, Action: 'execute-api:*', Resource: !ImportValue arn}"""
    plan = plan_of(SOCKET, function_with(policies))
    assert plan.statements["Main"] == ()
    assert "the condition ArnLike of aws:PrincipalArn cannot be judged here" in plan.left_out[0]
    assert "cannot be resolved" in plan.left_out[1]


def test_a_role_that_only_aws_knows_keeps_nothing_from_running(
    plan_of: Callable[..., Plan],
) -> None:
    role = """
  Elsewhere:
    Type: AWS::IAM::Role
    Properties: {RoleName: !ImportValue role}
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties: {ManagedPolicyName: !ImportValue policy, PolicyDocument: {}}
"""
    main = f"{MAIN}      Role: !ImportValue role-arn\n"
    assert plan_of(SOCKET, main, role).statements == {}
    own = function_with("[!ImportValue policy-arn]")
    assert plan_of(SOCKET, own, role).statements == {"Main": ()}


def test_policies_may_depend_on_a_condition(plan_of: Callable[..., Plan]) -> None:
    policies = """
        - Statement:
            - !If
              - Never
              - {Effect: Allow, Action: 'execute-api:*', Resource: one}
              - {Effect: Allow, Action: 'execute-api:*', NotResource: two}
            - !If [Never, {Effect: Deny, Action: '*', Resource: '*'}, !Ref AWS::NoValue]"""
    conditions = "Conditions: {Never: !Equals [a, b]}\n"
    plan = plan_of(SOCKET, function_with(policies), conditions)
    [statement] = plan.statements["Main"]
    assert statement["NotResource"] == "two"
    assert plan.left_out == ()
