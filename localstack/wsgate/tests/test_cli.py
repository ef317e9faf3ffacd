"""The command: what it says, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from command import ROOT, SAMPLE, Command, spawn
from waiting import PATIENCE_SECONDS, in_time
from wsgate.__main__ import _greet, main, parse
from wsgate.core.quotas import Quotas
from wsgate.core.signature import Credential
from wsgate.doctor.machine import look
from wsgate.doctor.sums import Needs, fitting_nodes
from wsgate.serve import Addresses, StartupError
from wsgate.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

TEMPLATE = ("--template", "template.yaml")


class TestRefusals:
    """Exit code 2, one sentence, no traceback."""

    async def refusal(self, *arguments: str, **environment: str) -> str:
        process = await spawn(*arguments, **environment)
        output, errors = await in_time(process.communicate())
        assert (process.returncode, output) == (2, b"")
        [line] = errors.decode().splitlines()
        assert line.startswith("wsgate: ")
        return line

    async def test_a_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            line = await self.refusal("--template", str(SAMPLE), "--port", port)
        assert line == f"wsgate: Cannot listen on 127.0.0.1:{port}: Address already in use."

    async def test_a_template_that_is_not_there(self, tmp_path: Path) -> None:
        line = await self.refusal("--template", str(tmp_path / "nope.yaml"), "--port", "0")
        assert "nope.yaml" in line

    async def test_a_template_that_is_no_template(self, tmp_path: Path) -> None:
        template = tmp_path / "broken.yaml"
        template.write_text("Resources: [")
        assert "broken.yaml" in await self.refusal("--template", str(template), "--port", "0")

    async def test_a_parameter_that_the_template_does_not_have(self) -> None:
        arguments = ("--template", str(SAMPLE), "--port", "0", "--parameter", "Nope=secret")
        line = await self.refusal(*arguments)
        assert "Nope" in line
        assert "secret" not in line

    @pytest.mark.parametrize("port", ["abc", "-1", "70000"])
    async def test_a_wrong_port_of_the_environment_is_named(self, port: str) -> None:
        line = await self.refusal("--template", str(SAMPLE), PORT=port)
        assert line == (
            f"wsgate: PORT in the environment: '{port}' is not a number from 0 to 65535."
        )

    async def test_pages_that_are_not_there(self, tmp_path: Path) -> None:
        arguments = ("--template", str(SAMPLE), "--port", "0", "--pages", str(tmp_path / "nope"))
        assert "nope" in await self.refusal(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (*TEMPLATE, "--port", "x"),
        (*TEMPLATE, "--port", "65536"),
        (*TEMPLATE, "--port", "-1"),
        (*TEMPLATE, "--concurrency", "0"),
        (*TEMPLATE, "--nodes", "0"),
        (*TEMPLATE, "--nodes", "65"),
        (*TEMPLATE, "--nodes", "all"),
        (*TEMPLATE, "--parameter", "NoValue"),
        (*TEMPLATE, "--parameter", "=value"),
        (*TEMPLATE, "--parameter-overrides", "NoValue"),
        (*TEMPLATE, "--account-id", "12345"),
        (*TEMPLATE, "--unknown"),
        (*TEMPLATE, "--quotas", "nope=1"),
        (*TEMPLATE, "--quotas", "burst=x"),
        (*TEMPLATE, "--fault", "nope=1"),
        (*TEMPLATE, "--fault", "disconnect_lost"),
        (*TEMPLATE, "--fault", "disconnect_lost=2"),
        (*TEMPLATE, "--fault", "seed=-1"),
        (*TEMPLATE, "--fault", "seed=4294967296"),
    ],
)
def test_a_command_line_with_a_mistake_exits_with_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_there_can_be_as_many_nodes_as_the_machine_holds() -> None:
    assert parse((*TEMPLATE, "--nodes", "3"), {}).nodes == 3
    assert parse((*TEMPLATE, "--nodes", "auto"), {}).nodes == fitting_nodes(look(), Needs(1))


def test_a_mistake_in_a_parameter_does_not_repeat_its_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main((*TEMPLATE, "--parameter", "a b=secret"))
    assert "secret" not in capsys.readouterr().err


def test_pages_are_served_under_a_path_or_else_under_the_root() -> None:
    given = ("--pages", "site", "--pages", "/lib=libs/a=b", "--pages", "./odd=name")
    assert parse((*TEMPLATE, *given[:4]), {}).pages == {
        "/": Path("site"),
        "/lib": Path("libs/a=b"),
    }
    assert parse((*TEMPLATE, *given[4:]), {}).pages == {"/": Path("./odd=name")}


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"wsgate {VERSION}\n"


def test_the_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for option in ("template", "port", "parameter", "pages", "concurrency", "invoke-endpoint"):
        assert f"--{option}" in text
    for option in ("json", "record", "no-console"):
        assert f"--{option}" in text
    for option in ("iam", "credentials", "api-key", "quotas", "fault"):
        assert f"--{option}" in text
    for option in ("debug", "moto", "allow-host"):
        assert f"--{option}" in text
    for option in ("parameter-overrides", "config-env", "env-vars", "region", "account-id"):
        assert f"--{option}" in text
    for variable in ("WSGATE_PARAMETER_", "WSGATE_SECRET_", "WSGATE_API_KEYS"):
        assert variable in text


def test_the_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*TEMPLATE, "--fault", "list"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "disconnect_lost" in text
    assert "seed" in text


class TestOptions:
    def test_quotas_are_off_or_those_of_aws_or_what_is_said(self) -> None:
        assert parse(TEMPLATE, {}).quotas is None
        assert parse((*TEMPLATE, "--quotas"), {}).quotas == Quotas(500, 10_000, 5_000)
        assert parse((*TEMPLATE, "--quotas", "burst=7"), {}).quotas == Quotas(burst=7)

    def test_faults_are_off_until_they_are_given(self) -> None:
        assert not parse(TEMPLATE, {}).faults.is_on
        given = ("--fault", "disconnect_lost=0.5", "--fault", "seed=7", "--fault", "node_kill=1")
        faults = parse((*TEMPLATE, *given), {}).faults
        assert faults.changed() == {"disconnect_lost": 0.5, "node_kill": 1}
        assert faults.seed == 7

    def test_without_a_seed_each_run_has_its_own(self) -> None:
        seeds = {parse(TEMPLATE, {}).faults.seed for _ in range(3)}
        assert len(seeds) > 1

    def test_a_port_comes_from_the_command_line_the_environment_or_8080(self) -> None:
        assert parse(TEMPLATE, {}).port == 8080
        assert parse(TEMPLATE, {"PORT": "9000"}).port == 9000
        assert parse(TEMPLATE, {"PORT": ""}).port == 8080
        assert parse((*TEMPLATE, "--port", "9001"), {"PORT": "9000"}).port == 9001

    def test_parameters_come_from_the_environment_and_the_command_line_wins(self) -> None:
        environment = {"WSGATE_PARAMETER_A": "1", "WSGATE_PARAMETER_B": "2", "C": "3"}
        given = parse((*TEMPLATE, "--parameter", "B=4", "--parameter", "D=x=y"), environment)
        assert given.parameters == {"A": "1", "B": "4", "D": "x=y"}


def test_the_greeting_names_every_address(capsys: pytest.CaptureFixture[str]) -> None:
    addresses = Addresses("ws://a/live", "http://a/live", ("ws://a/test", "ws://b"), "http://a/")
    _greet(parse(TEMPLATE, {}), addresses)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == ["ws://a/live", "ws://a/test", "ws://b"]
    assert {line.index("ws://") for line in lines[1:4]} == {lines[1].index("ws://")}


class TestKeys:
    """A secret comes by the environment, because others can read a command line."""

    def test_the_secret_of_a_key_is_in_the_environment(self) -> None:
        given = parse((*TEMPLATE, "--credentials", "AKIDONE"), {"WSGATE_SECRET_AKIDONE": "s"})
        assert given.credentials == {"AKIDONE": Credential("s")}
        assert "'s'" not in repr(given)

    def test_the_variables_of_an_sdk_will_do_if_they_are_about_the_key(self) -> None:
        environment = {
            "AWS_ACCESS_KEY_ID": "ASIDONE",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_SESSION_TOKEN": "t",
        }
        given = parse((*TEMPLATE, "--credentials", "ASIDONE"), environment)
        assert given.credentials == {"ASIDONE": Credential("s", "t")}
        with pytest.raises(StartupError, match="AKIDTWO needs its secret in the environment"):
            parse((*TEMPLATE, "--credentials", "AKIDTWO"), environment)

    def test_what_is_no_id_is_not_repeated(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            parse((*TEMPLATE, "--credentials", "AKID:the-secret"), {})
        assert "the-secret" not in capsys.readouterr().err

    def test_api_keys_come_from_the_environment_and_the_command_line(self) -> None:
        given = parse((*TEMPLATE, "--api-key", "one"), {"WSGATE_API_KEYS": "two, three,"})
        assert given.api_keys == ("one", "two", "three")
        assert "three" not in repr(given)


async def test_the_example_in_the_readme_is_true(unused_tcp_port: int) -> None:
    readme = (ROOT / "README.md").read_text()
    given, _, shown = readme.partition("    wsgate --template ")[2].partition("\n\n")
    template = str(ROOT / given)
    process = await spawn("--template", template, "--port", str(unused_tcp_port))
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        said = [(await process.stdout.readline()).decode().rstrip() for _ in range(4)]
    process.terminate()
    await in_time(process.communicate())
    lines = "\n".join(said).replace(template, given).replace(str(unused_tcp_port), "8080")
    assert [line.strip() for line in shown.splitlines()[:4]] == [
        line.strip() for line in lines.splitlines()
    ]


async def test_the_sample_from_first_to_last(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]],
) -> None:
    async with wsgate(WSGATE_PARAMETER_Greeting="salut") as command:
        async with connect(f"ws://{command.base}/dev?ticket=ann") as client:
            await client.send('{"action":"echo","text":"hi"}')
            assert json.loads(await client.recv()) == {
                "greeting": "salut",
                "user": "ann",
                "text": "hi",
            }
            await client.send('{"action":"ping"}')
            assert json.loads(await client.recv())["type"] == "pong"
            command.process.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed) as caught:
                await in_time(client.recv())
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert await in_time(command.process.wait()) == 0
    assert "ChatFunction | DISCONNECT of ann" in command.errors
    assert not any("ticket" in line or "salut" in line for line in command.errors)


async def test_faults_and_quotas_from_the_command_line(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]],
) -> None:
    """Said at the start, done to a real process, and each time a line."""
    faults = ("--fault", "function_crash=1", "--fault", "seed=7")
    async with wsgate("--quotas", "burst=2,requests=0", *faults) as command:
        statuses = []
        for _ in range(3):
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"ws://{command.base}/dev?ticket=ann")
            statuses.append(caught.value.response.status_code)
    assert statuses == [500, 500, 429]  # the authorizer crashed, twice
    assert command.errors[:2] == [
        "quotas: connections=500 requests=0 burst=2 concurrency=1000",
        "faults: function_crash=1 seed=7",
    ]
    done = "AuthorizeFunction | fault: function_crash after 0 s at most"
    assert command.errors.count(done) == 2


async def test_it_leaves_no_process_behind(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]],
) -> None:
    async with wsgate("--quiet") as command:
        async with connect(f"ws://{command.base}/dev?ticket=ann"):
            children = children_of(command.process.pid)
        command.process.terminate()
        assert await in_time(command.process.wait()) == 0
    assert len(children) == 2
    assert not set(children) & set(processes())
    assert command.errors == ["ChatFunction | CONNECT of ann", "ChatFunction | DISCONNECT of ann"]


async def test_with_json_every_line_is_an_object(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]], tmp_path: Path
) -> None:
    async with (
        wsgate("--json", "--record", str(tmp_path / "events")) as command,
        connect(f"ws://{command.base}/dev?ticket=ann") as client,
    ):
        await client.send('{"action":"echo","text":"hi"}')
        await client.recv()
        command.process.send_signal(signal.SIGINT)
        assert await in_time(command.process.wait()) == 0
    lines = [json.loads(line) for line in command.errors]
    assert lines[0]["kind"] == "ready"
    assert lines[0]["console"] == f"http://{command.base}/_wsgate"
    routes = [line["route"] for line in lines if line["kind"] == "event"]
    assert routes == ["authorizer", "$connect", "echo", "$disconnect"]
    printed = [line["text"] for line in lines if line["kind"] == "function"]
    assert printed == ["CONNECT of ann", "MESSAGE of ann", "DISCONNECT of ann"]
    assert sorted(path.name for path in (tmp_path / "events").iterdir()) == [
        "authorize.json",
        "connect.json",
        "disconnect.json",
        "message-echo.json",
    ]


async def test_a_route_that_asks_too_much_is_told_and_the_others_run(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]], tmp_path: Path
) -> None:
    text = SAMPLE.read_text().replace("$context.requestTimeEpoch", "#macro(x)#end")
    (tmp_path / "functions.py").write_text("authorize = chat = web = print")
    template = tmp_path / "template.yaml"
    template.write_text(text)
    async with wsgate("--template", str(template)) as command:
        assert any("mapping template uses '#macro'" in line for line in command.errors)


async def test_with_json_a_refusal_is_an_object_too(tmp_path: Path) -> None:
    process = await spawn("--json", "--template", str(tmp_path / "nope.yaml"), "--port", "0")
    _, errors = await in_time(process.communicate())
    assert process.returncode == 2
    [line] = map(json.loads, errors.decode().splitlines())
    assert line["kind"] == "refused"
    assert "nope.yaml" in line["text"]


async def test_a_folder_that_cannot_be_recorded_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("--template", str(SAMPLE), "--port", "0", "--record", str(tmp_path / "file"))
    process = await spawn(*arguments)
    _, errors = await in_time(process.communicate())
    assert process.returncode == 2
    assert errors.decode() == f"wsgate: Cannot record into {tmp_path / 'file'}: File exists.\n"


async def test_the_greeting_names_the_console_unless_there_is_none(unused_tcp_port: int) -> None:
    for arguments, is_there in (((), True), (("--no-console",), False)):
        process = await spawn("--template", str(SAMPLE), "--port", str(unused_tcp_port), *arguments)
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = [await process.stdout.readline() for _ in range(4)]
        process.terminate()
        rest, _ = await in_time(process.communicate())
        assert b"HTTP API" in said[-1]
        assert (f"http://127.0.0.1:{unused_tcp_port}/_wsgate".encode() in rest) is is_there


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
async def test_a_terminal_gets_colour_unless_it_wants_none(
    no_color: str, is_coloured: bool
) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "wsgate", "--template", "nope.yaml", "--port", "0"),
        stderr=theirs,
        env={"PYTHONPATH": str(ROOT / "src"), "NO_COLOR": no_color, "TERM": "xterm"},
    )
    os.close(theirs)
    assert await in_time(process.wait()) == 2
    said = os.read(ours, 4096)
    os.close(ours)
    assert b"nope.yaml" in said
    assert (b"\x1b[31m" in said) is is_coloured


def children_of(pid: int) -> list[int]:
    return [child for child, parent in processes().items() if parent == pid]


def processes() -> dict[int, int]:
    """Every process of this machine, with its parent."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="],  # noqa: S607 wherever it is
        check=True,
        capture_output=True,
        text=True,
    )
    lines = (line.split() for line in listing.stdout.splitlines())
    return {int(pid): int(parent) for pid, parent in lines}
