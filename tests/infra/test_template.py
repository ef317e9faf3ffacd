"""What template.yaml promises to the rest of the project."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from handlers.http import HttpContainer
from handlers.web.app import application
from infra.check import ROOT, main
from infra.rules import granted
from infra.stack import Stack
from wsgate.template.expand import read

if TYPE_CHECKING:
    from pathlib import Path

SENDS = ["sqs:SendMessage on BroadcastQueue", "sqs:SendMessage on NewsQueue"]
# Whole: a line more here is a decision about what a break-in into that function is worth.
ALLOWED = {
    "MigrateFunction": [],
    "AuthorizeFunction": [],
    "ConnectFunction": [],
    "DisconnectFunction": [],
    "MessageFunction": [
        "DELETE @connections on SocketApi/live",
        "POST @connections on SocketApi/live",
        "sqs:SendMessage on BroadcastQueue",
        "sqs:SendMessage on NewsQueue",
    ],
    "BroadcastFunction": [
        "POST @connections on SocketApi/live",
        "sqs:DeleteMessage on BroadcastQueue",
        "sqs:DeleteMessage on NewsQueue",
        "sqs:GetQueueAttributes on BroadcastQueue",
        "sqs:GetQueueAttributes on NewsQueue",
        "sqs:ReceiveMessage on BroadcastQueue",
        "sqs:ReceiveMessage on NewsQueue",
        *SENDS,
    ],
    "SweepFunction": ["GET @connections on SocketApi/live"],
    "AwardFunction": SENDS,
    "WebhookFunction": [],
    "WebFunction": [
        "DELETE @connections on SocketApi/live",
        "POST @connections on SocketApi/live",
        *SENDS,
    ],
}
SECRETS = {
    "MigrateFunction": {"DATABASE_URL", "FUNCTIONS_DATABASE_URL"},
    "AuthorizeFunction": {"TICKET_SECRET"},
    "ConnectFunction": {"DATABASE_URL"},
    "DisconnectFunction": {"DATABASE_URL"},
    "MessageFunction": {"DATABASE_URL"},
    "BroadcastFunction": {"DATABASE_URL"},
    "SweepFunction": {"DATABASE_URL"},
    "AwardFunction": {"DATABASE_URL"},
    "WebhookFunction": {"DATABASE_URL"},
    "WebFunction": {"DATABASE_URL", "TICKET_SECRET", "SERVICE_TOKEN"},
}


def test_the_check_shows_what_it_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeou: 1}}}"
    )
    assert main([str(template)]) == 1
    assert re.search(r"^template\.yaml:1: E3002 .*VisibilityTimeou", capsys.readouterr().out)


def test_the_check_shows_what_sam_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "template.yaml"
    ours = (ROOT / "template.yaml").read_text()
    template.write_text(ours.replace("AuthType: CUSTOM", "AuthType: custom"))
    assert main([str(template)]) == 1
    assert "AuthType 'custom' is not one of AWS_IAM, CUSTOM or NONE" in capsys.readouterr().out


def test_each_function_may_do_exactly_this(ours: dict[str, Any]) -> None:
    stack = Stack(ours, ROOT)
    allowed = {name: sorted(granted(one, stack)) for name, one in stack.functions.items()}
    assert allowed == ALLOWED


def test_each_function_knows_only_these_secrets(ours: dict[str, Any]) -> None:
    secrets = {"DATABASE_URL", "FUNCTIONS_DATABASE_URL", "TICKET_SECRET", "SERVICE_TOKEN"}
    functions = Stack(ours, ROOT).functions.items()
    assert {name: secrets & one.environment.keys() for name, one in functions} == SECRETS


def test_secret_parameters_are_not_echoed() -> None:
    declared = read(ROOT / "template.yaml").body["Parameters"]
    hidden = {name for name, body in declared.items() if body.get("NoEcho")}
    assert hidden == {"DatabaseUrl", "OwnerDatabaseUrl", "TicketSecret", "ServiceToken"}


def test_a_short_secret_is_refused() -> None:
    declared = read(ROOT / "template.yaml").body["Parameters"]
    for name in ("TicketSecret", "ServiceToken"):
        pattern = declared[name]["AllowedPattern"]
        assert [bool(re.search(pattern, "x" * length)) for length in (0, 1, 31, 32)] == [
            True,
            False,
            False,
            True,
        ]


def test_a_ticket_secret_may_hold_the_old_key_too() -> None:
    pattern = read(ROOT / "template.yaml").body["Parameters"]["TicketSecret"]["AllowedPattern"]
    key = "".join(map(chr, range(0x21, 0x7F))).replace(",", "")
    for value in (key, f"{key},{key}"):
        assert re.search(pattern, value)
    for value in (f"{key},", f"{key},{key},{key}", f"{key} {key}", f"{key},short"):
        assert not re.search(pattern, value)


def test_a_deploy_takes_the_version_of_a_secret_that_it_is_given() -> None:
    """Else a new value alone is "No changes to deploy": the reference stays the same text."""
    text = (ROOT / "template.yaml").read_text()
    for name in ("TicketSecret", "ServiceToken"):
        reference = rf"resolve:secretsmanager:\$\{{Secrets.Outputs.{name}\}}(.*)\}}\}}\""
        found = re.findall(reference, text)
        assert found
        assert set(found) == {f":SecretString:::${{{name}Version}}"}


def test_a_ticket_key_is_accepted_before_it_signs(ours: dict[str, Any]) -> None:
    """By all that check tickets: an alias is moved when its shift is over."""
    assert ours["Resources"]["WebFunction"]["DependsOn"] == "AuthorizeFunctionAliaslive"


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_each_stage_is_a_stack_of_its_own(stage: str) -> None:
    """`sam deploy --config-env` takes nothing from the default environment."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    deploys = config[stage]["deploy"]["parameters"]
    assert config[stage]["global"]["parameters"] == {"stack_name": f"headcount-{stage}"}
    assert config["default"]["deploy"]["parameters"].items() <= deploys.items()
    assert f"stage={stage}" in deploys["tags"]
    names = {one.partition("=")[0] for one in deploys.get("parameter_overrides", [])}
    assert names <= read(ROOT / "template.yaml").body["Parameters"].keys()


def test_ping_answers_with_the_time(ours: dict[str, Any]) -> None:
    mock = ours["Resources"]["SocketApiPingIntegration"]["Properties"]
    answer = ours["Resources"]["SocketApiPingIntegrationResponse"]["Properties"]
    request = json.loads(mock["RequestTemplates"][mock["TemplateSelectionExpression"]])
    assert re.search(answer["IntegrationResponseKey"].strip("/"), str(request["statusCode"]))
    frame = answer["ResponseTemplates"][answer["TemplateSelectionExpression"]]
    assert json.loads(frame.replace("$context.requestTimeEpoch", "1767225600123")) == {
        "type": "pong",
        "server_now": 1767225600123,
    }


def test_pings_of_all_clients_leave_nine_tenths_of_the_account(ours: dict[str, Any]) -> None:
    """No function counts them; the quota is docs/aws-behaviour.md §12.2 of wsgate."""
    settings = ours["Resources"]["SocketApiliveStage"]["Properties"]["RouteSettings"]
    assert settings.keys() == {"ping"}
    assert settings["ping"]["ThrottlingRateLimit"] == {"Ref": "PingsPerSecond"}
    assert settings["ping"]["ThrottlingBurstLimit"] == 1000
    assert read(ROOT / "template.yaml").body["Parameters"]["PingsPerSecond"]["Default"] == 1000


def test_a_route_with_settings_of_its_own_is_there_before_the_stage(ours: dict[str, Any]) -> None:
    """CloudFormation orders by references, and API Gateway refuses settings of an unknown route."""
    resources = ours["Resources"]
    stage = resources["SocketApiliveStage"]["Properties"]
    routes = {
        body["Properties"]["RouteKey"]: {"Ref": name}
        for name, body in resources.items()
        if body["Type"] == "AWS::ApiGatewayV2::Route"
    }
    for key in stage["RouteSettings"]:
        assert routes[key] in stage["StageVariables"].values()


def test_the_door_has_a_lock(ours: dict[str, Any]) -> None:
    route = ours["Resources"]["SocketApiConnectRoute"]["Properties"]
    assert route["AuthorizationType"] == "CUSTOM"
    assert route["AuthorizerId"] == {"Ref": "SocketApiConnectAuthorizer"}


def test_no_log_shows_the_ticket(ours: dict[str, Any]) -> None:
    stage = ours["Resources"]["SocketApiliveStage"]["Properties"]
    settings = stage["DefaultRouteSettings"]
    for one in (settings, *stage["RouteSettings"].values()):
        assert (one["LoggingLevel"], one["DataTraceEnabled"]) == ("OFF", False)
    access = json.loads(stage["AccessLogSettings"]["Fn::If"][1]["Format"])
    assert not any("querystring" in text or "ticket" in text for text in access.values())


def test_with_a_database_given_nothing_needs_another_stack(ours: dict[str, Any]) -> None:
    conditions = ours["Conditions"]
    for name in ("Network", "Database"):
        assert ours["Resources"][name]["Condition"] == "OwnsDatabase"
    assert conditions["OwnsDatabase"] == {"Fn::Equals": [{"Ref": "DatabaseUrl"}, ""]}


def api_patterns() -> list[str]:
    hosting = read(ROOT / "infra" / "pages.yaml").body["Resources"]["Distribution"]["Properties"]
    behaviours = hosting["DistributionConfig"]["CacheBehaviors"]
    return [behaviour["PathPattern"] for behaviour in behaviours]


def test_the_pages_host_leads_every_api_path_to_the_api() -> None:
    app = application(HttpContainer())
    pages = [route.path for route in app.routes if hasattr(route, "path")]
    paths = [*app.openapi()["paths"], *pages]
    patterns = api_patterns()
    assert [p for p in paths if not any(fnmatchcase(p, pattern) for pattern in patterns)] == []


def test_the_pages_host_leads_no_page_to_the_api() -> None:
    """A file bonuses.js would match /bonuses*."""
    mounts = {"": ROOT / "pages", "/client": ROOT / "client"}
    pages = [
        f"{path}/{file.relative_to(folder)}"
        for path, folder in mounts.items()
        for file in folder.rglob("*")
    ]
    assert "/index.html" in pages
    assert "/client/src/headcount.js" in pages
    patterns = api_patterns()
    assert [p for p in pages if any(fnmatchcase(p, pattern) for pattern in patterns)] == []
