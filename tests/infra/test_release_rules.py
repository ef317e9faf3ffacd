"""A release comes by aliases, is watched, and changes what is called: each rule finds its fault."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from infra.check import REGION, ROOT, broken_rules
from wsgate.template.expand import expand, read

if TYPE_CHECKING:
    from collections.abc import Callable

    Broken = Callable[..., dict[str, Any]]

WEB = {"Fn::GetAtt": ["WebFunction", "Arn"]}


@pytest.mark.parametrize(
    ("path", "to", "finding"),
    [
        pytest.param(
            ["WebFunctionAliaslive"], None, "aliased: WebFunction: has no alias", id="no alias"
        ),
        pytest.param(
            ["WebIntegration", "IntegrationUri"],
            WEB,
            "aliased: WebIntegration: IntegrationUri names WebFunction, and not its alias",
            id="route to a function",
        ),
        pytest.param(
            ["SocketApiConnectAuthorizer", "AuthorizerUri"],
            {"Fn::Sub": "arn:aws:apigateway:r:lambda:path/${AuthorizeFunction.Arn}/invocations"},
            "aliased: SocketApiConnectAuthorizer: AuthorizerUri names AuthorizeFunction, "
            "and not its alias",
            id="authorizer that is a function",
        ),
        pytest.param(
            ["WebPermission", "FunctionName"],
            {"Ref": "WebFunction"},
            "aliased: WebPermission: FunctionName names WebFunction, and not its alias",
            id="permission on a function",
        ),
        pytest.param(
            ["NewsQueueToBroadcast", "FunctionName"],
            {"Ref": "BroadcastFunction"},
            "aliased: NewsQueueToBroadcast: FunctionName names BroadcastFunction, "
            "and not its alias",
            id="queue to a function",
        ),
        pytest.param(
            ["AwardFunctionEveryMinute", "Target", "Arn"],
            {"Fn::GetAtt": ["AwardFunction", "Arn"]},
            "aliased: AwardFunctionEveryMinute: Target names AwardFunction, and not its alias",
            id="schedule of a function",
        ),
        pytest.param(
            ["ConnectFunctionDeploymentGroup", "AlarmConfiguration", "Alarms"],
            [],
            "shifted: ConnectFunction: no alarm watches its new version while clients come to it",
            id="nothing watches",
        ),
        pytest.param(
            ["ConnectVersionFails", "Dimensions"],
            [{"Name": "FunctionName", "Value": {"Ref": "ConnectFunction"}}],
            "shifted: ConnectFunction: no alarm watches its new version while clients come to it",
            id="an alarm on all versions",
        ),
        pytest.param(
            ["AuthorizeVersionFails", "AlarmDescription"],
            {"Ref": "WebFunction"},
            "shifted: AuthorizeFunction: its release waits for an alarm on WebFunction",
            id="a circle",
        ),
        pytest.param(
            ["ConnectFunction", "Environment", "Variables", "GRACE_SECONDS"],
            {"Ref": "Shift"},
            "settings: Shift: is given to a function, and is not in the settings",
            id="a value that publishes nothing",
        ),
        pytest.param(
            ["Settings", "Parameters", "Secrets"],
            {"Ref": "AlarmEmail"},
            "settings: AlarmEmail: is in the settings, and given to no function",
            id="a value that publishes for nothing",
        ),
        pytest.param(
            ["Settings", "Parameters", "Secrets"],
            {"Ref": "TicketSecret"},
            "settings: DatabaseUrl: is given to a function, and is not in the settings",
            id="a condition's parameter",
        ),
        pytest.param(
            ["ConnectFunction", "Description"],
            "Opens the session.",
            "settings: ConnectFunction: a description, its own or its version's, has no settings",
            id="a version exists",
        ),
    ],
)
def test_a_fault_is_found(broken: Broken, path: list[str], to: Any, finding: str) -> None:
    assert finding in broken_rules(broken(*path, to=to), ROOT)


def versions(**parameters: str) -> set[str]:
    expanded = expand(read(ROOT / "template.yaml"), parameters, REGION)
    resources = expanded["Resources"].items()
    return {name for name, body in resources if body["Type"] == "AWS::Lambda::Version"}


def test_what_no_version_holds_publishes_none() -> None:
    """Lambda refuses a version that is like the one before, and with it the deploy."""
    assert versions() == versions(DatabaseConnections="500", Shift="AllAtOnce")


def test_the_same_settings_have_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a stack that goes back calls its versions what they were called."""
    namer = read(ROOT / "infra" / "settings.yaml").body["Resources"]["Namer"]["Properties"]
    module: dict[str, Any] = {}
    exec(namer["Code"]["ZipFile"], module)  # noqa: S102  # Lambda does no more with it
    answers: list[dict[str, Any]] = []

    class Sent:
        def close(self) -> None:
            """As of a response."""

    def urlopen(request: urllib.request.Request, timeout: float) -> Sent:
        assert request.get_method() == "PUT"
        answers.append(json.loads(request.data))  # type: ignore[arg-type]  # bytes
        return Sent()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    event = {"RequestType": "Update", "StackId": "stack", "RequestId": "r", "ResponseURL": "http:"}
    for values in (["30", "secret"], ["30", "other"], ["30", "secret"]):
        properties = {"ResourceProperties": {"Values": values}, "LogicalResourceId": "Name"}
        module["handler"](event | properties, None)
    first, second, third = (answer["PhysicalResourceId"] for answer in answers)
    assert first == third != second
    assert {answer["Status"] for answer in answers} == {"SUCCESS"}
