"""What is compared: wsgate, and the servers that a team would pick otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).parent
BUILD = ROOT / "build" / "peers"
NODE_MODULES = BUILD / "node_modules"
# Where Debian's package golang-github-gorilla-websocket-dev puts the library.
GO_PATH = Path("/usr/share/gocode")
INSTALL = 'make bench NAME=peers OPTIONS="--install"'
INSTALL_NODE = "install Node.js 20 or newer, for instance with `apt-get install nodejs npm`"
INSTALL_GO = "`apt-get install golang-go golang-github-gorilla-websocket-dev`"


class NotInstalled(Exception):
    """A program is missing; the text says how to install it."""


@dataclass(frozen=True)
class Contender:
    """A server with its settings."""

    name: str
    """What `--only` calls it, alike for all its settings."""
    title: str
    kind: str = "plain"
    """What it speaks: one of listeners.KINDS."""
    is_tuned: bool = False
    has_authorizer: bool = False

    def command(self, port: int) -> list[str]:
        """The command line of a peer's server. Raises NotInstalled."""
        how = "tuned" if self.is_tuned else "default"
        return [*PROGRAMS[self.name](), str(port), how]


def node(package: str) -> str:
    """Node's path. Raises NotInstalled without it or the npm package."""
    found = shutil.which("node")
    if found is None:
        raise NotInstalled(INSTALL_NODE)
    if not (NODE_MODULES / package).is_dir():
        raise NotInstalled(f"install the npm package {package} with `{INSTALL}`")
    return found


def environment() -> dict[str, str]:
    """For the peers' servers: where the modules of Node and ours are."""
    paths = (ROOT, ROOT / "localstack", ROOT / "localstack" / "wsgate" / "src")
    return os.environ | {
        "NODE_ENV": "production",
        "NODE_PATH": str(NODE_MODULES),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        # For @connections of wsgate, which takes any.
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def install() -> None:
    """Install the npm packages into build/peers. SystemExit without npm or its registry."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(f"npm is missing: {INSTALL_NODE}.")
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCES / "package.json", BUILD)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock")
    done = subprocess.run([npm, "install", *options], cwd=BUILD, check=False)
    if done.returncode:
        raise SystemExit(f"npm ended with {done.returncode}: nothing was measured.")


def _ws() -> list[str]:
    return [node("ws"), str(SOURCES / "ws.cjs")]


def _socketio() -> list[str]:
    return [node("socket.io"), str(SOURCES / "socketio.cjs")]


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", f"bench.peers.{module}"]


def _gorilla() -> list[str]:
    """Build the Go program, which takes some seconds the first time."""
    go = shutil.which("go")
    if go is None or not (GO_PATH / "src/github.com/gorilla/websocket").is_dir():
        raise NotInstalled(f"install Go and the library with {INSTALL_GO}")
    program = BUILD / "gorilla"
    settings = {"GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOCACHE": str(BUILD / "go-cache")}
    done = subprocess.run(
        [go, "build", "-o", str(program), str(SOURCES / "gorilla.go")],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalled(f"mend what keeps Go from building gorilla.go: {done.stderr.strip()}")
    return [str(program)]


PROGRAMS = {
    "ws": _ws,
    "socketio": _socketio,
    "websockets": lambda: _python("serve_websockets"),
    "fastapi": lambda: _python("serve_fastapi"),
    "gorilla": _gorilla,
}
CONTENDERS = (
    Contender("wsgate", "wsgate, no authorizer", kind="wsgate"),
    Contender("wsgate", "wsgate, authorizer and $connect", kind="wsgate", has_authorizer=True),
    Contender("ws", "Node ws"),
    Contender("ws", "Node ws, tuned", is_tuned=True),
    Contender("socketio", "Socket.IO", kind="socketio"),
    Contender("socketio", "Socket.IO, tuned", kind="socketio", is_tuned=True),
    Contender("websockets", "Python websockets"),
    Contender("websockets", "Python websockets, tuned", is_tuned=True),
    Contender("fastapi", "uvicorn + FastAPI"),
    Contender("fastapi", "uvicorn + FastAPI, tuned", is_tuned=True),
    Contender("gorilla", "Go gorilla/websocket"),
    Contender("gorilla", "Go gorilla/websocket, tuned", is_tuned=True),
)
NAMES = tuple(dict.fromkeys(contender.name for contender in CONTENDERS))
