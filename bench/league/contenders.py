"""The emulators, as PyPI and npm give them, each serving an API in the way that suits it best."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.league import calls, templates
from bench.league.api import CODE, FOLDER, STAGE
from bench.league.play import Place
from bench.support.gateways import gateway
from bench.support.ports import free_port, listens
from wsgate.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bench.league.api import Api

ROOT = Path(__file__).resolve().parents[2]
NODE_MODULES = ROOT / "build" / "league" / "node_modules"
MINISTACK = ROOT / "build" / "deploy-test" / "bin" / "python"
MOTO = ROOT / "build" / "league" / "moto" / "bin" / "python"
START_SECONDS = 300
PLENTY = "connections=100000,requests=100000,burst=100000"
"""Of wsgate: a stage's own throttling counts with quotas only, and those of an account would slow
the measuring."""
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class NotInstalled(Exception):
    """A program is missing; the text says how to install it."""


class NotServed(Exception):
    """It did not start, or refused the API."""


@dataclass(frozen=True)
class Served:
    """A running emulator with an API."""

    place: Place
    holders: Sequence[int]
    """The processes that hold its sockets."""


class Contender(Protocol):
    """An emulator."""

    title: str

    def version(self) -> str:
        """What is installed. Raises NotInstalled."""

    def serve(self, api: Api, folder: Path) -> AbstractContextManager[Served]:
        """Serve an API; its functions write into `folder`. Raises NotServed."""


class Wsgate:
    """This repository's."""

    title = "wsgate"

    def version(self) -> str:
        return VERSION

    @contextlib.contextmanager
    def serve(self, api: Api, folder: Path) -> Iterator[Served]:
        key, secret = "LEAGUE", "league"
        shutil.copytree(CODE, folder / "app")
        template = folder / "template.json"
        template.write_text(json.dumps(templates.cloudformation(api, folder)))
        flags = ("--quotas", PLENTY, "--iam", "--credentials", key, "--quiet")
        try:
            with gateway(
                *flags,
                template=template,
                environment={f"WSGATE_SECRET_{key}": secret},
                log=folder / "output.log",
            ) as it:
                base = f"127.0.0.1:{it.port}/{STAGE}"
                yield Served(Place(f"ws://{base}", f"http://{base}", key, secret), it.nodes)
        except SystemExit as error:
            raise NotServed(str(error)) from error


class ServerlessOffline:
    """serverless-offline under osls, which is the Serverless Framework without a login."""

    title = "serverless-offline"

    def version(self) -> str:
        if shutil.which("node") is None or not NODE_MODULES.is_dir():
            raise NotInstalled("it needs Node.js 20 or newer, npm and its registry")
        offline, framework = map(_npm_version, ("serverless-offline", "osls"))
        return f"{offline}, osls {framework}"

    @contextlib.contextmanager
    def serve(self, api: Api, folder: Path) -> Iterator[Served]:
        shutil.copytree(CODE, folder / "app")
        (folder / "node_modules").symlink_to(NODE_MODULES)
        (folder / "serverless.yml").write_text(json.dumps(templates.serverless(api, folder)))
        sockets, http, functions = free_port(), free_port(), free_port()
        command = [
            str(NODE_MODULES / ".bin" / "osls"),
            "offline",
            "start",
            *("--host", "127.0.0.1", "--websocketPort", str(sockets)),
            *("--httpPort", str(http), "--lambdaPort", str(functions)),
        ]
        environment = {"VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
        with _process(command, environment, folder) as process:
            _listens(process, sockets, folder)
            base = f"127.0.0.1:{sockets}"
            yield Served(Place(f"ws://{base}/{STAGE}", f"http://{base}"), [process.pid])


class Ministack:
    """A free stand-in for LocalStack."""

    title = "ministack"

    def version(self) -> str:
        if not MINISTACK.exists():
            raise NotInstalled("it is installed where there is a Python 3.13 (PYTHON_313=)")
        return _python_version(MINISTACK, "ministack")

    @contextlib.contextmanager
    def serve(self, api: Api, folder: Path) -> Iterator[Served]:
        port = free_port()
        environment = {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",  # it would listen on all addresses
        }
        with _process([str(MINISTACK), "-m", "ministack.app"], environment, folder) as process:
            _listens(process, port, folder)
            api_id = _deployed(api, f"http://127.0.0.1:{port}", folder)
            base = f"127.0.0.1:{port}/_aws/execute-api/{api_id}/{STAGE}"
            yield Served(Place(f"ws://{base}", f"http://{base}"), [process.pid])


class Moto:
    """AWS's calls for tests."""

    title = "moto"

    def version(self) -> str:
        if not MOTO.exists():
            raise NotInstalled("`make league` installs it with pip")
        return _python_version(MOTO, "moto")

    @contextlib.contextmanager
    def serve(self, api: Api, folder: Path) -> Iterator[Served]:
        port = free_port()
        command = [str(MOTO), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with _process(command, {}, folder) as process:
            _listens(process, port, folder)
            _deployed(api, f"http://127.0.0.1:{port}", folder)
            base = f"127.0.0.1:{port}"
            yield Served(Place(f"ws://{base}/{STAGE}", f"http://{base}"), [process.pid])


CONTENDERS: tuple[Contender, ...] = (Wsgate(), ServerlessOffline(), Ministack(), Moto())


def _python_version(python: Path, package: str) -> str:
    command = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _npm_version(package: str) -> str:
    try:
        found: Any = json.loads((NODE_MODULES / package / "package.json").read_text())
    except OSError as error:
        raise NotInstalled("`make league` installs it with npm") from error
    return str(found["version"])


def _deployed(api: Api, endpoint: str, folder: Path) -> str:
    try:
        return calls.deploy(api, endpoint, folder)
    except calls.Refused as error:
        raise NotServed(f"it refuses the API: {error}") from error


@contextlib.contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A server with all that it starts, ended in the end; what it says is in output.log."""
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | ACCOUNT | {FOLDER: str(folder)} | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listens(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Wait until it listens. Raises NotServed."""
    if listens(process, port, START_SECONDS):
        return
    said = (folder / "output.log").read_text(errors="replace").strip()[-300:]
    raise NotServed(f"it does not start: {said or f'no port after {START_SECONDS} s'}")
