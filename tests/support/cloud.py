"""An emulated AWS account, tests/deploy/emulator.py, and what a user types to deploy to it."""

from __future__ import annotations

import errno
import json
import os
import platform
import pty
import re
import signal
import subprocess
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import yaml
from moto.server import ThreadedMotoServer

from bench.support.ports import free_port
from tests.support.system import Headcount
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

ROOT: Final = Path(__file__).parents[2]
# The SAM CLI, the AWS CLI and ministack, apart from the project's own environment.
TOOLS: Final = ROOT / "build" / "deploy-test" / "bin"
MACHINE: Final = {"arm64": "arm64", "aarch64": "arm64"}.get(platform.machine(), "x86_64")
MAX_STACK_SECONDS: Final = 600
Template = dict[str, Any]
MAX_ENTERS: Final = 200
ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ACCOUNT: Final = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "SAM_CLI_TELEMETRY": "0",
}


@contextmanager
def moto_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS's calls of this process and of those it starts go to a moto of its own."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    for name, value in (ACCOUNT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}).items():
        monkeypatch.setenv(name, value)
    try:
        yield
    finally:
        server.stop()


class StackFailed(Exception):
    """A stack that did not get where it should: its state and the events that failed."""


@dataclass(frozen=True)
class Cloud:
    """The emulator, running."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What commands need to talk to it, with the tools first on the path."""
        path = f"{TOOLS}:{os.environ['PATH']}"
        return os.environ | ACCOUNT | {"AWS_ENDPOINT_URL": self.url, "PATH": path}

    def client(self, service: str) -> Any:
        """boto3's client of a service."""
        account = boto3.Session("test", "test", region_name="us-east-1")
        return account.client(service, endpoint_url=self.url)  # type: ignore[call-overload]

    def create(self, stack: str, template: Template, **parameters: str) -> None:
        """Create a stack and wait for it. Raises StackFailed."""
        self._change("create_stack", stack, template, parameters)

    def update(self, stack: str, template: Template, **parameters: str) -> None:
        """Update a stack and wait for it. Raises StackFailed."""
        self._change("update_stack", stack, template, parameters)

    def delete(self, stack: str) -> None:
        """Delete a stack and wait for it. Raises StackFailed."""
        stack_id = self.described(stack)["StackId"]
        self.client("cloudformation").delete_stack(StackName=stack)
        self._settled(stack_id, "DELETE_COMPLETE")

    def described(self, stack: str) -> dict[str, Any]:
        """What DescribeStacks says."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return dict(found)

    def template(self, stack: str) -> Template:
        """The template that a stack was deployed from, SAM's resources as they are in it."""
        cloudformation = self.client("cloudformation")
        found = cloudformation.get_template(StackName=stack, TemplateStage="Original")
        body = found["TemplateBody"]  # boto3 has parsed it if it is JSON
        return dict(yaml.safe_load(body) if isinstance(body, str) else body)

    def outputs(self, stack: str) -> dict[str, str]:
        """A stack's outputs."""
        listed = self.described(stack)["Outputs"]
        return {output["OutputKey"]: output["OutputValue"] for output in listed}

    def physical_id(self, stack: str, logical_id: str) -> str:
        """The id of a stack's resource."""
        cloudformation = self.client("cloudformation")
        found = cloudformation.describe_stack_resource(
            StackName=stack, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def live(self, stack: str, logical_id: str) -> dict[str, Any]:
        """The version of a function to which its alias leads: what is called."""
        name = self.physical_id(stack, logical_id)
        aws = self.client("lambda")
        return dict(aws.get_function_configuration(FunctionName=name, Qualifier="live"))

    def secret(self, name: str) -> str:
        """A secret's value."""
        found = self.client("secretsmanager").get_secret_value(SecretId=name)
        return str(found["SecretString"])

    def new_version(self, name: str, value: str) -> str:
        """Give a secret a new value; return the version's id."""
        manager = self.client("secretsmanager")
        return str(manager.put_secret_value(SecretId=name, SecretString=value)["VersionId"])

    def stacks(self) -> list[str]:
        """The names of the stacks that hold resources, nested ones as well."""
        listed = self.client("cloudformation").describe_stacks()["Stacks"]
        gone = ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")
        return [stack["StackName"] for stack in listed if stack["StackStatus"] not in gone]

    def _change(
        self, act: str, stack: str, template: Template, parameters: Mapping[str, str]
    ) -> None:
        s3 = self.client("s3")
        s3.create_bucket(Bucket="templates")
        s3.put_object(Bucket="templates", Key=stack, Body=json.dumps(template))
        answer = getattr(self.client("cloudformation"), act)(
            StackName=stack,
            TemplateURL=f"{self.url}/templates/{stack}",
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        done = {"create_stack": "CREATE_COMPLETE", "update_stack": "UPDATE_COMPLETE"}
        self._settled(answer["StackId"], done[act])

    def _settled(self, stack_id: str, wanted: str) -> None:
        cloudformation = self.client("cloudformation")
        state = ""

        def is_settled() -> bool:
            nonlocal state
            state = self.described(stack_id)["StackStatus"]
            return not state.endswith("_IN_PROGRESS")

        wait_until(is_settled, f"{stack_id} stays {state}", MAX_STACK_SECONDS)
        if state != wanted:
            events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
            failed = [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
                for event in events
                if event["ResourceStatus"].endswith("_FAILED")
            ]
            raise StackFailed(state, failed)


@contextmanager
def emulated(folder: Path, database_url: str) -> Iterator[Cloud]:
    """The emulator on a free port, with a database for stacks; what it says is in `folder`."""
    port = free_port()
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",  # it would listen on all addresses
        "DATABASE_URL": database_url,
    }
    cloud = Cloud(f"http://127.0.0.1:{port}")
    with (folder / "emulator.log").open("w") as log:
        process = subprocess.Popen(
            [TOOLS / "python", ROOT / "tests" / "deploy" / "emulator.py"],
            env=cloud.environment | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # with the functions' processes, which it leaves behind
        )

    def is_ready() -> bool:
        assert process.poll() is None, (folder / "emulator.log").read_text()
        ready = f"{cloud.url}/_ministack/ready"
        with suppress(OSError), urllib.request.urlopen(ready) as answer:  # noqa: S310  # our own
            return bool(json.load(answer)["status"] == "completed")
        return False

    try:
        wait_until(is_ready, "the emulator does not start")
        yield cloud
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)


def as_system(cloud: Cloud, stack: str, database_url: str) -> Headcount:
    """A stack as tests talk to the system."""
    api = cloud.physical_id(stack, "WebApi")
    outputs = cloud.outputs(stack)
    return Headcount(
        base_url=f"{cloud.url}/_aws/execute-api/{api}/$default",
        websocket_url=socket_url(cloud, stack),
        service_token=cloud.secret(outputs["ServiceTokenSecret"]),
        database_url=database_url,
        pid=0,
    )


def socket_url(cloud: Cloud, stack: str) -> str:
    """Where the emulator serves a stack's WebSocket API."""
    host = cloud.url.removeprefix("http://")
    return f"ws://{host}/_aws/execute-api/{cloud.physical_id(stack, 'SocketApi')}/live"


def type_in(script: str, environment: Mapping[str, str], folder: Path) -> str:
    """Run a script on a terminal, with Enter wherever it asks; return what stood there.

    Fails if it asks too often, or ends with an error.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "--norc", "-e", "-c", script],  # noqa: S607
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, enters = "", 0
    try:
        while enters <= MAX_ENTERS and (read := _read(ours)):
            shown += ESCAPES.sub("", read)
            if shown.endswith(": "):
                enters += 1
                os.write(ours, b"\n")
    finally:
        os.close(ours)  # hangs up on what still asks
    code = process.wait(PATIENCE_SECONDS)
    assert code == 0, f"{script}\nended with {code} after {enters} times Enter:\n{shown[-4000:]}"
    return shown


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65_536).decode(errors="replace")
    except OSError as error:  # Linux says so when the other side has closed it
        if error.errno == errno.EIO:
            return ""
        raise
