"""A debugger stops in a handler, shows a variable and goes on; the connection is still there."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect

from gateways import function, plan, websocket_api
from runners import running
from templates import HEAD
from waiting import in_time, until
from wsgate.__main__ import parse
from wsgate.model.limits import Limits
from wsgate.model.overrides import NO_TIMEOUT, without_timeouts
from wsgate.model.plan import Function
from wsgate.serve import Addresses, Options, StartupError, serve_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TEMPLATE = """
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
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13, Timeout: 1}
"""
HANDLER = """
def handler(event, context):
    answer = event["body"].upper()
    return {"statusCode": 200, "body": answer}
"""
LINE = 4  # of `return`
LONGER_THAN_ITS_TIMEOUT = "__import__('time').sleep(1.1)"


class Debugger:
    """A client of the Debug Adapter Protocol, as an editor is one.

    https://microsoft.github.io/debug-adapter-protocol/specification (2026-11-30)
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._seq = 0
        self._events: list[dict[str, Any]] = []

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request, and return the body of its answer."""
        number = self.send(command, **arguments)
        while (message := await self._read()).get("request_seq") != number:
            self._events.append(message)
        assert message["success"], message
        body: dict[str, Any] = message.get("body") or {}
        return body

    def send(self, command: str, **arguments: Any) -> int:
        self._seq += 1
        request = {"seq": self._seq, "type": "request", "command": command, "arguments": arguments}
        data = json.dumps(request).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        return self._seq

    async def event(self, name: str) -> dict[str, Any]:
        """Wait for an event, and return its body."""
        while True:
            for message in self._events:
                if message.get("event") == name:
                    self._events.remove(message)
                    body: dict[str, Any] = message.get("body") or {}
                    return body
            self._events.append(await self._read())

    async def _read(self) -> dict[str, Any]:
        head = await in_time(self._reader.readuntil(b"\r\n\r\n"))
        size = int(head.lower().partition(b"content-length:")[2].split()[0])
        message: dict[str, Any] = json.loads(await in_time(self._reader.readexactly(size)))
        return message


@asynccontextmanager
async def attached(port: int, *breakpoints: tuple[Path, int]) -> AsyncIterator[Debugger]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    debugger = Debugger(reader, writer)
    await debugger.ask("initialize", adapterID="debugpy")
    attach = debugger.send("attach", justMyCode=True)
    await debugger.event("initialized")
    for path, line in breakpoints:
        await debugger.ask(
            "setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}]
        )
    await debugger.ask("configurationDone")
    assert attach
    try:
        yield debugger
    finally:
        writer.close()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(HEAD + TEMPLATE)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(HANDLER)
    return tmp_path / "code" / "app.py"


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[Addresses]:
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        yield await in_time(ready)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_debugger_stops_in_a_handler_and_goes_on(code: Path, unused_tcp_port: int) -> None:
    """Twice: what is edited meanwhile runs in a new process, which waits for a debugger again."""
    log: list[str] = []
    waiting = f"Main | debugger: waiting for one to attach to 127.0.0.1:{unused_tcp_port}"
    options = Options(
        code.parent.parent / "template.yaml",
        port=0,
        log=log.append,
        debug={"Main": unused_tcp_port},
        limits=Limits(code=timedelta(milliseconds=20)),
    )
    async with serving(options) as addresses, connect(addresses.websocket) as client:
        await until(lambda: waiting in log)
        async with attached(unused_tcp_port, (code, LINE)) as debugger:
            await client.send("hi")
            stopped = await debugger.event("stopped")
            assert stopped["reason"] == "breakpoint"
            assert await shown(debugger, stopped["threadId"], "answer") == "'HI'"
            await debugger.ask("evaluate", expression=LONGER_THAN_ITS_TIMEOUT)
            await debugger.ask("continue", threadId=stopped["threadId"])
            assert await in_time(client.recv()) == "HI"
        log.clear()
        edit(code, HANDLER.replace("upper", "title"))
        await until(lambda: waiting in log)
        async with attached(unused_tcp_port):
            await client.send("again")
            assert await in_time(client.recv()) == "Again"


def edit(file: Path, text: str) -> None:
    file.write_text(text)


async def shown(debugger: Debugger, thread: int, name: str) -> str:
    [frame, *_] = (await debugger.ask("stackTrace", threadId=thread))["stackFrames"]
    [scope, *_] = (await debugger.ask("scopes", frameId=frame["id"]))["scopes"]
    asked = await debugger.ask("variables", variablesReference=scope["variablesReference"])
    [value] = [one["value"] for one in asked["variables"] if one["name"] == name]
    return str(value)


@pytest.mark.parametrize(
    ("debug", "words"),
    [
        ({"Nope": 5678}, "--debug Nope: of the functions that run here (Main) it is none."),
        ({"Main": 5678, "Other": 5678}, "--debug: each function needs a port of its own"),
    ],
)
async def test_what_cannot_be_debugged_is_refused(
    code: Path, debug: dict[str, int], words: str
) -> None:
    template = code.parent.parent / "template.yaml"
    text = HEAD + TEMPLATE
    if "Other" in debug:
        text += text[text.index("  Main:") :].replace("Main:", "Other:")
    template.write_text(text)
    with pytest.raises(StartupError) as refused:
        await serve_at(Options(template, port=0, debug=debug), lambda _: None)
    assert words in str(refused.value)


async def test_without_debugpy_it_says_what_to_install(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgate.serve.find_spec", lambda _: None)
    options = Options(code.parent.parent / "template.yaml", port=0, debug={"Main": 5678})
    with pytest.raises(StartupError, match=r"--debug needs debugpy .*: pip install debugpy"):
        await serve_at(options, lambda _: None)


def test_a_port_is_given_or_the_usual_one() -> None:
    given = ("--template", "t.yaml", "--debug", "Chat", "--debug", "Gate:5679")
    assert parse(given, {}).debug == {"Chat": 5678, "Gate": 5679}
    with pytest.raises(SystemExit):
        parse(("--template", "t.yaml", "--debug", "Chat:x"), {})


def test_only_what_is_debugged_has_no_time_out() -> None:
    api = websocket_api({"act": function("act"), "other": function("other")})
    functions = {
        name: Function(name, Path(), "m.f", timedelta(seconds=3), 128, {})
        for name in ("act", "other", "web")
    }
    made = replace(plan(api, {"$default": function("web")}), functions=functions)
    patient = without_timeouts(made, {"act", "web"})
    assert patient.functions["act"].timeout == patient.functions["web"].timeout == NO_TIMEOUT
    assert patient.functions["other"].timeout == timedelta(seconds=3)
    routes = patient.websocket.routes
    assert [route.integration for route in routes.values()] == [
        function("act", NO_TIMEOUT),
        function("other"),
    ]
    assert patient.http is not None
    assert patient.http.routes == {"$default": function("web", NO_TIMEOUT)}


@pytest.mark.parametrize("handler", ["stops", "stops_with_pdb"])
async def test_a_breakpoint_without_a_debugger_says_what_to_do(handler: str) -> None:
    async with running(handler) as runner:
        answer = await runner.invoke()
        await until(lambda: [line for line in runner.lines if "breakpoint: " in line])
    [line] = [line for line in runner.lines if "breakpoint: " in line]
    assert f"Start wsgate with `--debug {handler}`" in line
    if handler == "stops":
        assert (answer.function_error, answer.payload) == (None, b'"went on"')
        assert "functions.py:" in line
    else:
        assert answer.function_error == "Unhandled"
        assert json.loads(answer.payload)["errorType"] == "BdbQuit"
