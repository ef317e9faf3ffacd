"""From a template to a plan, and the sentence for each template that cannot run here."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from templates import HEAD, MAIN, SAMPLES, SOCKET, read
from wsgate.model.plan import (
    Authorizer,
    FailingIntegration,
    FunctionIntegration,
    IntegrationResponse,
    MockIntegration,
    Plan,
    QueueTrigger,
)
from wsgate.model.timing import Once, Rate, parse
from wsgate.template.load import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def environment_of(plan_of: Callable[..., Plan]) -> Callable[..., dict[str, str]]:
    """Load a template whose function has these variables, and return them resolved."""

    def environment(variables: str, above: str = "", more: str = "", **parameters: str) -> Any:
        main = f"{MAIN}      Environment: {{Variables: {{{variables}}}}}\n"
        plan = plan_of(HEAD, above, "Resources:", SOCKET, main, more, **parameters)
        return plan.functions["Main"].environment

    return environment


def function_of(integration: FunctionIntegration | FailingIntegration) -> str:
    assert isinstance(integration, FunctionIntegration)
    return integration.function


# ---- a whole template


@pytest.mark.parametrize("form", ["sam.yaml", "raw.yaml"])
def test_sam_and_raw_resources_make_the_same_routes(form: str) -> None:
    socket = read(SAMPLES / form).websocket
    main, limit = "Main", timedelta(seconds=29)
    assert {key: (route.integration, route.two_way) for key, route in socket.routes.items()} == {
        "$connect": (FunctionIntegration(main, limit), False),
        "act": (FunctionIntegration(main, timedelta(seconds=5)), True),
        "half": (FunctionIntegration(main, limit), False),
        "ping": (
            MockIntegration(
                template_selection="200",
                templates={"200": '{"statusCode":200}'},
                responses=(IntegrationResponse("/200/", "200", {"200": '{"type":"pong"}'}),),
                timeout=limit,
            ),
            True,
        ),
    }
    assert socket.authorizer == Authorizer("Gate", ("route.request.querystring.ticket",))
    assert (socket.stage, socket.selection_expression) == ("live", "$request.body.action")
    assert socket.stage_variables == {"color": "blue"}
    assert re.fullmatch(r"[a-z0-9]{10}", socket.api_id)


@pytest.mark.parametrize("form", ["sam.yaml", "raw.yaml"])
def test_sam_and_raw_resources_make_the_same_http_api(form: str) -> None:
    http = read(SAMPLES / form).http
    assert http is not None
    assert (http.stage, {key: function_of(route) for key, route in http.routes.items()}) == (
        "$default",
        {"GET /users/{id}": "web-blue", "ANY /any": "web-blue", "$default": "web-blue"},
    )


@pytest.mark.parametrize("form", ["sam.yaml", "raw.yaml"])
def test_sam_and_raw_resources_make_the_same_triggers(form: str) -> None:
    plan = read(SAMPLES / form)
    assert plan.queue_triggers == (
        QueueTrigger("Jobs", "Main", 5, timedelta(seconds=1), reports_item_failures=True),
    )
    assert [(run.function, run.timing, run.payload, run.source) for run in plan.schedules] == [
        ("Main", Rate(timedelta(hours=2)), '{"a":1}', "aws.events"),
        ("Main", Rate(timedelta(minutes=1)), None, "aws.scheduler"),
    ]


def test_functions_have_what_globals_and_they_themselves_say() -> None:
    functions = read(SAMPLES / "sam.yaml").functions
    assert set(functions) == {"Main", "Gate", "web-blue"}
    main, web = functions["Main"], functions["web-blue"]
    assert (main.code, main.handler) == (SAMPLES / "app", "functions.echo")
    assert (main.timeout, main.memory_mb) == (timedelta(seconds=10), 128)
    assert (web.timeout, web.memory_mb) == (timedelta(seconds=3), 512)
    assert (main.log_format, main.log_level) == ("JSON", "WARN")


def test_environments_are_resolved_and_merged() -> None:
    plan = read(SAMPLES / "sam.yaml")
    functions, api_id = plan.functions, plan.websocket.api_id
    assert functions["Gate"].environment == {"SHARED": "yes"}
    assert functions["Main"].environment == {
        "SHARED": "own",
        "SECRET": "s",
        "QUEUE": "http://127.0.0.1:5000/000000000000/Jobs",
        "SOCKET": f"wss://{api_id}.execute-api.us-east-1.amazonaws.com/live",
        "NUMBER": "30",
        "FLAG": "true",
    }


def test_queues_know_their_dead_letters() -> None:
    queues = read(SAMPLES / "sam.yaml").queues
    jobs = queues["Jobs"]
    assert (jobs.dead_letters, jobs.max_receives) == ("lost-jobs", 5)
    assert jobs.visibility_timeout == timedelta(seconds=60)
    assert queues["lost-jobs"].url == "http://127.0.0.1:5000/000000000000/lost-jobs"


def test_loading_leaves_the_process_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "that-does-not-exist")
    before = dict(os.environ)
    read(SAMPLES / "sam.yaml")
    assert dict(os.environ) == before


def test_ids_are_the_same_every_time() -> None:
    one, two = (read(SAMPLES / "sam.yaml").websocket.api_id for _ in range(2))
    assert one == two


# ---- intrinsic functions


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref Word", "red"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref Main", "Main"),
        ("!GetAtt Main.Arn", "arn:aws:lambda:us-east-1:000000000000:function:Main"),
        ("{'Fn::GetAtt': [Jobs, Arn]}", "arn:aws:sqs:us-east-1:000000000000:Jobs"),
        ("!GetAtt Jobs.QueueName", "Jobs"),
        ("!Sub '${Word}-${!Word}-${Jobs.QueueName}'", "red-${Word}-Jobs"),
        ("!Sub ['${Word}-${Own}', {Own: !Ref Word, Word: blue}]", "blue-red"),
        ("!Join ['/', [a, !Ref Word, 3]]", "a/red/3"),
        ("!Join ['+', !Ref Words]", "x+y+z"),
        ("!Select [1, !Ref Words]", "y"),
        ("!Select [2, !Split ['.', a.b.c]]", "c"),
        ("!If [IsRed, yes it is, !GetAtt Absent.Arn]", "yes it is"),
        ("!If [Never, !GetAtt Absent.Arn, no]", "false"),
        ("!FindInMap [Sizes, !Ref Word, small]", "7"),
        ("!Base64 abc", "YWJj"),
        ("!Ref Table", "people"),
        ("!GetAtt Table.Arn", "arn:aws:dynamodb:us-east-1:000000000000:table/people"),
        ("2026", "2026"),
    ],
)
def test_an_intrinsic_function_has_its_value(
    environment_of: Callable[..., dict[str, str]], expression: str, value: str
) -> None:
    above = """
Parameters:
  Word: {Type: String, Default: red}
  Words: {Type: CommaDelimitedList, Default: "x, y,z"}
Mappings: {Sizes: {red: {small: 7}}}
Conditions:
  IsRed: !Equals [!Ref Word, red]
  Never: !And [!Condition IsRed, !Not [!Or [!Condition IsRed, !Equals [1, 2]]]]
"""
    more = """
  Jobs: {Type: AWS::SQS::Queue}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: people}}
"""
    assert environment_of(f"X: {expression}", above, more) == {"X": value}


def test_no_value_takes_the_variable_away(
    environment_of: Callable[..., dict[str, str]],
) -> None:
    assert environment_of("X: !Ref AWS::NoValue, Y: here") == {"Y": "here"}


def test_a_resource_whose_condition_is_false_does_not_exist(plan_of: Callable[..., Plan]) -> None:
    above = "Conditions: {Gone: !Equals [a, b]}\nResources:"
    off = "\n  Jobs: {Type: AWS::SQS::Queue, Condition: Gone}\n"
    assert plan_of(HEAD, above, SOCKET, MAIN, off).queues == {}


def test_without_its_route_response_a_route_is_one_way(plan_of: Callable[..., Plan]) -> None:
    above = "Conditions: {Gone: !Equals [a, b]}\nResources:"
    socket = SOCKET.replace("Main.Arn}", "Main.Arn, RouteResponseSelectionExpression: $default}")
    answer = """
  Answer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref SocketDefaultRoute, RouteResponseKey: $default}
"""
    with_it = plan_of(HEAD, above, socket, MAIN, answer)
    without = plan_of(
        HEAD, above, socket, MAIN, answer.replace("Prop", "Condition: Gone\n    Prop")
    )
    assert with_it.websocket.routes["$default"].two_way
    assert not without.websocket.routes["$default"].two_way


# ---- refusals


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (
            "!GetAtt Database.Outputs.Url",
            "Main.Environment.Variables.URL the nested stack Database is missing. Let a parameter",
        ),
        ("!Ref Pool", "!Ref Pool is not known here (AWS::Cognito::UserPool is not emulated)"),
        ("!Ref Absent", "!Ref Absent is neither a parameter nor a resource of the template"),
        ("!Ref Gone", "!Ref Gone is a resource whose condition is false"),
        ("!ImportValue Shared", "!ImportValue Shared belongs to another stack"),
        ("'{{resolve:ssm:/a}}'", "{{resolve:ssm:/a}} is a secret or parameter that AWS keeps"),
        ("!Select [3, [a]]", "asks for more than the list holds"),
        ("!FindInMap [A, b, c]", "is not in Mappings"),
        ("!If [Nowhere, a, b]", "the condition Nowhere does not exist"),
        ("!Shout us-east-1", "!Shout us-east-1 is not a function that wsgate knows"),
        ("!Sub '${Unknown}'", "!Ref Unknown is neither a parameter nor a resource"),
    ],
)
def test_a_variable_that_only_aws_knows_is_not_set_and_told(
    plan_of: Callable[..., Plan], expression: str, words: str
) -> None:
    main = f"{MAIN}      Environment:\n        Variables:\n          URL: {expression}\n"
    more = """
  Database: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: infra/database.yaml}}
  Pool: {Type: AWS::Cognito::UserPool}
  Gone: {Type: AWS::SQS::Queue, Condition: Never}
"""
    above = "Conditions: {Never: !Equals [a, b]}\nResources:"
    plan = plan_of(HEAD, above, SOCKET, main, more)
    assert plan.functions["Main"].environment == {}
    # The head, the conditions and seven lines of the socket API stand above the function.
    [told] = [line for line in plan.left_out if "yaml:19: Main.Environment.Variables.URL " in line]
    assert words in told
    assert told.endswith("; until then the variable is not set.")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("expression", "ending"),
    [
        ("!GetAtt NoQueue.Arn", "asks for NoQueue, which is not a resource of the template"),
        ("!Ref Absent", "!Ref Absent is neither a parameter nor a resource of the template"),
        ("!FindInMap [A, b, c]", "!FindInMap ['A', 'b', 'c'] is not in Mappings"),
        ("!If [Nowhere, a, b]", "the condition Nowhere does not exist"),
        ("!Shout us-east-1", "!Shout us-east-1 is not a function that wsgate knows"),
        ("!Join [a]", "!Join ['a'] does not have the arguments it needs"),
    ],
)
def test_what_is_a_mistake_on_aws_too_comes_without_advice(
    plan_of: Callable[..., Plan], expression: str, ending: str
) -> None:
    main = f"{MAIN}      Environment: {{Variables: {{URL: {expression}}}}}\n"
    [told] = plan_of(HEAD, "Resources:", SOCKET, main).left_out
    assert told.endswith(f"{ending}; until then the variable is not set.")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (
            "!Equals [!Ref NoSuchThing, a]",
            "the condition Odd cannot be judged: "
            "!Ref NoSuchThing is neither a parameter nor a resource of the template",
        ),
        (
            "!Not [!Equals [!Sub '${Main}', a]]",
            "the condition Odd cannot be judged: "
            "!Ref Main is a resource, and a condition may only ask parameters",
        ),
        ("!Equals [[], a]", "the condition Odd cannot be judged: !Equals [[], 'a'] is not a"),
        ("!Ref NoSuchThing", "the condition Odd cannot be judged: !Ref NoSuchThing is not a"),
        ("{Condition: Odd}", "the condition Odd cannot be judged: the condition Odd refers to"),
        ("{Condition: Nowhere}", "the condition Odd cannot be judged: the condition Nowhere does"),
    ],
)
def test_a_condition_that_cannot_be_judged_is_named_with_its_line(
    told_of: Callable[..., str], condition: str, words: str
) -> None:
    above = f"Conditions:\n  Shut: {{Condition: Odd}}\n  Odd: {condition}\nResources:"
    late = "\n  Late: {Type: AWS::SQS::Queue, Condition: Shut}\n"
    told = told_of(HEAD, above, SOCKET, MAIN, late)
    assert told.startswith(f"template.yaml:4: {words}")
    assert "; until then Late is missing." in told


def test_a_condition_that_is_not_there_is_named_with_who_asks(
    told_of: Callable[..., str],
) -> None:
    late = "\n  Late: {Type: AWS::SQS::Queue, Condition: Shut}\n"
    assert told_of(HEAD, "Resources:", SOCKET, MAIN, late).endswith(
        "Late depends on a condition: the condition Shut does not exist; "
        "until then Late is missing."
    )


# ---- warnings


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\ndef handler(:\n", "app.py:2: invalid syntax"),
        ("x = '\0'", "source code string cannot contain null bytes"),
        ("# coding: no-such-code", "unknown encoding"),
    ],
)
def test_a_handler_that_is_no_python_is_warned_of_once_and_not_run(
    plan_of: Callable[..., Plan], tmp_path: Path, code: str, words: str
) -> None:
    (tmp_path / "code" / "app.py").write_text(code)
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, MAIN.replace("Main", "Other"))
    assert set(plan.functions) == {"Main", "Other"}
    [line] = plan.warnings
    assert "Main.Handler is 'app.handler', and will fail with each event: " in line
    assert words in line
    assert "\n" not in line


def test_a_handler_is_compiled_and_not_imported(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    (tmp_path / "code" / "app.py").write_text(r"""raise SystemExit("\.")""")
    assert plan_of(HEAD, "Resources:", SOCKET, MAIN).warnings == ()


def test_a_variable_of_globals_is_named_with_its_own_line(told_of: Callable[..., str]) -> None:
    above = (
        "Globals:\n  Function:\n    Environment:\n      Variables:\n        A: !Ref No\nResources:"
    )
    told = told_of(HEAD, above, SOCKET, MAIN)
    assert told.startswith("template.yaml:6: Main.Environment.Variables.A !Ref No is neither")


@pytest.mark.parametrize(
    ("found", "instead", "words"),
    [
        ("python3.13", "nodejs22.x", "Main.Runtime is 'nodejs22.x', and wsgate itself"),
        ("CodeUri: code", "CodeUri: gone", "Main.CodeUri is 'gone', which is neither a"),
        ("CodeUri: code", "CodeUri: s3://bucket/key", "Main.CodeUri must be a folder or a .zip"),
        ("app.handler", "other.handler", "Main.Handler is 'other.handler', but code has no module"),
        ("app.handler", "app.deep.handler", "Main.Handler is 'app.deep.handler', but code has no"),
        ("app.handler", "handler", "Main.Handler is 'handler', and must be module.callable"),
        ("Handler: app", "Timeout: 901\n      Handler: app", "Main.Timeout is 901, and must be"),
        ("Handler: app", "Timeout: no\n      Handler: app", "Main.Timeout must be a whole number"),
    ],
)
def test_a_function_that_cannot_run_is_named(
    refusal_of: Callable[..., str], found: str, instead: str, words: str
) -> None:
    refusal = refusal_of(HEAD, "Resources:", SOCKET, MAIN.replace(found, instead))
    assert re.match(r"template\.yaml:\d+: ", refusal)
    assert words in refusal


def test_a_template_without_a_websocket_api_is_refused(refusal_of: Callable[..., str]) -> None:
    refusal = refusal_of(HEAD, "Resources:", MAIN)
    assert refusal.startswith("template.yaml: the template has no WebSocket API: ")


def test_two_functions_of_one_name_are_refused(refusal_of: Callable[..., str]) -> None:
    second = MAIN.replace("Main:", "Other:") + "      FunctionName: Main\n"
    refusal = refusal_of(HEAD, "Resources:", SOCKET, MAIN, second)
    assert refusal == "template.yaml: two functions have the same FunctionName."


def test_a_name_that_refers_to_itself_is_refused(refusal_of: Callable[..., str]) -> None:
    main = MAIN + "      FunctionName: !Sub '${Main}-again'\n"
    assert refusal_of(HEAD, "Resources:", SOCKET, main).endswith("a name that refers to itself.")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [", "the template is not valid YAML: line 1, column 5: "),
        ("a: b: c", "the template is not valid YAML: line 1, column 5: mapping values are not"),
        ("", "the template has no Resources section."),
        ("just text", "the template has no Resources section."),
        ("Resources: []", "the template has no Resources section."),
        ("x: " + "y" * 1024 * 1024, "a template has at most 1 MB."),
    ],
)
def test_a_file_that_is_no_template_is_refused(
    refusal_of: Callable[..., str], content: str, words: str
) -> None:
    assert refusal_of(content).startswith(f"template.yaml: {words}")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="the template cannot be read: No such file"):
        read(tmp_path / "template.yaml")


TODAY = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters: {Since: {Type: String, Default: 2020-01-01}}
Mappings: {Since: {"2020-01-01": {Word: 2020-01-02}}}
Metadata: {Made: 2020-01-03}
Resources:
"""
POLICY = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}
"""


def test_a_template_with_dates_everywhere_runs(plan_of: Callable[..., Plan]) -> None:
    main = f"""{MAIN}      Role: !GetAtt Role.Arn
      Description: 2020-01-04
      Environment:
        Variables:
          DAY_A: 2020-01-05
          DAY_B: !Ref Since
          DAY_C: !FindInMap [Since, !Ref Since, Word]
          DAY_D: !Sub ["${{x}}T00:00", {{x: 2020-01-06}}]
          DAY_E: !Join ["/", [2020-01-07, 2020-01-08 10:00:00]]
      Policies:
        - Version: 2012-10-17
          Statement: [{{Effect: Allow, Action: "execute-api:ManageConnections", Resource: "*"}}]
"""
    plan = plan_of(TODAY, SOCKET, main, POLICY)
    assert plan.warnings == ()
    assert plan.functions["Main"].environment == {
        "DAY_A": "2020-01-05",
        "DAY_B": "2020-01-01",
        "DAY_C": "2020-01-02",
        "DAY_D": "2020-01-06T00:00",
        "DAY_E": "2020-01-07/2020-01-08 10:00:00",
    }


def test_what_cloudformation_refuses_in_the_text_runs_with_a_warning(
    plan_of: Callable[..., Plan],
) -> None:
    numbers = "Mappings:\n  Accounts:\n    123456789012: {Stage: live}\nResources:"
    found = "!FindInMap [Accounts, 123456789012, Stage]"
    main = f"{MAIN}      Environment: {{Variables: {{STAGE: {found}}}}}"
    plan = plan_of(HEAD, numbers, SOCKET, f"{main}\n      Description: ~\n")
    assert plan.functions["Main"].environment == {"STAGE": "live"}
    assert [
        re.sub(r".*template\.yaml:(\d+): (\S+ \S+ \S+).*", r"\1 \2", line) for line in plan.warnings
    ] == [
        "20 Description has no",
        "4 the key 123456789012",
    ]


def test_aliases_are_warned_of_where_no_tool_writes_them_out(
    plan_of: Callable[..., Plan],
) -> None:
    raw = (SAMPLES / "raw.yaml").read_text().replace("Code: app", "Code: code")
    raw = raw.replace("functions.echo", "app.handler").replace("functions.web", "app.handler")
    anchored = raw.replace("Handler: app.handler", "Handler: &handler app.handler", 1)
    aliased = anchored.replace("Handler: app.handler", "Handler: *handler")
    warned = plan_of(aliased).warnings
    assert [line for line in warned if "YAML aliases" in line]
    assert not [line for line in plan_of(HEAD, aliased).warnings if "YAML aliases" in line]


def test_what_sam_refuses_is_told_line_by_line(refusal_of: Callable[..., str]) -> None:
    socket = SOCKET.replace("StageName: live", "StageName: live\n      Colour: blue")
    route = socket.replace("{$default:", "{push-it:")
    refusal = refusal_of(HEAD, "Resources:", route, MAIN)
    assert refusal.startswith("template.yaml: the template has no WebSocket API: ")
    assert "\n  - template.yaml:3: SAM refuses the template: " in refusal
    assert "[Socket]" in refusal


def test_what_sam_cannot_read_is_one_sentence(
    refusal_of: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    event = "      Events: {Get: {Type: HttpApi, Properties: {Path: /a, Method: get}}}\n"
    refusal = refusal_of(HEAD, "Globals: text\nResources:", SOCKET, MAIN, event)
    assert refusal.startswith("template.yaml: SAM ")
    assert (caplog.messages, "\n" in refusal) == ([], False)


def test_a_resource_of_the_wrong_shape_is_refused(refusal_of: Callable[..., str]) -> None:
    assert "Resources" in refusal_of(HEAD, "Resources:", SOCKET, MAIN, "\n  Odd: text\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "IntegrationType: VPC\n      IntegrationUri: x",
            "is VPC, and must be AWS, AWS_PROXY, HTTP, HTTP_PROXY or MOCK",
        ),
        (
            "IntegrationType: AWS_PROXY\n      IntegrationUri: !Ref Main",
            "SlowIntegration.IntegrationUri does not point to a function of this template",
        ),
        (
            "IntegrationType: MOCK\n      TimeoutInMillis: 29001",
            "TimeoutInMillis is 29001, and must be from 50 to 29000",
        ),
    ],
)
def test_an_integration_that_cannot_run_is_named(
    told_of: Callable[..., str], change: str, words: str
) -> None:
    more = f"""
  SlowRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Socket
      RouteKey: slow
      Target: !Sub integrations/${{SlowIntegration}}
  SlowIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Socket
      {change}
"""
    assert words in told_of(HEAD, "Resources:", SOCKET, MAIN, more)


CRON = """
  Nightly:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: cron(0 3 * * ? *)
      State: STATE
      Targets: [{Id: a, Arn: !GetAtt Main.Arn}]
"""


def test_a_disabled_schedule_is_no_news(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, CRON.replace("STATE", "DISABLED"))
    assert (plan.schedules, plan.left_out) == ((), ())


def test_a_rate_that_is_none_is_told(told_of: Callable[..., str]) -> None:
    schedule = CRON.replace("cron(0 3 * * ? *)", "rate(0 minutes)")
    told = told_of(HEAD, "Resources:", SOCKET, MAIN, schedule.replace("STATE", "ENABLED"))
    assert "Nightly.ScheduleExpression is rate(0 minutes), and must be rate(1 minute)" in told


def test_a_rule_runs_by_the_calendar_in_utc(plan_of: Callable[..., Plan]) -> None:
    [nightly] = plan_of(
        HEAD, "Resources:", SOCKET, MAIN, CRON.replace("STATE", "ENABLED")
    ).schedules
    assert nightly.timing == parse("cron(0 3 * * ? *)")


SCHEDULE = """
  Nightly:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: at(2030-01-31T12:00:00)
      ScheduleExpressionTimezone: Europe/Vienna
      FlexibleTimeWindow: {Mode: "OFF"}
      Target: {Arn: !GetAtt Main.Arn, RoleArn: role}
"""


def test_a_schedule_runs_in_its_time_zone(plan_of: Callable[..., Plan]) -> None:
    [once] = plan_of(HEAD, "Resources:", SOCKET, MAIN, SCHEDULE).schedules
    assert once.timing == Once(datetime(2030, 1, 31, 11, tzinfo=UTC))


@pytest.mark.parametrize(
    ("found", "instead", "words"),
    [
        ("Europe/Vienna", "Mars/Olympus", "ScheduleExpressionTimezone is Mars/Olympus, which is"),
        ("Europe/Vienna", "../x", "ScheduleExpressionTimezone is ../x, which is no time zone"),
        ("at(2030-01-31T12:00:00)", "at(2030-02-30T12:00:00)", "and is no date and time"),
        ("at(2030-01-31T12:00:00)", "cron(0 3 * * * *)", "and must have ? as its day of the"),
        ("at(2030-01-31T12:00:00)", "every day", "and must be like rate(5 minutes), cron("),
    ],
)
def test_a_schedule_without_a_time_is_told(
    told_of: Callable[..., str], found: str, instead: str, words: str
) -> None:
    assert words in told_of(HEAD, "Resources:", SOCKET, MAIN, SCHEDULE.replace(found, instead))


def test_the_dates_between_which_a_schedule_runs_are_told(plan_of: Callable[..., Plan]) -> None:
    dated = SCHEDULE.replace("Flexible", "EndDate: '2031-01-01T00:00:00Z'\n      Flexible")
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, dated)
    [sentence] = plan.left_out
    assert sentence.endswith(": Nightly.EndDate is not emulated.")
    assert len(plan.schedules) == 1


def test_a_rule_has_no_single_moment(told_of: Callable[..., str]) -> None:
    rule = CRON.replace("cron(0 3 * * ? *)", "at(2030-01-31T12:00:00)").replace("STATE", "ENABLED")
    assert "is at(…), and a rule has rate(…) or cron(…)" in told_of(
        HEAD, "Resources:", SOCKET, MAIN, rule
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            """
  News:
    Type: AWS::Events::Rule
    Properties: {EventPattern: {source: [app]}, Targets: [{Id: a, Arn: !GetAtt Main.Arn}]}
""",
            "News.EventPattern is not emulated.",
        ),
        (
            """
  People: {Type: AWS::DynamoDB::Table, Properties: {}}
  Changes:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Main, EventSourceArn: !GetAtt People.StreamArn}
""",
            "Changes.EventSourceArn is not a queue, and not emulated.",
        ),
        (
            """
  Allowed:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Main, Action: x, Principal: sns.amazonaws.com}
""",
            "Allowed.Principal is sns.amazonaws.com, which calls nothing here.",
        ),
        (
            "  Rest: {Type: AWS::ApiGateway::RestApi, Properties: {}}\n",
            "Rest is not emulated (AWS::ApiGateway::RestApi).",
        ),
        (
            MAIN.replace("Main:", "Helper:").replace("python3.13", "nodejs22.x"),
            "Helper.Runtime is 'nodejs22.x', and wsgate itself runs Python only: what runs it can "
            "be given with --invoke-endpoint.",
        ),
        (
            """
  KeyRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Socket
      RouteKey: key
      ApiKeyRequired: true
      Target: !Sub integrations/${SocketDefaultIntegration}
""",
            "KeyRoute.ApiKeyRequired changes nothing: who may connect is decided at $connect only.",
        ),
        (
            """
  Helper:
    Type: AWS::Serverless::Function
    Properties: {PackageType: Image}
    Metadata: {Dockerfile: Dockerfile, DockerContext: helper}
""",
            "Helper.Runtime is 'an image', and wsgate itself runs Python only: what runs it can be "
            "given with --invoke-endpoint.",
        ),
    ],
)
def test_what_calls_nothing_here_is_left_out_and_told(
    plan_of: Callable[..., Plan], more: str, words: str
) -> None:
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, more)
    [sentence] = plan.left_out
    assert sentence.endswith(f": {words}")
    assert (set(plan.functions), plan.schedules, plan.queue_triggers) == ({"Main"}, (), ())


def test_the_folder_that_the_cdk_synthesised_is_the_code(plan_of: Callable[..., Plan]) -> None:
    function = """
  Main:
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: !Sub "cdk-assets-${AWS::AccountId}", S3Key: 0a1b.zip}
      Handler: app.handler
      Runtime: python3.13
    Metadata: {"aws:asset:path": code, "aws:asset:property": Code}
"""
    assert plan_of(HEAD, "Resources:", SOCKET, function).functions["Main"].code.name == "code"


def test_a_queue_of_another_stack_is_told(told_of: Callable[..., str]) -> None:
    more = """
  Elsewhere:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Main, EventSourceArn: "arn:aws:sqs:us-east-1:1:other"}
"""
    assert "Elsewhere.EventSourceArn is a queue that this template does not have" in told_of(
        HEAD, "Resources:", SOCKET, MAIN, more
    )


# ---- parameters


def test_a_parameter_without_default_must_be_given(refusal_of: Callable[..., str]) -> None:
    above = "Parameters: {Secret: {Type: String}}\nResources:"
    assert refusal_of(HEAD, above, SOCKET, MAIN) == (
        "template.yaml:2: the parameter Secret has no default: give it with --parameter Secret=…."
    )


def test_a_parameter_that_the_template_does_not_have_is_refused(
    refusal_of: Callable[..., str],
) -> None:
    refusal = refusal_of(HEAD, "Resources:", SOCKET, MAIN, Secrte="x")
    assert refusal == "template.yaml: the template has no parameter Secrte."


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("Type: String, AllowedValues: ['on', 'off']", "on", "maybe"),
        ("Type: String, AllowedPattern: '^[a-z]{3}$'", "abc", "abcd"),
        ("Type: String, MinLength: 3, MaxLength: 5", "abc", "ab"),
        ("Type: String, MaxLength: 5", "abcde", "abcdef"),
        ("Type: Number, MinValue: 0, MaxValue: 600", "600", "601"),
        ("Type: Number", "1.5", "one"),
    ],
)
def test_a_parameters_rules_hold_and_its_value_is_never_shown(
    plan_of: Callable[..., Plan],
    refusal_of: Callable[..., str],
    rule: str,
    good: str,
    bad: str,
) -> None:
    template = (HEAD, f"Parameters: {{P: {{{rule}}}}}\nResources:", SOCKET, MAIN)
    plan_of(*template, P=good)
    refusal = refusal_of(*template, P=bad)
    assert refusal.startswith("template.yaml:2: the parameter P has a value that its ")
    assert bad not in refusal.removeprefix("template.yaml:2: the parameter P has a value")


def test_a_number_that_is_none_is_said_to_be_of_the_wrong_type(
    refusal_of: Callable[..., str],
) -> None:
    above = "Parameters: {P: {Type: Number, Default: one}}\nResources:"
    assert refusal_of(HEAD, above, SOCKET, MAIN) == (
        "template.yaml:2: the parameter P has a value that its Type Number does not allow."
    )


@pytest.mark.parametrize("rule", ["AllowedPattern: '('", "MinLength: few", "MinValue: []"])
def test_a_rule_that_cannot_be_read_is_refused(refusal_of: Callable[..., str], rule: str) -> None:
    above = f"Parameters: {{P: {{Type: Number, {rule}}}}}\nResources:"
    assert refusal_of(HEAD, above, SOCKET, MAIN, P="1") == (
        "template.yaml:2: the parameter P has a rule that cannot be read."
    )


def test_a_parameter_that_aws_keeps_is_only_missed_where_it_is_used(
    environment_of: Callable[..., dict[str, str]],
) -> None:
    kept = "Parameters: {Kept: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /a}}\n"
    assert environment_of("X: here", kept) == {"X": "here"}
    assert environment_of("X: !Ref Kept", kept, Kept="given") == {"X": "given"}
    assert environment_of("X: !Ref Kept", kept) == {}


def test_a_function_that_is_shifted_is_called_all_the_same(
    plan_of: Callable[..., Plan], caplog: pytest.LogCaptureFixture
) -> None:
    """CodeDeploy's part is left to AWS."""
    shifted = "      AutoPublishAlias: live\n      DeploymentPreference: {Type: AllAtOnce}\n"
    socket = SOCKET.replace("!GetAtt Main.Arn", "!Ref Main.Alias")
    by_alias = plan_of(HEAD, "Resources:", socket, MAIN, shifted)
    assert by_alias.websocket == plan_of(HEAD, "Resources:", SOCKET, MAIN).websocket
    assert caplog.messages == []
