"""Every kind of integration over real sockets, HTTP ones with a server of the standard library."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateways import TIMEOUT, Functions, plan, running, websocket_api
from waiting import PATIENCE_SECONDS, until
from wsgate.model.plan import (
    CustomFunctionIntegration,
    Endpoint,
    HttpIntegration,
    HttpProxyIntegration,
    Integration,
    IntegrationResponse,
    MockIntegration,
    Models,
    Route,
)
from wsgate.transport import fetch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from websockets.asyncio.client import ClientConnection

ANY = IntegrationResponse("$default", None, {})


@dataclass
class Backend:
    """An endpoint that remembers, and answers what its path asks for."""

    url: str
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def backend() -> Iterator[Backend]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = (self.command, self.path, dict(self.headers.items()), body)
            ours.seen.append(what)
            status, headers, answer = self.answer(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            match self.path.partition("?")[0]:
                case "/redirect":
                    return 302, {"Location": "/elsewhere"}, b"over there"
                case "/slow":
                    ours.gate.wait(PATIENCE_SECONDS)
                case "/large":
                    return 200, {}, b"x" * 200_000
                case "/zip":
                    return 200, {"Content-Encoding": "gzip"}, gzip.compress(b"unzipped")
                case "/401":
                    return 401, {}, b"who?"
                case "/chat":
                    return 200, {"Sec-WebSocket-Protocol": "chat2"}, b""
                case "/broken":
                    self.wfile.write(b"this is no HTTP\r\n\r\n")
                    raise ConnectionAbortedError
            return 200, {}, b"got " + body

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    ours = Backend(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield ours
    ours.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()


def proxy(uri: str, timeout: timedelta = TIMEOUT, method: str = "POST") -> HttpProxyIntegration:
    parameters = {"integration.request.header.connectionId": "context.connectionId"}
    return HttpProxyIntegration(Endpoint(uri, method, parameters), timeout)


@contextlib.asynccontextmanager
async def serving(*routes: Route, functions: Functions | None = None) -> AsyncIterator[str]:
    by_key = {route.key: route for route in routes}
    api = replace(websocket_api({}, stage_variables={"color": "red"}), routes=by_key)
    async with running(plan(api), functions or Functions()) as node:
        yield node.url


def two_way(integration: Integration, key: str = "$default", models: Models | None = None) -> Route:
    return Route(key, integration, two_way=True, models=models)


async def said(client: ClientConnection, text: str) -> str:
    await client.send(text)
    answer = await client.recv()
    assert isinstance(answer, str)
    return answer


async def message_of(url: str) -> str:
    async with connect(url) as client:
        message: str = json.loads(await said(client, "hi"))["message"]
        return message


async def test_a_message_goes_to_an_endpoint_and_its_answer_comes_back(backend: Backend) -> None:
    async with serving(two_way(proxy(f"{backend.url}/a"))) as url, connect(url) as client:
        assert await said(client, "hé") == "got hé"
        [(method, path, headers, body)] = backend.seen
        assert (method, path, body) == ("POST", "/a", "hé".encode())
        assert headers["connectionId"].endswith("=")
        assert headers["Content-Type"] == "application/json"
        assert await said(client, "again") == "got again"


async def test_templates_go_around_an_endpoint(backend: Backend) -> None:
    response = IntegrationResponse(
        r"/2\d\d/", None, {"$default": '{"was":"$input.body","color":"$stageVariables.color"}'}
    )
    request = '#set($n = $input.path("$.n"))#foreach($i in [1..$n])<$i>#end'
    endpoint = Endpoint(backend.url, "POST")
    integration = HttpIntegration(
        None, {"$default": request}, (response,), TIMEOUT, endpoint=endpoint
    )
    async with serving(two_way(integration)) as url, connect(url) as client:
        assert json.loads(await said(client, '{"n":3}')) == {"was": "got <1><2><3>", "color": "red"}


async def test_a_redirect_is_an_answer(backend: Backend) -> None:
    async with serving(two_way(proxy(f"{backend.url}/redirect"))) as url, connect(url) as client:
        assert await said(client, "hi") == "over there"
    assert [path for _, path, _, _ in backend.seen] == ["/redirect"]


async def test_what_comes_compressed_is_sent_as_text(backend: Backend) -> None:
    async with serving(two_way(proxy(f"{backend.url}/zip"))) as url, connect(url) as client:
        assert await said(client, "hi") == "unzipped"


@pytest.mark.parametrize("path", ["/large", "/broken"])
async def test_an_answer_that_cannot_be_sent_is_an_error(backend: Backend, path: str) -> None:
    async with serving(two_way(proxy(backend.url + path))) as url:
        assert await message_of(url) == "Internal server error"


async def test_an_answer_without_end_is_an_error(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 100_000)
    async with serving(two_way(proxy(f"{backend.url}/large"))) as url:
        assert await message_of(url) == "Internal server error"


async def test_an_unreachable_endpoint_is_an_error(unused_tcp_port: int) -> None:
    async with serving(two_way(proxy(f"http://127.0.0.1:{unused_tcp_port}/"))) as url:
        assert await message_of(url) == "Internal server error"


async def test_an_endpoint_that_is_slow_times_out(backend: Backend) -> None:
    slow = proxy(f"{backend.url}/slow", timedelta(milliseconds=50))
    async with serving(two_way(slow)) as url:
        assert await message_of(url) == "Endpoint request timed out"


async def test_one_that_never_answers_times_out_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        async with serving(two_way(proxy(address, timedelta(milliseconds=50)))) as url:
            assert await message_of(url) == "Endpoint request timed out"


async def test_slow_endpoints_do_not_hold_back_other_messages(backend: Backend) -> None:
    slow, quick = proxy(f"{backend.url}/slow"), proxy(f"{backend.url}/a")
    routes = (two_way(slow, "slow"), two_way(quick))
    async with serving(*routes) as url, connect(url) as client:
        await client.send('{"action":"slow"}')
        await until(lambda: backend.seen)
        assert await said(client, "hi") == "got hi"
        backend.gate.set()
        assert await client.recv() == 'got {"action":"slow"}'


@pytest.mark.parametrize(("path", "status"), [("/401", 401), ("/broken", 504)])
async def test_an_endpoint_refuses_a_handshake(backend: Backend, path: str, status: int) -> None:
    async with serving(two_way(proxy(backend.url + path), "$connect")) as url:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url)
    assert caught.value.response.status_code == status


async def test_an_endpoint_accepts_a_handshake_and_chooses_its_protocol(backend: Backend) -> None:
    route = two_way(proxy(f"{backend.url}/chat", method="GET"), "$connect")
    offered = [Subprotocol("chat1"), Subprotocol("chat2")]
    async with serving(route) as url, connect(f"{url}?a=1", subprotocols=offered) as client:
        assert client.subprotocol == "chat2"
    [(method, path, headers, body)] = backend.seen
    assert (method, path, body) == ("GET", "/chat?a=1", b"")
    assert headers["Sec-WebSocket-Protocol"] == "chat1, chat2"
    assert headers["Host"] in backend.url


async def test_disconnect_reaches_an_endpoint(backend: Backend) -> None:
    async with serving(Route("$disconnect", proxy(f"{backend.url}/bye"), two_way=False)) as url:
        async with connect(url):
            pass
        await until(lambda: backend.seen)
    assert backend.seen[0][1] == "/bye"


async def test_a_function_between_two_templates() -> None:
    integration = CustomFunctionIntegration(
        None,
        {"$default": '{"twice":[$input.json("$.x"),$input.json("$.x")]}'},
        (
            IntegrationResponse(
                "/no.*/", None, {"$default": "it said $input.path('$.errorMessage')"}
            ),
            IntegrationResponse("$default", None, {"$default": "$input.path('$.sum')"}),
        ),
        TIMEOUT,
        function="add",
    )

    def add(event: dict[str, Any]) -> dict[str, Any]:
        if event["twice"][0] == 0:
            raise AssertionError("no good")
        return {"sum": sum(event["twice"])}

    functions = Functions(add=add)
    async with serving(two_way(integration), functions=functions) as url, connect(url) as client:
        assert await said(client, '{"x":4}') == "8"
        assert await said(client, '{"x":0}') == "it said no good"


async def test_an_asynchronous_event_is_not_waited_for() -> None:
    done = asyncio.Event()

    async def work(event: dict[str, Any]) -> None:
        await done.wait()

    functions = Functions(work=work)
    parameters = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    integration = CustomFunctionIntegration(
        None, {}, (ANY,), TIMEOUT, function="work", parameters=parameters
    )
    route = two_way(integration)
    async with serving(route, functions=functions) as url, connect(url) as client:
        assert await said(client, '{"a":1}') == ""
        await until(lambda: functions.calls)
        assert functions.calls == [("work", {"a": 1})]
        done.set()


async def test_a_mock_with_directives() -> None:
    mock = MockIntegration(
        None,
        {"$default": '{"statusCode": #if($input.path("$.ok"))200#{else}400#end}'},
        (
            IntegrationResponse("/200/", None, {"$default": "fine"}),
            IntegrationResponse("$default", None, {"$default": "not $context.status"}),
        ),
        TIMEOUT,
    )
    async with serving(two_way(mock)) as url, connect(url) as client:
        assert await said(client, '{"ok":true}') == "fine"
        assert await said(client, "{}") == "not 400"


async def test_a_message_that_fits_no_model_never_reaches_the_function() -> None:
    functions = Functions(work=lambda event: {"a": event["a"]})
    custom = CustomFunctionIntegration(None, {}, (ANY,), TIMEOUT, function="work")
    models = Models("m", {"m": {"type": "object", "required": ["a"]}})
    route = two_way(custom, models=models)
    async with serving(route, functions=functions) as url, connect(url) as client:
        bad = await said(client, "{}")
        assert bad.startswith('{"message" : "Bad request body", "connectionId": "')
        assert functions.calls == []
        assert await said(client, '{"a":1}') == '{"a": 1}'
