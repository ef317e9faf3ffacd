"""AWS::LanguageExtensions, AWS::Include, macros: what CloudFormation does to a template first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from templates import HEAD, MAIN, SOCKET
from wsgate.template import nested as nested_stacks
from wsgate.template import transforms
from wsgate.template.load import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wsgate.model.plan import Plan

EXTENDED = "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\n"
PARAMETERS = "Parameters: {Names: {Type: CommaDelimitedList, Default: 'a,b'}}\n"


# ---- loops


def test_a_loop_makes_queues_and_a_loop_in_it_variables(plan_of: Callable[..., Plan]) -> None:
    above = """
Mappings: {Of: {chat: {Delay: 3}, mail: {Delay: 4}}}
Resources:
  Fn::ForEach::Queues:
    - Kind
    - [chat, mail]
    - ${Kind}Queue:
        Type: AWS::SQS::Queue
        Properties:
          QueueName: !Join ["-", [!Ref Kind, jobs]]
          DelaySeconds: !FindInMap [Of, !Ref Kind, Delay]
"""
    main = f"""{MAIN}      Environment:
        Variables:
          Fn::ForEach::Urls:
            - Name
            - !Ref Names
            - Fn::ForEach::Kinds:
                - Kind
                - !Split ["|", "x|y"]
                - QUEUE_${{Name}}_${{Kind}}: !Sub "${{Name}}/${{Kind}}/${{chatQueue.QueueName}}"
"""
    plan = plan_of(EXTENDED, PARAMETERS, above, SOCKET, main)
    assert (plan.left_out, plan.warnings) == ((), ())
    assert {queue.name: queue.delay.seconds for queue in plan.queues.values()} == {
        "chat-jobs": 3,
        "mail-jobs": 4,
    }
    assert plan.functions["Main"].environment == {
        f"QUEUE_{name}_{kind}": f"{name}/{kind}/chat-jobs" for name in "ab" for kind in "xy"
    }


def test_a_loop_makes_routes_functions_and_conditions(plan_of: Callable[..., Plan]) -> None:
    above = """
Conditions:
  Fn::ForEach::Live: [Key, [join, leave], {"Has${Key}": !Equals [!Ref AWS::Region, us-east-1]}]
Resources:
"""
    routes = """
  Fn::ForEach::Routes:
    - Key
    - [join, leave]
    - ${Key}Route:
        Type: AWS::ApiGatewayV2::Route
        Condition: Has${Key}
        Properties:
          ApiId: !Ref Socket
          RouteKey: !Ref Key
          Target: !Sub integrations/${SocketDefaultIntegration}
      ${Key}Function:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13}
Outputs:
  Fn::ForEach::Arns: [Key, [join, leave], {"${Key}Arn": {Value: !GetAtt ["${Key}Function", Arn]}}]
"""
    plan = plan_of(EXTENDED, above, SOCKET, MAIN, routes)
    assert set(plan.websocket.routes) == {"$default", "join", "leave"}
    assert set(plan.functions) == {"Main", "joinFunction", "leaveFunction"}
    assert plan.left_out == ()
    assert all("may not invoke Main" in warning for warning in plan.warnings)


def test_an_ampersand_keeps_letters_and_digits_only(plan_of: Callable[..., Plan]) -> None:
    loop = """
  Fn::ForEach::Queues:
    - Name
    - [a-b/1, c_d]
    - Queue&{Name}: {Type: AWS::SQS::Queue, Properties: {QueueName: "q-&{Name}"}}
"""
    plan = plan_of(EXTENDED, "Resources:", SOCKET, MAIN, loop)
    assert set(plan.queues) == {"q-ab1", "q-cd"}


def test_what_a_loop_made_is_named_with_the_line_of_the_loop(told_of: Callable[..., str]) -> None:
    loop = """
  Fn::ForEach::Queues:
    - Name
    - [a, b]
    - ${Name}Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 901}}
"""
    told = told_of(EXTENDED, "Resources:", SOCKET, loop, MAIN).splitlines()
    problem = "Queue.DelaySeconds is 901, and must be from 0 to 900."
    assert told == [f"template.yaml:10: a{problem}", f"template.yaml:10: b{problem}"]


@pytest.mark.parametrize(
    ("loop", "words"),
    [
        ("[Name, [a]]", "must have an identifier, a collection and one mapping of what to repeat"),
        ("[Name, a, {'${Name}Q': {}}]", "repeats over a, which is no list that is known here"),
        ("[Name, !Ref No, {'${Name}Q': {}}]", "known here: !Ref No is no parameter"),
        ("[Name, !GetAtt [Main, Arn], {'${Name}Q': {}}]", "known here: !GetAtt Main.Arn is not"),
        ("[Name, [[a]], {'${Name}Q': {}}]", "which is no list that is known here"),
    ],
)
def test_a_loop_that_cannot_run_is_left_out(
    told_of: Callable[..., str], loop: str, words: str
) -> None:
    told = told_of(EXTENDED, "Resources:", SOCKET, MAIN, f"  Fn::ForEach::Wrong: {loop}\n")
    assert told.startswith("template.yaml:16: Resources.Fn::ForEach::Wrong ")
    assert words in told


def test_loops_make_a_bounded_number_of_parts(
    told_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transforms, "MAX_FRAGMENTS", 5)
    inner = "{Fn::ForEach::B: [B, [x, y], {'Q${A}${B}': {Type: AWS::SQS::Queue}}]}"
    told = told_of(
        EXTENDED, "Resources:", SOCKET, MAIN, f"  Fn::ForEach::A: [A, [a, b], {inner}]\n"
    )
    assert "makes more than 5 parts" in told


# ---- the other extensions


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!FindInMap [Sizes, !Ref AWS::Region, small, {DefaultValue: 5}]", "5"),
        ("!FindInMap [Sizes, red, small, {DefaultValue: 5}]", "7"),
        ("!FindInMap [Sizes, red, big, {DefaultValue: !Ref AWS::Region}]", "us-east-1"),
        ("!FindInMap [Sizes, !Select [0, [red]], !Join ['', [sm, all]]]", "7"),
        ("{'Fn::Length': [a, b, c]}", "3"),
        ("{'Fn::Length': !Ref Names}", "2"),
        ("!Length [!Ref AWS::NoValue, x]", "1"),
        ("{'Fn::ToJsonString': {a: [1, yes, !Ref AWS::Region], b: é}}", None),
        ("!Select [0, !GetAZs '']", "us-east-1a"),
        ("!Select [2, !GetAZs {Ref: AWS::Region}]", "us-east-1c"),
        ("!Select [1, !Cidr [10.0.0.0/16, 4, 8]]", "10.0.1.0/24"),
        ("!Join [',', !Cidr [10.0.0.0/24, 2, 5]]", "10.0.0.0/27,10.0.0.32/27"),
    ],
)
def test_a_function_has_its_value(
    plan_of: Callable[..., Plan], expression: str, value: str | None
) -> None:
    above = f"{PARAMETERS}Mappings: {{Sizes: {{red: {{small: 7}}}}}}\nResources:"
    main = f"{MAIN}      Environment: {{Variables: {{VALUE: {expression}}}}}\n"
    plan = plan_of(EXTENDED, above, SOCKET, main)
    found = plan.functions["Main"].environment["VALUE"]
    assert plan.warnings == ()
    if value is None:
        assert json.loads(found) == {"a": [1, True, "us-east-1"], "b": "é"}
    else:
        assert found == value


@pytest.mark.parametrize(
    "expression",
    [
        "{'Fn::Length': [a]}",
        "{'Fn::ToJsonString': {a: 1}}",
        "!FindInMap [A, b, c, {DefaultValue: 5}]",
    ],
)
def test_an_extension_that_is_not_declared_is_warned_of(
    plan_of: Callable[..., Plan], expression: str
) -> None:
    main = f"{MAIN}      Environment: {{Variables: {{VALUE: {expression}}}}}\n"
    [warning] = plan_of(HEAD, "Resources:", SOCKET, main).warnings
    assert ":16: Resources.Main.Properties.Environment.Variables.VALUE.Fn::" in warning
    assert "which AWS knows only with Transform: AWS::LanguageExtensions." in warning


# ---- includes and macros


def test_an_include_of_this_disk_is_read(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "live.yaml").write_text("DAY: 2020-01-01\nREGION: {Ref: AWS::Region}\n")
    (tmp_path / "parts" / "more.json").write_text('{"Jobs": {"Type": "AWS::SQS::Queue"}}')
    (tmp_path / "top.yaml").write_text("Conditions: {Never: {'Fn::Equals': [a, b]}}\n")
    above = """
Transform:
  - {Name: AWS::Include, Parameters: {Location: top.yaml}}
  - AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: live}}
Resources:
  Fn::Transform: {Name: AWS::Include, Parameters: {Location: ./parts/more.json}}
"""
    main = f"""{MAIN}      Environment:
        Variables:
          LIVE: !If [Never, yes, "no"]
          Fn::Transform:
            Name: AWS::Include
            Parameters: {{Location: !Sub "parts/${{Stage}}.yaml"}}
"""
    plan = plan_of(above, SOCKET, main)
    assert plan.functions["Main"].environment == {
        "DAY": "2020-01-01",
        "REGION": "us-east-1",
        "LIVE": "no",
    }
    assert (set(plan.queues), plan.left_out, plan.warnings) == ({"Jobs"}, (), ())


@pytest.mark.parametrize("uri", ["openapi.yaml", "!Sub '${AWS::NoSuch}'", "s3://bucket/key"])
def test_the_openapi_file_of_an_http_api_is_read(
    plan_of: Callable[..., Plan], tmp_path: Path, uri: str
) -> None:
    (tmp_path / "openapi.yaml").write_text("""
openapi: 3.0.1
paths:
  /people:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        payloadFormatVersion: "2.0"
        uri: {Fn::GetAtt: [Main, Arn]}
""")
    web = f"\n  Web: {{Type: AWS::Serverless::HttpApi, Properties: {{DefinitionUri: {uri}}}}}\n"
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, web)
    if uri == "openapi.yaml":
        assert plan.http is not None
        assert set(plan.http.routes) == {"GET /people"}
    else:
        assert any("Resources.Web.Properties.DefinitionUri includes" in x for x in plan.left_out)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            "{Name: AWS::Include, Parameters: {Location: 's3://b/k.yaml'}}",
            "includes s3://b/k.yaml,",
        ),
        ("{Name: AWS::Include, Parameters: {Location: no.yaml}}", "cannot be read: No such file"),
        ("{Name: AWS::Include, Parameters: {Location: list.yaml}}", "which must be a mapping"),
        ("{Name: AWS::Include, Parameters: {Location: me.yaml}}", "me.yaml, which includes itself"),
        ("{Name: AWS::Include, Parameters: {Location: !Ref No}}", "whose place is not known here"),
        ("{Name: AWS::Include}", "includes None, whose place is not known here"),
        ("{Name: Shout, Parameters: {A: b}}", "is the macro Shout, which runs on AWS only"),
    ],
)
def test_what_is_not_included_is_told(
    told_of: Callable[..., str], tmp_path: Path, call: str, words: str
) -> None:
    (tmp_path / "list.yaml").write_text("[a]")
    (tmp_path / "me.yaml").write_text(
        "Fn::Transform: {Name: AWS::Include, Parameters: {Location: me.yaml}}"
    )
    main = f"{MAIN}      Environment: {{Variables: {{Fn::Transform: {call}}}}}\n"
    assert words in told_of(HEAD, "Resources:", SOCKET, main)


def test_a_macro_of_the_whole_template_is_told(told_of: Callable[..., str]) -> None:
    above = "Transform: [Shout, AWS::Serverless-2016-10-31]\nResources:"
    assert told_of(above, SOCKET, MAIN) == (
        "template.yaml:1: Transform is the macro Shout, which runs on AWS only: what it makes is "
        "missing here."
    )


# ---- nested stacks

NESTED = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Word: {Type: String}
  Words: {Type: CommaDelimitedList, Default: "x"}
  Secret: {Type: String, NoEcho: true, Default: hidden}
Resources:
  Main:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
      Environment: {Variables: {WORD: !Ref Word, WORDS: !Join ["+", !Ref Words]}}
  Jobs: {Type: AWS::SQS::Queue}
Outputs:
  Arn: {Value: !GetAtt Main.Arn}
  Url: {Value: !Ref Jobs}
"""
CHILD = """
  Child:
    Type: AWS::Serverless::Application
    Properties:
      Location: nested/child.yaml
      Parameters: {Word: !GetAtt Main.Arn, Words: !Join [",", [a, b]]}
"""


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A template in a folder of its own, with its own code."""
    folder = tmp_path / "nested"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "app.py").touch()
    (folder / "child.yaml").write_text(NESTED)
    return folder


@pytest.mark.parametrize(
    "kind",
    [
        CHILD,
        CHILD.replace("AWS::Serverless::Application", "AWS::CloudFormation::Stack").replace(
            "Location", "TemplateURL"
        ),
        CHILD.replace("AWS::Serverless::Application", "AWS::CloudFormation::Stack").replace(
            "Properties:\n      Location: nested/child.yaml",
            'Metadata: {"aws:asset:path": nested/child.yaml, "aws:asset:property": TemplateURL}\n'
            '    Properties:\n      TemplateURL: !Sub "https://s3.${AWS::Region}.${AWS::URLSuffix}/a"',
        ),
    ],
)
def test_a_nested_stack_takes_parameters_and_gives_outputs(
    plan_of: Callable[..., Plan], nested: Path, kind: str
) -> None:
    reader = MAIN.replace("Main:", "Reader:")
    reader += "      Environment: {Variables: {URL: !GetAtt Child.Outputs.Url}}\n"
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, reader, kind)
    assert (plan.left_out, plan.warnings) == ((), ())
    assert set(plan.functions) == {"Main", "Reader", "Child-Main"}
    assert plan.functions["Child-Main"].code == nested / "code"
    assert plan.functions["Child-Main"].environment == {
        "WORD": "arn:aws:lambda:us-east-1:000000000000:function:Main",
        "WORDS": "a+b",
    }
    url = "http://127.0.0.1:5000/000000000000/Child-Jobs"
    assert plan.functions["Reader"].environment == {"URL": url}
    assert (set(plan.queues), plan.secrets) == ({"Child-Jobs"}, ("hidden",))


def test_a_route_calls_a_function_of_a_nested_stack(
    plan_of: Callable[..., Plan], nested: Path
) -> None:
    socket = SOCKET.replace("!GetAtt Main.Arn", "!GetAtt Child.Outputs.Arn")
    child = CHILD.replace("!GetAtt Main.Arn", "word")
    integration = (
        plan_of(HEAD, "Resources:", socket, child).websocket.routes["$default"].integration
    )
    assert getattr(integration, "function", None) == "Child-Main"


def test_routes_of_a_nested_stack_belong_to_the_api_that_it_is_given(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    (tmp_path / "routes.yaml").write_text("""
Parameters: {Api: {Type: String}, Arn: {Type: String}}
Resources:
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: act, Target: !Sub "integrations/${Target}"}
  Target:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !Ref Arn}
  Answer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref Route, RouteResponseKey: $default}
""")
    child = """
  Routes:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: routes.yaml, Parameters: {Api: !Ref Socket, Arn: !GetAtt Main.Arn}}
"""
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, child)
    assert plan.websocket.routes["act"].two_way
    assert plan.left_out == ()


def test_nested_stacks_may_ask_one_another_and_nest_more(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    (tmp_path / "word.yaml").write_text(
        "Parameters: {Word: {Type: String, Default: deep}}\n"
        "Resources: {Q: {Type: AWS::SQS::Queue}}\nOutputs: {Word: {Value: !Ref Word}}\n"
    )
    (tmp_path / "middle.yaml").write_text("""
Resources:
  Deep: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: word.yaml}}
Outputs: {Word: {Value: !Sub "<${Deep.Outputs.Word}>"}}
""")
    stacks = """
  First:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: word.yaml, Parameters: {Word: !GetAtt Second.Outputs.Word}}
  Second: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: middle.yaml}}
"""
    main = f"{MAIN}      Environment: {{Variables: {{A: !GetAtt First.Outputs.Word}}}}\n"
    plan = plan_of(HEAD, "Resources:", SOCKET, main, stacks)
    assert plan.functions["Main"].environment == {"A": "<deep>"}
    assert set(plan.queues) == {"First-Q", "Second-Deep-Q"}


@pytest.mark.parametrize(
    ("found", "instead", "words"),
    [
        ("nested/child.yaml", "gone.yaml", "Child.Location is 'gone.yaml', and there is no such"),
        ("nested/child.yaml", "https://a/b", "Child.Location is on AWS, and wsgate reads nested"),
        ("nested/child.yaml", "template.yaml", "Child nests the template that it stands in"),
        ("Word: !GetAtt Main.Arn", "Wrong: a", "child.yaml: the template has no parameter Wrong"),
        ("Word: !GetAtt Main.Arn, ", "", "the parameter Word has no default"),
        ("!GetAtt Main.Arn", "{a: b}", "Child.Parameters.Word must be a text"),
        (
            "nested/child.yaml",
            "{ApplicationId: a, SemanticVersion: 1.0.0}",
            "Child.Location is on AWS, and wsgate reads nested",
        ),
    ],
)
def test_a_nested_stack_that_cannot_be_read_is_left_out(
    told_of: Callable[..., str], nested: Path, found: str, instead: str, words: str
) -> None:
    main = f"{MAIN}      Environment: {{Variables: {{URL: !GetAtt Child.Outputs.Url}}}}\n"
    told = told_of(HEAD, "Resources:", SOCKET, main, CHILD.replace(found, instead)).splitlines()
    [line] = [line for line in told if words in line]
    assert line.endswith("; until then the nested stack Child is missing.")
    assert [line for line in told if "Variables.URL the nested stack Child is missing" in line]


def test_a_parameter_that_only_aws_knows_is_missed_where_it_is_used(
    plan_of: Callable[..., Plan], nested: Path
) -> None:
    child = CHILD.replace("!GetAtt Main.Arn", "!ImportValue Elsewhere")
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, child)
    assert plan.functions["Child-Main"].environment == {"WORDS": "a+b"}
    [told] = plan.left_out
    assert "child.yaml:15: Main.Environment.Variables.WORD !Ref Word is not known here" in told
    assert "!ImportValue Elsewhere belongs to another stack" in told


def test_an_output_that_is_not_there_is_a_mistake(
    told_of: Callable[..., str], nested: Path
) -> None:
    main = f"{MAIN}      Environment: {{Variables: {{URL: !GetAtt Child.Outputs.No}}}}\n"
    told = told_of(HEAD, "Resources:", SOCKET, main, CHILD)
    assert "!GetAtt Child.Outputs.No asks for an output that" in told


def test_the_only_websocket_api_may_be_nested(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    (tmp_path / "socket.yaml").write_text(f"{HEAD}Resources:{SOCKET}{MAIN}")
    child = "\n  Child: {Type: AWS::Serverless::Application, Properties: {Location: socket.yaml}}\n"
    plan = plan_of(HEAD, "Resources:", child)
    assert (plan.websocket.stage, set(plan.functions)) == ("live", {"Child-Main"})


def test_two_stacks_of_one_template_are_two_apis(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    (tmp_path / "socket.yaml").write_text(f"{HEAD}Resources:{SOCKET}{MAIN}")
    one = "\n  One: {Type: AWS::Serverless::Application, Properties: {Location: socket.yaml}}\n"
    first, second = plan_of(HEAD, "Resources:", one, one.replace("One", "Two")).websockets
    assert first.api_id != second.api_id


def test_a_nested_stack_imports_what_another_one_exports(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    (tmp_path / "shared.yaml").write_text("""
Resources: {Q: {Type: AWS::SQS::Queue}}
Outputs: {Q: {Value: !GetAtt Q.QueueName, Export: {Name: !Sub "${AWS::Region}-queue"}}}
""")
    stack = """
  Shared: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: shared.yaml}}
"""
    imported = '!ImportValue {"Fn::Sub": "${AWS::Region}-queue"}'
    main = f"{MAIN}      Environment: {{Variables: {{NAME: {imported}}}}}\n"
    plan = plan_of(HEAD, "Resources:", SOCKET, main, stack)
    assert plan.functions["Main"].environment == {"NAME": "Shared-Q"}


def test_nested_stacks_end(
    plan_of: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each template nests the next one ten times."""
    monkeypatch.setattr(nested_stacks, "MAX_STACKS", 5)
    ten = "".join(
        f"\n  S{n}: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: NEXT}}}}"
        for n in range(10)
    )
    for number in range(4):
        (tmp_path / f"{number}.yaml").write_text(
            "Resources:" + ten.replace("NEXT", f"{number + 1}.yaml")
        )
    (tmp_path / "4.yaml").write_text("Resources: {Q: {Type: AWS::SQS::Queue}}")
    plan = plan_of(HEAD, "Resources:", SOCKET, MAIN, ten.replace("NEXT", "0.yaml"))
    assert any("is one of more than 5 nested stacks" in line for line in plan.left_out)


def test_what_is_nested_is_no_reason_to_run_nothing(plan_of: Callable[..., Plan]) -> None:
    with pytest.raises(TemplateError, match="has no WebSocket API") as raised:
        plan_of(HEAD, "Resources:", MAIN, CHILD)
    assert "there is no such file" in str(raised.value)
