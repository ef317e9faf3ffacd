"""New code is met without a restart, and only code counts."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect

from waiting import in_time, until
from wsgate.functions import reloader
from wsgate.functions.reloader import CodeWatch, difference, look, outermost
from wsgate.model.limits import Limits
from wsgate.serve import Addresses, Options, serve_at

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes:
        $default: {FunctionArn: !GetAtt Main.Arn, RouteResponseSelectionExpression: $default}
  Reply:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref SocketDefaultRoute, RouteResponseKey: $default}
  Main:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
      Layers: [!Ref Shared]
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
"""
HANDLER = """
import os
from pathlib import Path

import shared

def handler(event, context):
    assert os.environ["WSGATE_ENDPOINT"].startswith("http://127.0.0.1:")
    return {{"statusCode": 200, "body": {answer!r} + Path("words.txt").read_text() + shared.end}}
"""
QUICK = Limits(code=timedelta(milliseconds=10))


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER.format(answer="old"))
    (folder / "words.txt").write_text("!")
    write(tmp_path / "layer" / "python" / "shared.py", "end = ''")
    return folder


async def test_an_open_connection_meets_new_code(code: Path) -> None:
    log: list[str] = []
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(code.parent / "template.yaml", port=0, log=log.append, limits=QUICK)
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    async with connect((await in_time(ready)).websocket) as client:
        await client.send("")
        assert await client.recv() == "old!"
        edit(code / "app.py", HANDLER.format(answer="quite new"))
        await until(lambda: [line for line in log if "app.py changed" in line])
        await client.send("")
        assert await client.recv() == "quite new!"
        edit(code / "words.txt", ", and not only Python")
        await until(lambda: [line for line in log if "words.txt changed" in line])
        await client.send("")
        assert await client.recv() == "quite new, and not only Python"
        edit(code.parent / "layer" / "python" / "shared.py", "end = ', layers too'")
        await until(lambda: [line for line in log if "shared.py changed" in line])
        await client.send("")
        assert await client.recv() == "quite new, and not only Python, layers too"
    serving.cancel()
    await asyncio.wait([serving], timeout=15)
    assert len([line for line in log if "changed" in line]) == 3


def edit(file: Path, words: str) -> None:
    """At once, as an editor does: a file that is emptied and then written has changed twice."""
    with tempfile.TemporaryDirectory() as elsewhere:
        new = Path(elsewhere, file.name)
        new.write_text(words)
        new.replace(file)


def write(file: Path, words: str = "new") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(words)


@pytest.mark.parametrize("name", ["app.py", "sql/query.sql", "new.json", "lib/deep/er/x.html"])
def test_what_is_edited_is_seen(code: Path, name: str) -> None:
    before = look([code])
    write(code / name)
    assert difference(before, look([code])) == code / name


@pytest.mark.parametrize(
    "name",
    [
        ".venv/lib/x.py",
        ".git/index",
        ".hidden",
        "__pycache__/app.pyc",
        "client/node_modules/x/index.js",
        "gateway.log",
        "app.py~",
    ],
)
def test_a_generated_file_is_ignored(code: Path, name: str) -> None:
    before = look([code])
    write(code / name)
    assert difference(before, look([code])) is None


def test_a_virtual_environment_of_any_name_is_left_alone(code: Path) -> None:
    write(code / "env" / "pyvenv.cfg")
    before = look([code])
    write(code / "env" / "lib" / "x.py")
    assert difference(before, look([code])) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.unlink(),
        lambda file: file.rename(file.with_name("moved.py")),
        lambda file: os.utime(file, (1, 1)),
    ],
)
def test_what_is_gone_moved_or_touched_is_a_change(
    code: Path, change: Callable[[Path], None]
) -> None:
    before = look([code])
    change(code / "app.py")
    assert difference(before, look([code])) is not None


def test_links_in_circles_and_folders_that_are_gone_do_no_harm(code: Path) -> None:
    (code / "circle").symlink_to(code)
    (code / "up").symlink_to(code.parent)
    assert len(look([code, code / "nowhere"])) == 2


def test_code_behind_a_link_is_looked_at(code: Path) -> None:
    shared = code.parent / "shared"
    write(shared / "lib" / "x.py")
    (shared / "back").symlink_to(shared)
    (code / "shared").symlink_to(shared)
    (code / "one.py").symlink_to(shared / "lib" / "x.py")
    before = look([code])
    assert len(before) == 4
    write(shared / "lib" / "x.py", "longer than new")
    assert difference(before, look([code])) == code / "one.py"
    before = look([code])
    write(shared / "lib" / "y.py")
    assert difference(before, look([code])) == code / "shared" / "lib" / "y.py"


def test_a_link_to_a_whole_disk_is_not_followed_to_its_end(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloader, "_MAX_LINKED", 3)
    for number in range(9):
        write(code.parent / "disk" / f"{number}.py")
    (code / "disk").symlink_to(code.parent / "disk")
    assert len(look([code])) == 2 + 3


def test_a_single_file_can_be_watched(code: Path) -> None:
    template = code.parent / "template.yaml"
    before = look([template])
    assert difference(before, look([template])) is None
    write(template)
    assert difference(before, look([template])) == template
    template.unlink()
    assert difference(before, look([template])) == template


async def test_when_nothing_can_be_opened_nothing_has_changed(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, changes = 0, list[Path]()

    def refuse(folder: str) -> None:
        nonlocal looks
        looks += 1
        raise OSError(errno.EMFILE, "Too many open files")

    watch = CodeWatch([code], QUICK.code, changes.append)
    await watch.start()
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        await until(lambda: looks > 2)
    write(code / "new.py")
    await until(lambda: changes)
    await watch.close()
    assert changes == [code / "new.py"]


def test_a_folder_inside_another_is_not_looked_at_twice() -> None:
    outer, inner, other = Path("/a"), Path("/a/b/c"), Path("/d")
    assert outermost([inner, other, outer, outer]) == [outer, other]
