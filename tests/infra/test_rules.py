"""Each rule finds the one fault it is there for, and nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.check import ROOT, broken_rules
from infra.stack import Function, literal_end, mentions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Broken = Callable[..., dict[str, Any]]

QUEUE = {"Fn::GetAtt": ["BroadcastQueue", "Arn"]}


def test_ours_breaks_no_rule(ours: dict[str, Any]) -> None:
    assert broken_rules(ours, ROOT) == []


@pytest.mark.parametrize(
    ("path", "to", "finding"),
    [
        pytest.param(
            ["SocketApiHelloPermission"],
            None,
            "permissions: MessageFunction: no AWS::Lambda::Permission lets SocketApi call it "
            "for /live/hello",
            id="route without permission",
        ),
        pytest.param(
            ["WebPermission", "SourceArn"],
            {"Fn::Sub": "arn:aws:execute-api:r:a:${WebApi}/live/$default"},
            "permissions: WebFunction: no AWS::Lambda::Permission lets WebApi call it "
            "for /$default/$default",
            id="permission for another stage",
        ),
        pytest.param(
            ["SocketApiHelloPermission", "SourceArn"],
            {"Fn::Sub": "arn:aws:execute-api:r:a:${WebApi}/live/hello"},
            "permissions: MessageFunction: no AWS::Lambda::Permission lets SocketApi call it "
            "for /live/hello",
            id="permission for another API",
        ),
        pytest.param(
            ["SocketApiAuthorizerPermission"],
            None,
            "permissions: AuthorizeFunction: no AWS::Lambda::Permission lets SocketApi call it "
            "for /authorizers/SocketApiConnectAuthorizer",
            id="authorizer without permission",
        ),
        pytest.param(
            ["WebIntegration", "TimeoutInMillis"],
            29_001,
            "timeouts: WebIntegration: TimeoutInMillis 29001 is above 29000",
            id="integration waits too long",
        ),
        pytest.param(
            ["WebFunction", "Timeout"],
            30,
            "timeouts: WebFunction: runs on after WebIntegration has stopped waiting",
            id="function outlives its integration",
        ),
        pytest.param(
            ["SocketApiPingRoute", "RouteKey"],
            "HELLO",
            "route_keys: route hello: 2 routes differ by case alone",
            id="route keys differ by case",
        ),
        pytest.param(
            ["SocketApiPingRoute", "RouteKey"],
            "ping-pong",
            "route_keys: route ping-pong: SAM takes letters and digits only",
            id="route key with a dash",
        ),
        pytest.param(
            ["SocketApiHelloRouteResponse"],
            None,
            "two_way: SocketApiHelloRoute: has no AWS::ApiGatewayV2::RouteResponse, "
            "so nothing reaches the client",
            id="route without response",
        ),
        pytest.param(
            ["SocketApiPingIntegrationResponse"],
            None,
            "two_way: SocketApiPingIntegration: has no AWS::ApiGatewayV2::IntegrationResponse "
            "to answer with",
            id="mock without response",
        ),
        pytest.param(
            ["SweepFunction", "Handler"],
            "handlers.sweep.handle_it",
            "handlers: SweepFunction: sweep.py does not define handle_it",
            id="handler without attribute",
        ),
        pytest.param(
            ["BroadcastFunctionRole", "Policies"],
            [],
            "grants: BroadcastFunction: may not POST @connections on SocketApi/live, and does",
            id="push may not push",
        ),
        pytest.param(
            ["ConnectFunctionRole", "Policies"],
            [{"PolicyDocument": {"Statement": {"Action": "sqs:SendMessage", "Resource": QUEUE}}}],
            "grants: ConnectFunction: may sqs:SendMessage on BroadcastQueue, and never does",
            id="more than it does",
        ),
        pytest.param(
            ["ConnectFunctionRole", "ManagedPolicyArns"],
            ["arn:aws:iam::aws:policy/AmazonSQSFullAccess"],
            "grants: ConnectFunction: may all of arn:aws:iam::aws:policy/AmazonSQSFullAccess, "
            "and never does",
            id="a managed policy",
        ),
        pytest.param(
            ["BroadcastQueue", "VisibilityTimeout"],
            359,
            "visibility: BroadcastQueue: VisibilityTimeout 359 is below 360, "
            "six times BroadcastFunction's",
            id="message seen again too early",
        ),
        pytest.param(
            ["BroadcastQueue", "VisibilityTimeout"],
            None,
            "visibility: BroadcastQueue: VisibilityTimeout 30 is below 360, "
            "six times BroadcastFunction's",
            id="visibility by default",
        ),
        pytest.param(
            ["ConnectFunction", "Environment", "Variables", "GRACE_SECONDS"],
            None,
            "environment: ConnectFunction: reads GRACE_SECONDS, and is not given it",
            id="variable missing",
        ),
        pytest.param(
            ["ConnectFunction", "Environment", "Variables", "TICKET_SECRET"],
            "x",
            "environment: ConnectFunction: is given TICKET_SECRET, and never reads it",
            id="secret that is never read",
        ),
        pytest.param(
            ["ConnectFunction", "Tags"],
            None,
            "migrated_first: ConnectFunction: refers to none of ['Migrations'], and so does not "
            "wait for it",
            id="function that changes before the schema",
        ),
    ],
)
def test_a_fault_is_found(broken: Broken, path: list[str], to: Any, finding: str) -> None:
    assert finding in broken_rules(broken(*path, to=to), ROOT)


def test_what_costs_is_not_kept_by_a_first_deploy_that_fails(ours: dict[str, Any]) -> None:
    """The network has gateways by the hour, the database its instances."""
    network = {"Network": ours["Resources"]["Network"] | {"DeletionPolicy": "Retain"}}
    found = broken_rules(ours | {"Resources": ours["Resources"] | network}, ROOT)
    assert found == [
        "kept: Network: Retain keeps it when a first deploy fails: RetainExceptOnCreate"
    ]


def test_a_star_is_never_what_a_function_needs(broken: Broken) -> None:
    statement = {"Action": "sqs:SendMessage", "Resource": "*"}
    policies = [{"PolicyDocument": {"Statement": [statement]}}]
    assert broken_rules(broken("AwardFunctionRole", "Policies", to=policies), ROOT) == [
        "grants: AwardFunction: may not sqs:SendMessage on BroadcastQueue, and does",
        "grants: AwardFunction: may not sqs:SendMessage on NewsQueue, and does",
        "grants: AwardFunction: may sqs:SendMessage on *, and never does",
    ]


def test_another_stage_is_not_ours_to_push_to(broken: Broken) -> None:
    arn = {"Fn::Sub": "arn:aws:execute-api:r:a:${SocketApi}/test/POST/@connections/*"}
    statement = {"Action": "execute-api:ManageConnections", "Resource": arn}
    policies = [{"PolicyDocument": {"Statement": statement}}]
    assert broken_rules(broken("MessageFunctionRole", "Policies", to=policies), ROOT) == [
        "grants: MessageFunction: may not DELETE @connections on SocketApi/live, and does",
        "grants: MessageFunction: may not POST @connections on SocketApi/live, and does",
        "grants: MessageFunction: may not sqs:SendMessage on BroadcastQueue, and does",
        "grants: MessageFunction: may not sqs:SendMessage on NewsQueue, and does",
        "grants: MessageFunction: may POST @connections on SocketApi/test, and never does",
    ]


def test_a_wildcard_permission_covers_each_route(broken: Broken) -> None:
    arn = {"Fn::Sub": "arn:aws:execute-api:r:a:${SocketApi}/live/*"}
    assert broken_rules(broken("SocketApiHelloPermission", "SourceArn", to=arn), ROOT) == []


def test_a_handler_without_a_file_is_found(ours: dict[str, Any], tmp_path: Path) -> None:
    finding = "handlers: SweepFunction: handlers.sweep.handler has no file sweep.py"
    assert finding in broken_rules(ours, tmp_path)


def test_what_a_handler_newly_uses_must_be_told(ours: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "sweep.py").write_text("handler = lambda: container.mail.send()\n")
    finding = "SweepFunction: uses container.mail, and infra/rules.py does not know what that needs"
    assert f"handlers: {finding}" in broken_rules(ours, tmp_path)


def test_what_a_part_of_a_handler_uses_must_be_told_too(
    ours: dict[str, Any], tmp_path: Path
) -> None:
    handlers = tmp_path / "handlers"
    handlers.mkdir()
    (handlers / "services").mkdir()
    (handlers / "sweep.py").write_text("from handlers.services.cleanup import Run\nhandler = 1\n")
    (handlers / "services" / "cleanup.py").write_text("from handlers.services import letters\n")
    (handlers / "services" / "letters.py").write_text("self._gateway.mail()\ncontainer.mail.send()")
    finding = "SweepFunction: uses container.mail, and infra/rules.py does not know what that needs"
    found = broken_rules(ours, tmp_path)
    assert f"handlers: {finding}" in found
    assert f"handlers: {finding.replace('container', 'gateway')}" in found


def test_what_is_imported_for_types_only_is_not_used(ours: dict[str, Any], tmp_path: Path) -> None:
    handlers = tmp_path / "handlers"
    (handlers / "services").mkdir(parents=True)
    code = "if TYPE_CHECKING:\n    from handlers.services import letters\nhandler = 1\n"
    (handlers / "sweep.py").write_text(code)
    (handlers / "services" / "letters.py").write_text("container.mail.send()\n")
    assert not any("container.mail" in finding for finding in broken_rules(ours, tmp_path))


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ({"Ref": "Queue"}, {"Queue"}),
        ({"Ref": "AWS::Region"}, set()),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, {"Queue"}),
        ({"Fn::GetAtt": "Queue.Arn"}, {"Queue"}),
        ({"Fn::Sub": "${AWS::Region}/${Api}/${Api.ApiId}/${!Kept}"}, {"Api"}),
        ({"Fn::Sub": ["${Arn}/${Api}", {"Arn": {"Ref": "Web"}}]}, {"Api", "Web"}),
        ({"Fn::Join": ["/", ["integrations", {"Ref": "Hello"}]]}, {"Hello"}),
        ("${Text}", set()),
    ],
)
def test_an_expression_mentions_resources(expression: Any, names: set[str]) -> None:
    assert mentions(expression) == names


@pytest.mark.parametrize(
    ("arn", "end"),
    [
        ("arn:aws:sqs:::q", "arn:aws:sqs:::q"),
        ({"Fn::Sub": "arn:${Api}/live/hello"}, "/live/hello"),
        ({"Fn::Sub": ["arn:${Api}/*", {}]}, "/*"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, ""),
    ],
)
def test_an_arn_ends_in_words(arn: Any, end: str) -> None:
    assert literal_end(arn) == end


def test_a_container_in_an_object_is_the_container(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text("class Run:\n    def go(self): self.container.queue.send()")
    function = Function("Run", {"Handler": "run.handler"}, {}, tmp_path)
    assert "container.queue" in function.expressions
