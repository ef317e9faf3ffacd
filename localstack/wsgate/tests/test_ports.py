"""The page "Security" names every port, socket and file: compared with a run of the command."""

from __future__ import annotations

import re
import stat
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command import ROOT
from sockets_of import family, listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from command import Command

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: dev
      RouteSelectionExpression: $request.body.action
      Routes: {$connect: {FunctionArn: !GetAtt F.Arn}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: code.run
      Runtime: python3.13
      Events:
        Any: {Type: HttpApi}
        Job: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn}}
"""


def rows() -> dict[str, str]:
    """The first column of the table of ports: each port's name, and where it is."""
    text = (ROOT / "docs" / "security.md").read_text()
    table = text.partition("## Ports\n")[2].partition("\n\n## ")[0]
    return dict(re.findall(r"^\| (\w+): (.+?) \|", table, flags=re.MULTILINE))


def private(folder: Path) -> dict[str, int]:
    """The mode of each file, by name, and of the folder."""
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    return {".": stat.S_IMODE(folder.stat().st_mode), **found}


def scratch(temporary: Path, file: str) -> Path:
    """The folder of the run that has a file of this name."""
    [found] = temporary.glob(f"wsgate-*/{file}")
    return found.parent


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("nodes", ["1", "2"])
async def test_nothing_listens_that_the_page_does_not_name(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]], nodes: str
) -> None:
    assert rows() == {"gateway": "`--port`", "queues": "any free one"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "code.py").write_text("def run(event, context):\n    return {}\n")
        (folder / "template.yaml").write_text(TEMPLATE)
        options = ("--template", str(folder / "template.yaml"), "--nodes", nodes)
        async with wsgate(*options, TMPDIR=name) as command:
            urllib.request.urlopen(f"http://{command.base}/", timeout=60).close()  # noqa: ASYNC210
            found = listening(family(command.process.pid))
            files = private(scratch(folder, "server.pem"))
            sockets = {path for path in found if path.startswith(f"{folder}/wsgate-")}
            modes = {private(Path(path).parent)["."] for path in sockets}
    assert {Path(path).name for path in sockets} == ({"0", "1"} if nodes == "2" else set())
    assert modes <= {0o700}
    assert command.base in found
    [queues] = found - sockets - {command.base}
    assert queues.startswith("127.0.0.1:")
    assert files.pop(".") == 0o700
    assert files == dict.fromkeys(("server.pem", "authority.pem", "bundle.pem"), 0o600)


async def test_without_a_queue_there_is_one_port(
    wsgate: Callable[..., AbstractAsyncContextManager[Command]],
) -> None:
    async with wsgate() as command:
        if sys.platform == "linux":
            assert listening(family(command.process.pid)) == {command.base}
