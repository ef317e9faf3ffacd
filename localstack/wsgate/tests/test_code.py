"""Where code and layers are found, and what a function sees of them."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from runners import running
from wsgate.functions.layers import python_folders
from wsgate.template import code as code_module
from wsgate.template.load import Elsewhere, TemplateError, load

if TYPE_CHECKING:
    from pathlib import Path

    from wsgate.model.plan import Function, Plan

HEAD = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes: {$default: {FunctionArn: !GetAtt Main.Arn}}
"""
SAM = "  Main:\n    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: python3.13\n"
RAW = SAM.replace("Serverless", "Lambda")
PYTHON = "import os, sys\ndef handler(event, context): return "


class Project:
    """A folder with a template, and the scratch folder that goes with it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.scratch = folder, folder / "scratch"
        self.scratch.mkdir()

    def file(self, name: str, words: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words)
        return path

    def zip(self, name: str, **files: str) -> Path:
        """`python__x` becomes python/x.py."""
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for key, words in files.items():
                archive.writestr(key.replace("__", "/") + ".py", words)
        return self.folder / name

    def plan(self, *parts: str, elsewhere: Elsewhere = Elsewhere.NONE) -> Plan:
        return self.load("".join((HEAD, *parts)), elsewhere)

    def load(self, template: str, elsewhere: Elsewhere = Elsewhere.NONE) -> Plan:
        return load(
            self.file("template.yaml", template),
            parameters={},
            queue_endpoint="http://127.0.0.1:5000",
            scratch=self.scratch,
            elsewhere=elsewhere,
        )

    def main(self, *parts: str) -> Function:
        return self.plan(*parts).functions["Main"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


async def answer(function: Function) -> Any:
    """What the function itself says."""
    changes: dict[str, Any] = {
        "code": function.code,
        "layers": function.layers,
        "runtime": function.runtime,
    }
    async with running(function.handler, **changes) as runner:
        return await runner.call()


# ---- code


@pytest.mark.parametrize(
    "written",
    [
        SAM + "      CodeUri: code.zip\n",
        RAW + "      Code: code.zip\n",
        RAW.replace("Properties:", 'Metadata: {"aws:asset:path": code.zip, '
        '"aws:asset:property": Code}\n    Properties:') + "      Code: {S3Bucket: b, S3Key: k}\n",
    ],
)  # fmt: skip
async def test_a_zip_file_is_unpacked_and_runs(project: Project, written: str) -> None:
    project.zip("code.zip", app=PYTHON + "os.getcwd()")
    main = project.main(written, "      Handler: app.handler\n")
    assert main.code.is_relative_to(project.scratch)
    assert await answer(main) == str(main.code)


def test_a_zip_file_of_several_functions_is_unpacked_once(project: Project) -> None:
    project.zip("code.zip", app="handler = print")
    one = SAM + "      CodeUri: code.zip\n      Handler: app.handler\n"
    functions = project.plan(one, one.replace("Main", "Other")).functions
    assert functions["Main"].code == functions["Other"].code


@pytest.mark.parametrize(
    "written",
    [
        SAM + "      InlineCode: |\n        def handler(event, context): return 'inline'\n",
        RAW
        + "      Code: {ZipFile: !Join ['\n', ["
        + "'def handler(event, context):', '  return \"inline\"']]}\n",
    ],
)
async def test_code_in_the_template_is_index_py(project: Project, written: str) -> None:
    main = project.main(written, "      Handler: index.handler\n")
    assert (main.code / "index.py").exists()
    assert await answer(main) == "inline"


def test_inline_code_has_another_module_nowhere(project: Project) -> None:
    with pytest.raises(TemplateError, match="has no module app"):
        project.plan(SAM, "      InlineCode: x = 1\n      Handler: app.handler\n")


def test_a_file_that_is_no_archive_is_named(project: Project) -> None:
    project.file("code.zip", "no archive")
    with pytest.raises(TemplateError, match=r"'code.zip', which cannot be unpacked: File is not a"):
        project.plan(SAM, "      CodeUri: code.zip\n      Handler: app.handler\n")


def test_an_archive_larger_than_lambda_takes_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.zip("code.zip", app="handler = 1\n")
    written = SAM + "      CodeUri: code.zip\n      Handler: app.handler\n"
    monkeypatch.setattr(code_module, "MAX_BYTES", 12)
    assert project.main(written)
    monkeypatch.setattr(code_module, "MAX_BYTES", 11)
    with pytest.raises(TemplateError, match="more than 11 bytes"):
        project.plan(written)


def test_an_archive_writes_nothing_outside(project: Project) -> None:
    with zipfile.ZipFile(project.folder / "code.zip", "w") as archive:
        archive.writestr("../../evil.py", "")
        archive.writestr("/evil.py", "")
        archive.writestr("app.py", "handler = print")
    main = project.main(SAM, "      CodeUri: code.zip\n      Handler: app.handler\n")
    assert {path.name for path in main.code.iterdir()} == {"app.py", "evil.py"}
    assert not (project.scratch / "evil.py").exists()
    assert not (project.folder / "evil.py").exists()


def test_what_may_be_executed_still_may(project: Project) -> None:
    tool = zipfile.ZipInfo("tool")
    tool.external_attr = 0o755 << 16
    with zipfile.ZipFile(project.folder / "code.zip", "w") as archive:
        archive.writestr(tool, "#!/bin/sh\n")
        archive.writestr("app.py", "handler = print")
    main = project.main(SAM, "      CodeUri: code.zip\n      Handler: app.handler\n")
    assert os.access(main.code / "tool", os.X_OK)


SERVERLESS = """
Resources:
  ServerlessDeploymentBucket: {Type: AWS::S3::Bucket}
  SharedLambdaLayer:
    Type: AWS::Lambda::LayerVersion
    Properties:
      Content: {S3Bucket: !Ref ServerlessDeploymentBucket, S3Key: serverless/chat/dev/1/shared.zip}
      LayerName: shared
  ConnectLambdaFunction:
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: !Ref ServerlessDeploymentBucket, S3Key: serverless/chat/dev/1/chat.zip}
      Handler: src/app.handler
      Runtime: python3.12
      FunctionName: chat-dev-connect
      MemorySize: 1024
      Timeout: 6
      Layers: [!Ref SharedLambdaLayer]
  WebsocketsApi:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: dev-chat-websockets
      RouteSelectionExpression: $request.body.action
      ProtocolType: WEBSOCKET
  ConnectWebsocketsIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref WebsocketsApi
      IntegrationType: AWS_PROXY
      IntegrationUri:
        Fn::Join:
          - ""
          - - "arn:"
            - !Ref AWS::Partition
            - ":apigateway:"
            - !Ref AWS::Region
            - ":lambda:path/2015-03-31/functions/"
            - !GetAtt ConnectLambdaFunction.Arn
            - "/invocations"
  SconnectWebsocketsRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref WebsocketsApi
      RouteKey: $connect
      AuthorizationType: NONE
      Target: {"Fn::Join": ["/", ["integrations", !Ref ConnectWebsocketsIntegration]]}
  WebsocketsDeployment1:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: [SconnectWebsocketsRoute]
    Properties: {ApiId: !Ref WebsocketsApi, Description: made by Serverless}
  WebsocketsDeploymentStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref WebsocketsApi
      StageName: dev
      DeploymentId: !Ref WebsocketsDeployment1
"""


async def test_what_the_serverless_framework_packaged_runs(project: Project) -> None:
    project.zip("chat.zip", src__app="import shared\n" + PYTHON + "shared.name")
    project.zip("shared.zip", python__shared="name = 'shared'")
    plan = project.load(SERVERLESS)
    assert (plan.left_out, plan.websocket.stage) == ((), "dev")
    main = plan.functions["chat-dev-connect"]
    assert plan.websocket.routes["$connect"].integration.function == main.name  # type: ignore[union-attr]
    assert await answer(main) == "shared"


def test_a_package_that_is_not_there_is_s3s(project: Project) -> None:
    project.zip("shared.zip", python__shared="")
    with pytest.raises(TemplateError, match=r"Code must be a folder or a \.zip file"):
        project.load(SERVERLESS)


# ---- layers

LAYERED = SAM + "      CodeUri: code\n      Handler: app.handler\n      Layers: "
SHARED = """
  {name}:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ContentUri: {uri}}}
"""


async def test_a_layers_packages_come_after_the_code(project: Project) -> None:
    project.file("code/app.py", "import shared, own\n" + PYTHON + "[shared.name, own.name]")
    project.file("code/own.py", "name = 'code'")
    project.file("layer/python/own.py", "name = 'layer'")
    project.file("layer/python/lib/python3.13/site-packages/shared.py", "name = 'packages'")
    main = project.main(LAYERED, "[!Ref Shared]", SHARED.format(name="Shared", uri="layer"))
    assert main.layers == (project.folder / "layer",)
    assert await answer(main) == ["packages", "code"]


async def test_of_two_layers_the_later_wins(project: Project) -> None:
    """Lambda extracts them in order: a later one's file replaces an earlier one's."""
    project.file("code/app.py", "import one\n" + PYTHON + "[one.name, sys.path[1:3]]")
    project.file("first/python/one.py", "name = 'first'")
    project.zip("second.zip", python__one="name = 'second'")
    layers = SHARED.format(name="First", uri="first") + SHARED.format(name="Last", uri="second.zip")
    main = project.main(LAYERED, "[!Ref First, !Ref Last]", layers)
    name, path = await answer(main)
    assert name == "second"
    assert path == [str(folder / "python") for folder in reversed(main.layers)]


@pytest.mark.parametrize(
    "layer",
    [
        "    Properties: {Content: layer}\n",
        '    Metadata: {"aws:asset:path": layer, "aws:asset:property": Content}\n'
        "    Properties: {Content: {S3Bucket: b, S3Key: k}}\n",
    ],
)
def test_a_raw_layer_of_a_raw_function(project: Project, layer: str) -> None:
    project.file("code/app.py")
    project.file("layer/python/own.py")
    written = LAYERED.replace("Serverless", "Lambda").replace("CodeUri", "Code")
    more = f"\n  Shared:\n    Type: AWS::Lambda::LayerVersion\n{layer}"
    assert project.main(written, "[!Ref Shared]", more).layers == (project.folder / "layer",)


def test_a_handler_may_lie_in_a_layer(project: Project) -> None:
    project.file("code/readme.txt")
    project.file("layer/python/app.py", "handler = print")
    assert project.main(LAYERED, "[!Ref Shared]", SHARED.format(name="Shared", uri="layer"))


@pytest.mark.parametrize(
    ("layers", "more", "words"),
    [
        ("['arn:aws:lambda:a:1:layer:x:1']", "", "Main.Layers has arn:aws:lambda:a:1:layer:x:1, "),
        ("[!ImportValue other]", "", "Main.Layers !ImportValue other"),
        ("[!Ref S]", SHARED.format(name="S", uri="s3://b/k"), "ContentUri must be a folder or"),
    ],
)
def test_a_layer_from_elsewhere_is_told_and_the_rest_stays(
    project: Project, layers: str, more: str, words: str
) -> None:
    project.file("code/app.py")
    project.file("layer/python/own.py")
    both = layers.replace("]", ", !Ref Shared]")
    plan = project.plan(LAYERED, both, SHARED.format(name="Shared", uri="layer"), more)
    [sentence] = plan.left_out
    assert words in sentence
    assert plan.functions["Main"].layers == (project.folder / "layer",)


def test_a_layer_that_must_be_built_first_is_told(project: Project) -> None:
    project.file("code/app.py")
    project.file("layer/requirements.txt")
    plan = project.plan(LAYERED, "[!Ref Shared]", SHARED.format(name="Shared", uri="layer"))
    [sentence] = plan.left_out
    assert "ContentUri holds no folder python, bin or lib" in sentence


def test_layers_of_globals_and_their_arn_as_an_attribute(project: Project) -> None:
    project.file("code/app.py")
    project.file("layer/python/own.py")
    above = "Globals: {Function: {Layers: [!GetAtt Shared.LayerVersionArn]}}\n"
    layer = """
  Shared:
    Type: AWS::Lambda::LayerVersion
    Properties: {Content: layer}
"""
    main = LAYERED.removesuffix("      Layers: ")
    plan = project.load(HEAD.replace("Resources:", f"{above}Resources:") + main + layer)
    assert plan.functions["Main"].layers == (project.folder / "layer",)


def test_packages_of_this_python_stand_in_for_the_runtimes(tmp_path: Path) -> None:
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / "python" / "lib" / here / "site-packages"
    packages.mkdir(parents=True)
    assert python_folders([tmp_path], "python3.99") == [packages, tmp_path / "python"]
    other = tmp_path / "python" / "lib" / "python3.99" / "site-packages"
    other.mkdir(parents=True)
    assert python_folders([tmp_path], "python3.99") == [other, tmp_path / "python"]


async def test_a_layers_programs_and_libraries_are_found(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").mkdir()
    async with running("about", layers=(tmp_path,)) as runner:
        seen = (await runner.call())["environment"]
    assert seen["PATH"].endswith(f":{tmp_path / 'bin'}")
    assert seen["LD_LIBRARY_PATH"].endswith(str(tmp_path / "lib"))


# ---- functions that run elsewhere


NODE = """
  Main:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: not/there
      Handler: index.handler
      Runtime: nodejs22.x
      Timeout: 7
      Layers: [!ImportValue unknown]
      Environment: {Variables: {A: !ImportValue unknown}}
"""
IMAGE = """
  Main:
    Type: AWS::Serverless::Function
    Properties: {PackageType: Image, Timeout: 7}
    Metadata: {Dockerfile: Dockerfile, DockerContext: helper}
"""


@pytest.mark.parametrize("written", [NODE, IMAGE])
@pytest.mark.parametrize("elsewhere", [Elsewhere.OTHERS, Elsewhere.ALL])
def test_other_runtimes_run_elsewhere_whatever_their_code_is(
    project: Project, written: str, elsewhere: Elsewhere
) -> None:
    plan = project.plan(written, elsewhere=elsewhere)
    assert plan.left_out == ()
    main = plan.functions["Main"]
    assert (main.elsewhere, main.timeout) == (True, timedelta(seconds=7))
    assert plan.websocket.routes["$default"]


def test_without_an_endpoint_the_sentence_names_it(project: Project) -> None:
    with pytest.raises(TemplateError, match=r"runs Python only: .* with --invoke-endpoint"):
        project.plan(NODE)


def test_python_may_stay_here_or_not(project: Project) -> None:
    project.file("code/app.py")
    python = LAYERED.removesuffix("      Layers: ").replace("Main", "Here")
    plan = project.plan(NODE, python, elsewhere=Elsewhere.OTHERS)
    assert {name: one.elsewhere for name, one in plan.functions.items()} == {
        "Main": True,
        "Here": False,
    }
    plan = project.plan(NODE, python.replace("code", "gone"), elsewhere=Elsewhere.ALL)
    assert plan.functions["Here"].elsewhere


# ---- reserved concurrency


@pytest.mark.parametrize(("given", "read"), [("", None), ("0", 0), ("900", 900)])
def test_reserved_concurrency_is_read(project: Project, given: str, read: int | None) -> None:
    project.file("code/app.py")
    line = f"      ReservedConcurrentExecutions: {given}\n" if given else ""
    assert project.main(LAYERED.removesuffix("      Layers: "), line).reserved == read


@pytest.mark.parametrize("given", ["901", "-1", "many"])
def test_a_reservation_that_aws_refuses_is_refused(project: Project, given: str) -> None:
    project.file("code/app.py")
    with pytest.raises(TemplateError, match=r"Main\.ReservedConcurrentExecutions"):
        project.plan(
            LAYERED.removesuffix("      Layers: "), f"      ReservedConcurrentExecutions: {given}\n"
        )


def test_the_account_has_so_many_to_reserve(project: Project) -> None:
    project.file("code/app.py")
    line = "      ReservedConcurrentExecutions: 451\n"
    one = LAYERED.removesuffix("      Layers: ") + line
    with pytest.raises(TemplateError, match="reserve more than the 900"):
        project.plan(one, one.replace("Main", "Other"))


def test_events_as_json(project: Project) -> None:
    """The template may be JSON, and code in it too."""
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": "handler = print"},
            "Handler": "index.handler",
            "Runtime": "python3.13",
        },
    }
    assert project.main(f"  Main: {json.dumps(function)}\n").code.is_dir()
