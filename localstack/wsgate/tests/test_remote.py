"""Lambda's Invoke over HTTP, against a small stand-in that remembers."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect

from gateways import Functions
from waiting import PATIENCE_SECONDS, in_time
from wsgate.functions.remote import RemoteInvoker, Split
from wsgate.model.invoke import Invocation, InvokeError
from wsgate.serve import Addresses, Options, serve_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWERS: dict[str, tuple[dict[str, str], bytes]] = {
    "Chat": ({}, b'{"statusCode":200,"body":"from elsewhere"}'),
    "Broken": ({"X-Amz-Function-Error": "Unhandled"}, b'{"errorMessage":"no"}'),
}
PREFIX, SUFFIX = "/2015-03-31/functions/", "/invocations"


class FakeLambda:
    """Answers by function name, and keeps what it was asked."""

    def __init__(self) -> None:
        self.inbox: list[tuple[str, bytes]] = []
        self.together = threading.Barrier(2)
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                name = self.path.removeprefix(PREFIX).removesuffix(SUFFIX)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.inbox.append((name, body))
                status, headers, answer = fake.answer(name, body)
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, name: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if name in ANSWERS:
            return 200, *ANSWERS[name]
        match name:
            case "Echo":
                return 200, {}, body
            case "Together":
                self.together.wait(PATIENCE_SECONDS)
                return 200, {}, b"null"
            case "Busy":
                return self.error(429, "TooManyRequestsException", "Rate Exceeded.")
            case "Failing":
                return self.error(500, "ServiceException", "oops")
        return self.error(404, "ResourceNotFoundException", f"Function not found: {name}")

    def error(self, status: int, kind: str, message: str) -> tuple[int, dict[str, str], bytes]:
        body = {"Type": "User", "Message": message}
        return status, {"x-amzn-ErrorType": kind}, json.dumps(body).encode()


@pytest.fixture
def fake() -> Iterator[FakeLambda]:
    fake = FakeLambda()
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()


async def invoke(fake: FakeLambda, name: str, payload: bytes = b"{}") -> Invocation:
    invoker = RemoteInvoker(fake.url)
    try:
        return await invoker.invoke(name, payload)
    finally:
        await invoker.close()


async def test_the_event_goes_out_and_the_value_comes_back(fake: FakeLambda) -> None:
    answer = await invoke(fake, "Echo", '{"a":"é"}'.encode())
    assert answer == Invocation('{"a":"é"}'.encode())
    assert fake.inbox == [("Echo", '{"a":"é"}'.encode())]


async def test_a_function_error_is_an_answer(fake: FakeLambda) -> None:
    answer = await invoke(fake, "Broken")
    assert answer == Invocation(b'{"errorMessage":"no"}', "Unhandled")


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("Absent", 404, "ResourceNotFoundException"),
        ("Busy", 429, "TooManyRequestsException"),
        ("Failing", 500, "ServiceException"),
    ],
)
async def test_an_error_of_lambda_itself_is_an_invoke_error_and_not_retried(
    fake: FakeLambda, name: str, status: int, kind: str
) -> None:
    with pytest.raises(InvokeError) as raised:
        await invoke(fake, name)
    assert (raised.value.status, raised.value.kind) == (status, kind)
    assert len(fake.inbox) == 1


async def test_calls_run_at_the_same_time(fake: FakeLambda) -> None:
    answers = await asyncio.gather(invoke(fake, "Together"), invoke(fake, "Together"))
    assert [answer.payload for answer in answers] == [b"null", b"null"]


async def test_an_unreachable_endpoint_is_an_invoke_error() -> None:
    fake = FakeLambda()
    fake.server.server_close()
    with pytest.raises(InvokeError) as raised:
        await invoke(fake, "Echo")
    assert raised.value.status == 503
    assert fake.url in str(raised.value)


async def test_names_decide_who_runs_what() -> None:
    here, there = (Functions(**{name: lambda event: 1}) for name in ("mine", "theirs"))
    split = Split({"mine"}, here, there)
    for name in ("mine", "theirs"):
        assert (await split.invoke(name, b"{}")).payload == b"1"
    assert (len(here.calls), len(there.calls)) == (1, 1)
    assert split.status() == {}  # neither of these knows how its functions are doing


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes:
        $default: {FunctionArn: !GetAtt Chat.Arn, RouteResponseSelectionExpression: $default}
        here: {FunctionArn: !GetAtt Here.Arn, RouteResponseSelectionExpression: $default}
  Reply:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref SocketDefaultRoute, RouteResponseKey: $default}
  HereReply:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref SocketHereRoute, RouteResponseKey: $default}
  Chat:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: not/built, Handler: index.handler, Runtime: nodejs22.x}
  Here:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.13
      InlineCode: "def handler(event, context): return {'statusCode': 200, 'body': 'from here'}"
"""


@pytest.mark.parametrize("python_here", [True, False])
async def test_a_template_of_two_runtimes_runs(
    fake: FakeLambda, tmp_path: Path, python_here: bool
) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    log: list[str] = []
    options = Options(
        tmp_path / "template.yaml",
        port=0,
        invoke_endpoint=fake.url,
        python_here=python_here,
        log=log.append,
    )
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        async with connect((await in_time(ready)).websocket) as client:
            await client.send("anything")
            assert await client.recv() == "from elsewhere"
            await client.send('{"action":"here"}')
            answer = await client.recv()
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    if python_here:
        assert answer == "from here"
    else:
        assert json.loads(answer)["message"] == "Internal server error"  # the fake has no such one
    assert {name for name, _ in fake.inbox} == {"Chat"} | (set() if python_here else {"Here"})
    assert not any("left out" in line for line in log)
