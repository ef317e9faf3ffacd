"""A project as SAM CLI has it: found and read the same way, and run by `wsgate` alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect

from command import SAMPLE, spawn_under
from gateways import function, plan, websocket_api
from waiting import in_time
from wsgate.__main__ import parse
from wsgate.model.overrides import with_variables
from wsgate.model.plan import Function
from wsgate.sam_project import Project, ProjectError, env_vars, find, parameter_overrides
from wsgate.serve import StartupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgate.model.plan import Plan

TOML = """
version = 0.1

[default.global.parameters]
region = "eu-west-3"

[default.deploy.parameters]
stack_name = "chat"
capabilities = "CAPABILITY_IAM"
region = "eu-north-1"
parameter_overrides = "Table=\\"chat\\" Greeting=\\"hello world\\""

[staging.deploy.parameters]
parameter_overrides = ["Table=staging", "ParameterKey=Greeting,ParameterValue=hi"]

[mine.wsgate.parameters]
env_vars = "env.json"
template_file = "infra/app.yaml"

[mine.wsgate.parameters.parameter_overrides]
Count = 3
On = true
"""


def project(folder: Path, *files: str, environment: str | None = None) -> Project:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return find(None, environment, folder)


class TestTemplates:
    @pytest.mark.parametrize(
        ("files", "found"),
        [
            (["template.yaml", "template.yml"], "template.yaml"),
            (["template.yml", "template.json"], "template.yml"),
            (["template.json", "cdk.json"], "template.json"),
            (["template.yaml", ".aws-sam/build/template.yaml"], ".aws-sam/build/template.yaml"),
        ],
    )
    def test_the_one_that_sam_would_run_is_found(
        self, tmp_path: Path, files: list[str], found: str
    ) -> None:
        assert project(tmp_path, *files) == Project(tmp_path / found)

    def test_one_that_is_named_is_taken_and_its_samconfig_with_it(self, tmp_path: Path) -> None:
        (tmp_path / "samconfig.toml").write_text(TOML)
        found = find(tmp_path / "other.yaml", None)
        assert found.template == tmp_path / "other.yaml"
        assert found.parameters == {"Table": "chat", "Greeting": "hello world"}

    def test_without_any_it_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match=r"no template.yaml, .* give one with --template"):
            project(tmp_path)


class TestSamconfig:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "samconfig.toml").write_text(TOML)
        (tmp_path / "template.yaml").touch()
        return tmp_path

    def test_a_command_wins_over_global(self, folder: Path) -> None:
        found = find(None, None, folder)
        assert found.config == folder / "samconfig.toml"
        assert found.region == "eu-north-1"

    def test_another_table_has_other_values(self, folder: Path) -> None:
        found = find(None, "staging", folder)
        assert found.parameters == {"Table": "staging", "Greeting": "hi"}
        assert found.region is None

    def test_the_own_section_has_a_template_and_variables(self, folder: Path) -> None:
        found = find(None, "mine", folder)
        assert found.template == folder / "infra" / "app.yaml"
        assert found.env_vars == folder / "env.json"
        assert found.parameters == {"Count": "3", "On": "true"}

    def test_a_table_that_is_not_there_is_named(self, folder: Path) -> None:
        with pytest.raises(ProjectError, match=r"--config-env prod: .* has no table of that name"):
            find(None, "prod", folder)

    def test_without_a_file_no_table_can_be_named(self, folder: Path) -> None:
        (folder / "samconfig.toml").unlink()
        with pytest.raises(ProjectError, match=r"--config-env prod needs a samconfig.toml"):
            find(None, "prod", folder)

    def test_yaml_is_read_too(self, folder: Path) -> None:
        (folder / "samconfig.toml").unlink()
        body = {"default": {"deploy": {"parameters": {"parameter_overrides": "A=1 B=2"}}}}
        (folder / "samconfig.yaml").write_text(json.dumps(body))
        assert find(None, None, folder).parameters == {"A": "1", "B": "2"}

    @pytest.mark.parametrize(
        "text",
        [
            "[default",
            "[default.deploy.parameters]\nparameter_overrides = 'Secret'",
            "a = = 1",
        ],
    )
    def test_a_mistake_is_told_with_the_file(self, folder: Path, text: str) -> None:
        (folder / "samconfig.toml").write_text(text)
        with pytest.raises(ProjectError, match=r"samconfig\.toml: "):
            find(None, None, folder)

    @pytest.mark.parametrize("text", ["", "default = 1", "[default]\ndeploy = 2", "[other]"])
    def test_what_says_nothing_changes_nothing(self, folder: Path, text: str) -> None:
        (folder / "samconfig.toml").write_text(text)
        assert find(None, None, folder).parameters == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("A=1 B=2", {"A": "1", "B": "2"}),
        ("A=\"b c\" D='e f'", {"A": "b c", "D": "e f"}),
        ("A=b c", {"A": "b c"}),
        ("A=x=y", {"A": "x=y"}),
        ("A=", {"A": ""}),
        ("A=it's", {"A": "it's"}),
        (
            "ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue='2 3'",
            {"A": "1", "B": "2 3"},
        ),
        ("ParameterKey=A,ParameterValue=subnet-1,subnet-2", {"A": "subnet-1,subnet-2"}),
        ("", {}),
    ],
)
def test_overrides_in_the_shapes_of_sam(text: str, expected: dict[str, str]) -> None:
    assert parameter_overrides(text) == expected


def test_a_mistake_in_an_override_does_not_repeat_it() -> None:
    with pytest.raises(ProjectError) as caught:
        parameter_overrides("the-secret")
    assert "the-secret" not in str(caught.value)


class TestVariables:
    """Both shapes of `--env-vars`: a function's own, and `Parameters` for all."""

    def plan_of(self, *functions: Function) -> Plan:
        made = plan(websocket_api({"act": function("act")}))
        return replace(made, functions={one.name: one for one in functions})

    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[[object], Path]:
        def write(value: object) -> Path:
            path = tmp_path / "env.json"
            path.write_text(json.dumps(value))
            return path

        return write

    def test_values_are_texts_as_sam_makes_them(self, write: Callable[[object], Path]) -> None:
        given = {"F": {"N": 1, "B": True, "E": None, "T": "x"}}
        assert env_vars(write(given)) == {"F": {"N": "1", "B": "true", "E": "", "T": "x"}}

    @pytest.mark.parametrize("value", [[], "x", {"F": "x"}, {"F": None}, 1])
    def test_another_shape_is_refused(self, write: Callable[[object], Path], value: object) -> None:
        with pytest.raises(ProjectError, match="it must be"):
            env_vars(write(value))

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match=r"nope.json: No such file"):
            env_vars(tmp_path / "nope.json")
        (tmp_path / "broken.json").write_text("{")
        with pytest.raises(ProjectError, match=r"broken.json: it is not JSON"):
            env_vars(tmp_path / "broken.json")

    def test_a_functions_own_value_wins_over_that_for_all(self) -> None:
        one = code("chat", "Chat", TABLE="a", MODE="b", REST="c")
        two = code("Other", "Other", TABLE="a")
        given = {"Chat": {"TABLE": "own"}, "Parameters": {"TABLE": "all", "MODE": "all"}}
        made = with_variables(self.plan_of(one, two), given)
        assert made.functions["chat"].environment == {"TABLE": "own", "MODE": "all", "REST": "c"}
        assert made.functions["Other"].environment == {"TABLE": "all"}
        assert made.warnings == ()

    def test_a_function_is_found_by_its_name_and_by_its_logical_id(self) -> None:
        one = code("chat", "Chat", TABLE="a")
        for key in ("chat", "Chat"):
            made = with_variables(self.plan_of(one), {key: {"TABLE": "b"}})
            assert made.functions["chat"].environment == {"TABLE": "b"}

    def test_what_the_template_does_not_have_stays_out_and_is_told(self) -> None:
        given = {"Chat": {"NEW": "x"}, "Nope": {"A": "x"}, "Parameters": {"ALSO": "x"}}
        made = with_variables(self.plan_of(code("chat", "Chat", TABLE="a")), given)
        assert made.functions["chat"].environment == {"TABLE": "a"}
        assert [warning.partition(",")[0] for warning in made.warnings] == [
            "--env-vars sets NEW",
            "--env-vars has variables for Nope",
            "--env-vars sets ALSO",
        ]


def code(name: str, logical_id: str, **environment: str) -> Function:
    return Function(
        name, Path(), "m.f", timedelta(seconds=3), 128, environment, logical_id=logical_id
    )


class TestCommandLine:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "template.yaml").touch()
        (tmp_path / "samconfig.toml").write_text(TOML)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_no_flag_is_needed(self) -> None:
        options = parse((), {})
        assert options.template == Path("template.yaml")
        assert options.parameters == {"Table": "chat", "Greeting": "hello world"}
        assert (options.region, options.account) == ("eu-north-1", "000000000000")

    def test_the_command_line_wins_over_the_environment_and_that_over_samconfig(self) -> None:
        given = ("--parameter-overrides", "Greeting=b", "ParameterKey=C,ParameterValue=c")
        environment = {"WSGATE_PARAMETER_Table": "a", "WSGATE_PARAMETER_Greeting": "a"}
        parameters = parse((*given, "--parameter", "D=d"), environment).parameters
        assert parameters == {"Table": "a", "Greeting": "b", "C": "c", "D": "d"}

    def test_a_region_comes_from_the_flag_samconfig_the_environment_or_is_the_usual_one(
        self, folder: Path
    ) -> None:
        shell = {"AWS_REGION": "ap-southeast-2", "AWS_DEFAULT_REGION": "us-west-2"}
        assert parse(("--region", "us-gov-west-1"), shell).region == "us-gov-west-1"
        assert parse((), shell).region == "eu-north-1"
        (folder / "samconfig.toml").unlink()
        assert parse((), shell).region == "ap-southeast-2"
        assert parse((), {"AWS_DEFAULT_REGION": "us-west-2"}).region == "us-west-2"
        assert parse((), {}).region == "us-east-1"
        with pytest.raises(StartupError, match=r"'Paris' is not a region"):
            parse((), {"AWS_REGION": "Paris"})

    def test_variables_come_from_a_file(self, folder: Path) -> None:
        (folder / "env.json").write_text('{"Parameters": {"A": "1"}}')
        assert parse(("--env-vars", "env.json"), {}).variables == {"Parameters": {"A": "1"}}
        assert parse(("--config-env", "mine"), {}).variables == {"Parameters": {"A": "1"}}
        with pytest.raises(StartupError, match=r"nope.json: No such file or directory"):
            parse(("--env-vars", "nope.json"), {})


async def test_wsgate_alone_runs_the_template_of_its_folder(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    """What samconfig.toml says is what the functions get; a change of either is told."""
    for file in (SAMPLE, SAMPLE.with_name("functions.py")):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "samconfig.toml").write_text(
        "[default.deploy.parameters]\nparameter_overrides = 'Greeting=\"good day\"'\n"
    )
    process = await spawn_under((), (), {"PORT": str(unused_tcp_port)}, tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        greeting = await in_time(process.stdout.readline())
        assert greeting.decode().endswith(" runs template.yaml with samconfig.toml\n")
        async with connect(f"ws://127.0.0.1:{unused_tcp_port}/dev?ticket=ann") as client:
            await client.send('{"action":"echo"}')
            assert json.loads(await in_time(client.recv()))["greeting"] == "good day"
        (tmp_path / "template.yaml").touch()
        while not (line := await in_time(process.stderr.readline())).startswith(b"template.yaml "):
            assert line
        assert line == b"template.yaml changed: what runs is as before until you start it again\n"
    finally:
        process.terminate()
        await in_time(process.communicate())
