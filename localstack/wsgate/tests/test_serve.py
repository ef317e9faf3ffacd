"""`serve` as another program calls it."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect

from command import SAMPLE
from waiting import in_time, until
from wsgate.core.faults import Faults
from wsgate.serve import Addresses, Options, StartupError, serve, serve_at

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_serves_until_cancelled_and_leaves_the_port(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("page")
    log: list[str] = []
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(template=SAMPLE, port=0, pages={"/": tmp_path}, log=log.append)
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    addresses = await in_time(ready)
    async with connect(f"{addresses.websocket}?ticket=ann") as client:
        await client.send('{"action":"echo","text":"hi"}')
        assert json.loads(await client.recv())["text"] == "hi"
        await client.send('{"action":"echo","text":"die"}')  # by kill -9, in mid-event
        assert json.loads(await client.recv())["message"] == "Internal server error"
        await client.send('{"action":"echo","text":"and on"}')
        assert json.loads(await client.recv())["text"] == "and on"
    await ended(serving)
    assert any(line.startswith("ChatFunction | DISCONNECT") for line in log)
    port = int(addresses.http.rstrip("/").rpartition(":")[2])
    socket.create_server(("127.0.0.1", port)).close()


async def test_what_is_left_out_is_told_at_the_start(tmp_path: Path) -> None:
    news = """
  News:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [app]}
      Targets: [{Id: web, Arn: !GetAtt WebFunction.Arn}]
"""
    template = tmp_path / "template.yaml"
    template.write_text(SAMPLE.read_text() + news)
    (tmp_path / "functions.py").write_text("authorize = chat = web = print")
    [line] = await said_at_start(template)
    assert line.startswith(f"left out: {template}:")
    assert "News.EventPattern is not emulated" in line


async def test_a_system_that_tells_no_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("wsgate.functions.memory.is_enforced", lambda: False)
    template = tmp_path / "template.yaml"
    template.write_text(SAMPLE.read_text())
    (tmp_path / "functions.py").write_text("authorize = chat = web = print")
    [line] = await said_at_start(template)
    assert line.startswith("left out: MemorySize")


async def test_a_handler_that_cannot_be_compiled_is_told_at_the_start(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(SAMPLE.read_text())
    (tmp_path / "functions.py").write_text("authorize = chat = web = print(")
    [line] = await said_at_start(template)
    assert line.startswith(f"warning: {template}:")
    assert "functions.py:1: '(' was never closed" in line


async def test_faults_are_told_at_the_start_with_their_seed() -> None:
    faults = Faults(7, {"disconnect_lost": 0.5, "function_slow": 1})
    assert await said_at_start(SAMPLE, faults=faults) == [
        "faults: disconnect_lost=0.5 function_slow=1 seed=7"
    ]


async def test_what_keeps_it_from_starting_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = Options(template=SAMPLE, port=taken.getsockname()[1])
        with pytest.raises(StartupError, match="Address already in use"):
            await serve(options, never)
    with pytest.raises(StartupError, match="not a port"):
        await serve(Options(template=SAMPLE, port=70_000), never)
    with pytest.raises(StartupError, match="not a folder"):
        await serve(Options(template=SAMPLE, port=0, pages={"/": tmp_path / "nope"}), never)
    with pytest.raises(StartupError, match=r"nope/ca\.pem cannot be written: No such file"):
        authority = tmp_path / "nope" / "ca.pem"
        await serve(Options(template=SAMPLE, port=0, authority=authority), never)
    with pytest.raises(StartupError, match="nonsense is not the URL of a Lambda API"):
        await serve(Options(template=SAMPLE, port=0, invoke_endpoint="nonsense"), never)
    with pytest.raises(StartupError, match="--python-here is for a run with --invoke-endpoint"):
        await serve(Options(template=SAMPLE, port=0, python_here=True), never)
    with pytest.raises(StartupError, match=r"nope\.yaml"):
        await serve(Options(template=tmp_path / "nope.yaml", port=0), never)


PUSHING = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes:
        may: {FunctionArn: !GetAtt May.Arn}
        mayNot: {FunctionArn: !GetAtt MayNot.Arn}
  May:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: push.handler
      Runtime: python3.13
      Timeout: 20
      Policies:
        - Statement:
            - Effect: Allow
              Action: execute-api:ManageConnections
              Resource: !Sub "arn:${AWS::Partition}:execute-api:*:*:${Socket.ApiId}/live/POST/*"
  MayNot:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: push.handler, Runtime: python3.13, Timeout: 20}
"""
PUSH = """
import os
import boto3

def handler(event, context):
    url = os.environ["WSGATE_ENDPOINT"]
    api = boto3.client("apigatewaymanagementapi", endpoint_url=url)
    where = event["requestContext"]["connectionId"]
    try:
        api.post_to_connection(ConnectionId=where, Data=b"pushed")
    except Exception as error:
        print(error)
    return {"statusCode": 200}
"""


@pytest.mark.parametrize("nodes", [1, 2])
async def test_with_iam_a_function_pushes_if_its_role_allows_it(tmp_path: Path, nodes: int) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(PUSHING)
    (tmp_path / "push.py").write_text(PUSH)
    log: list[str] = []
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(template, port=0, log=log.append, iam=True, nodes=nodes)
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    addresses = await in_time(ready)
    # The SDK's own connection leads to either of two nodes, whichever has the client.
    async with connect(addresses.websocket) as client:
        await client.send('{"action":"mayNot"}')
        await until(lambda: any("MayNot | An error" in line for line in log))
        await client.send('{"action":"may"}')
        assert await in_time(client.recv()) == "pushed"
        for _ in range(4):
            await client.send('{"action":"may"}')
        for _ in range(4):
            assert await in_time(client.recv()) == "pushed"
    await ended(serving)
    [line] = [line for line in log if "MayNot | An error" in line]
    assert "(AccessDeniedException)" in line
    assert "User: arn:aws:sts::000000000000:assumed-role/MayNot/MayNot is not authorized" in line


def never() -> None:
    pytest.fail("it said that it is ready")


async def said_at_start(template: Path, **options: Any) -> list[str]:
    """Serve a template until it is ready, and return the log."""
    log: list[str] = []
    ready = asyncio.Event()
    chosen = Options(template, port=0, log=log.append, **options)
    serving = asyncio.create_task(serve(chosen, ready.set))
    await in_time(ready.wait())
    await ended(serving)
    return log


async def ended(serving: asyncio.Task[None]) -> None:
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await in_time(serving)
