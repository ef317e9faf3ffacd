"""The page at /_wsgate over HTTP: what it shows, what it does, and who may open it."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from command import ROOT
from gateways import PONG, Functions, Running, allow, function, plan, running, websocket_api
from waiting import in_time, until
from wsgate.console import api
from wsgate.console.journal import MAX_SHOWN
from wsgate.functions.environments import Environments
from wsgate.model.limits import Limits
from wsgate.model.plan import Function
from wsgate.node.node import Node
from wsgate.node.settings import Settings
from wsgate.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsgate.model.plan import Integration

JSON = {"Content-Type": "application/json"}
Headers = dict[str, str]


def gateway(**options: Any) -> Any:
    functions = Functions(
        connect=lambda _: {"statusCode": 200},
        disconnect=lambda _: {"statusCode": 200},
        echo=lambda event: {"statusCode": 200, "body": event["body"]},
        authorize=lambda _: allow({"user": "ann"}),
        web=lambda event: {"statusCode": 200, "body": f"web {event['rawPath']}"},
    )
    routes: dict[str, Integration] = {
        "$connect": function("connect"),
        "$disconnect": function("disconnect"),
        "echo": function("echo"),
        "ping": PONG,
    }
    api = websocket_api(
        routes, two_way={"echo", "ping"}, sources=("route.request.querystring.ticket",)
    )
    return running(plan(api, {"$default": function("web")}), functions, **options)


async def ask(
    node: Running, method: str, path: str, headers: Headers | None = None, body: Any = None
) -> tuple[int, Mapping[str, str], bytes]:
    """A request by Python's own client, which adds nothing of a browser's."""

    def request() -> tuple[int, Mapping[str, str], bytes]:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with closing(http.client.HTTPConnection("127.0.0.1", node.port, timeout=10)) as client:
            client.request(method, path, data, headers or {})
            response = client.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    return await asyncio.to_thread(request)


async def look(node: Running, since: str = "") -> dict[str, Any]:
    status, _, body = await ask(node, "GET", f"/_wsgate/look?since={since}")
    assert status == 200
    view: dict[str, Any] = json.loads(body)
    return view


async def act(node: Running, **command: Any) -> dict[str, Any]:
    status, _, body = await ask(node, "POST", "/_wsgate/act", JSON, command)
    assert status == 200
    answer: dict[str, Any] = json.loads(body)
    return answer


class TestLook:
    async def test_a_connection_with_its_story(self) -> None:
        async with gateway() as node, connect(f"{node.url}?ticket=t", user_agent_header="me") as c:
            await c.send('{"action":"echo","text":"ä"}')
            await c.recv()
            view = await look(node)
            [shown] = view["connections"]["shown"]
            assert view["connections"]["total"] == 1
            assert (shown["phase"], shown["source"], shown["agent"]) == ("open", "127.0.0.1", "me")
            assert shown["authorizer"] == {"user": "ann", "principalId": "ann"}
            assert shown["received"] == shown["sent"] == {"messages": 1, "bytes": 29}
            assert 0 <= shown["idle"] <= shown["age"] < 10_000

            authorizer, connected, echo = view["events"]
            assert [entry["route"] for entry in view["events"]] == [
                "authorizer",
                "$connect",
                "echo",
            ]
            assert json.loads(authorizer["event"])["type"] == "REQUEST"
            assert (authorizer["outcome"], connected["outcome"]) == ("allow", "101")
            assert echo["connection"] == shown["id"]
            assert json.loads(echo["event"])["body"] == '{"action":"echo","text":"ä"}'
            assert echo["frame"] == '{"action":"echo","text":"ä"}'

            assert view["bill"]["messages"] == 2
            assert view["bill"]["minutes"] == 1
            assert view["about"]["received"] == {"messages": 1, "bytes": 29}

    async def test_since_gives_what_is_new_and_another_runs_cursor_gives_all(self) -> None:
        async with gateway() as node, connect(f"{node.url}?ticket=t") as client:
            first = await look(node)
            assert (await look(node, first["cursor"]))["events"] == []
            await client.send('{"action":"ping"}')
            await client.recv()
            second = await look(node, first["cursor"])
            assert [entry["route"] for entry in second["events"]] == ["ping"]
            for unknown in ("", "1:2", "x", first["cursor"] + "9" * 30, "%00"):
                assert len((await look(node, unknown))["events"]) == 3

    async def test_what_came_too_fast_to_be_shown_is_counted(self) -> None:
        async with gateway() as node, connect(f"{node.url}?ticket=t") as client:
            first = await look(node)
            assert first["missed"] == 0
            for _ in range(MAX_SHOWN + 7):
                await client.send('{"action":"ping"}')
                await client.recv()
            view = await look(node, first["cursor"])
            assert (len(view["events"]), view["missed"]) == (MAX_SHOWN, 7)
            assert (await look(node))["missed"] == (await look(node, view["cursor"]))["missed"] == 0

    async def test_routes_and_the_functions_behind_them(self) -> None:
        async with gateway() as node:
            view = await look(node)
        routes = {route["key"]: route for route in view["routes"]}
        assert routes["echo"] == {
            "stage": "live",
            "key": "echo",
            "function": "echo",
            "kind": "Function",
            "two_way": True,
        }
        assert (routes["ping"]["function"], routes["ping"]["kind"]) == (None, "Mock")
        assert view["http_routes"] == [{"key": "$default", "function": "web"}]
        assert view["about"]["stages"] == [
            {
                "address": node.url,
                "api": "a1b2c3d4e5",
                "stage": "live",
                "selection": "$request.body.action",
                "authorizer": "authorize",
                "identity": ["route.request.querystring.ticket"],
            }
        ]

    async def test_requests_are_events_and_looking_is_not(self) -> None:
        async with gateway() as node:
            await ask(node, "GET", "/rooms?token=secret&a=b")
            await ask(node, "DELETE", "/live/@connections/AAAAAAAAtjMCAAA%3D")
            await ask(node, "POST", "/2015-03-31/functions/web/invocations", {}, {"rawPath": "/"})
            await look(node)
            web, managed, invoked = (await look(node))["events"]
            assert not any("_wsgate" in line for line in node.log)
        assert (web["route"], web["outcome"], web["function"]) == ("GET /rooms", "200", "web")
        assert json.loads(web["event"])["rawQueryString"] == "token=***&a=b"
        assert (managed["connection"], managed["outcome"]) == ("AAAAAAAAtjMCAAA=", "410")
        assert json.loads(invoked["event"]) == {"rawPath": "/"}
        assert json.loads(invoked["answer"])["body"] == "web /"

    async def test_a_refused_handshake_is_seen(self) -> None:
        async with gateway() as node:
            with pytest.raises(Exception, match="401"):
                await connect(node.url)
            [entry] = (await look(node))["events"]
        assert (entry["outcome"], entry["tone"]) == ("401 identity source missing", "bad")


class TestAct:
    async def test_a_text_is_sent_and_told_of(self) -> None:
        async with gateway() as node, connect(f"{node.url}?ticket=t") as client:
            [shown] = (await look(node))["connections"]["shown"]
            assert await act(node, do="send", connection=shown["id"], text="hi 💛") == {"ok": True}
            assert await client.recv() == "hi 💛"
            entry = (await look(node))["events"][-1]
            assert (entry["route"], entry["frame"]) == ("page send", "hi 💛")
            assert entry["sent"] == 7
            assert f"page send {shown['id']} 200" in node.log[-1]

    async def test_a_text_is_said_in_the_place_of_the_client(self) -> None:
        async with gateway() as node, connect(f"{node.url}?ticket=t") as client:
            [shown] = (await look(node))["connections"]["shown"]
            command = {"do": "say", "connection": shown["id"]}
            assert await act(node, **command, text='{"action": "ping"}') == {"ok": True}
            assert "pong" in str(await client.recv())
            view = await look(node)
            entry = view["events"][-1]
            assert (entry["route"], entry["said"]) == ("ping", '{"action": "ping"}')
            assert view["connections"]["shown"][0]["received"]["messages"] == 1
            too_large = await act(node, **command, text="x" * 131_073)
            assert too_large["error"] == "a message is at most 128 KB"

    async def test_a_connection_is_closed_as_by_an_operator(self) -> None:
        async with gateway() as node, connect(f"{node.url}?ticket=t") as client:
            [shown] = (await look(node))["connections"]["shown"]
            assert await act(node, do="close", connection=shown["id"]) == {"ok": True}
            with pytest.raises(ConnectionClosed) as caught:
                await in_time(client.recv())
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1000
            await until(lambda: not len(node.node))
            for command in (
                {"do": "close"},
                *({"do": do, "text": "late"} for do in ("send", "say")),
            ):
                answer = await act(node, connection=shown["id"], **command)
                assert answer == {"ok": False, "error": "the connection is gone, or not open yet"}

    async def test_a_text_of_more_than_128_kb_is_refused(self) -> None:
        async with gateway() as node, connect(f"{node.url}?ticket=t") as client:
            [shown] = (await look(node))["connections"]["shown"]
            answer = await act(node, do="send", connection=shown["id"], text="x" * 131_073)
            assert answer["error"] == "a message is at most 128 KB"
            answer = await act(node, do="send", connection=shown["id"], text="x" * 131_072)
            assert answer == {"ok": True}
            assert len(await client.recv()) == 131_072

    @pytest.mark.parametrize(
        "command", [{}, {"do": "send"}, {"do": "close", "connection": 7}, {"do": "fault"}]
    )
    async def test_an_unknown_command_is_refused(self, command: dict[str, Any]) -> None:
        async with gateway() as node:
            assert (await act(node, **command))["ok"] is False

    async def test_faults_are_shown_and_set(self) -> None:
        async with gateway() as node:
            assert (await look(node))["faults"]["disconnect_lost"]["value"] == 0
            told = {"do": "fault", "name": "disconnect_lost"}
            assert await act(node, **told, value=1) == {"ok": True}
            assert (await look(node))["faults"]["disconnect_lost"]["value"] == 1
            answer = await act(node, **told, value=2)
            assert answer["error"] == "disconnect_lost is '2', and must be from 0 to 1"
            async with connect(f"{node.url}?ticket=t"):
                pass
            await until(lambda: not len(node.node))
            last = (await look(node))["events"][-1]
            assert (last["outcome"], last["tone"]) == ("fault: disconnect_lost", "bad")


class TestFiles:
    @pytest.mark.parametrize("path", sorted(api.FILES))
    async def test_every_file_is_there_and_fenced_in(self, path: str) -> None:
        async with gateway() as node:
            status, headers, body = await ask(node, "GET", path)
            assert (await ask(node, "HEAD", path))[0] == 200
        assert status == 200
        assert body
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        ("method", "path", "host", "status"),
        [
            ("GET", "/_wsgate/look", None, 200),
            ("GET", "/_wsgate/faults", None, 200),
            ("GET", "/_wsgate/nothing", None, 404),
            ("POST", "/_wsgate/act", None, 415),
            ("PUT", "/_wsgate/faults", None, 405),
            ("GET", "/_wsgate/look", "evil.example", 403),
            ("GET", "/_wsgate/faults", "evil.example", 403),
        ],
    )
    async def test_no_answer_is_framed_sniffed_or_kept(
        self, method: str, path: str, host: str | None, status: int
    ) -> None:
        async with gateway() as node:
            answered, headers, _ = await ask(node, method, path, {"Host": host} if host else {})
        assert answered == status
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"

    def test_what_the_page_asks_for_is_what_is_served(self) -> None:
        folder = Path(api.__file__).parent / "static"
        assert {path.name for path in folder.iterdir()} == {*api.FILES.values(), "package.json"}

    async def test_every_file_is_in_the_wheel(self, tmp_path: Path) -> None:
        build = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await build.wait() == 0
        with ZipFile(tmp_path / f"wsgate-{VERSION}-py3-none-any.whl") as archive:
            assert {f"wsgate/console/static/{name}" for name in api.FILES.values()} <= {
                *archive.namelist()
            }

    async def test_nothing_else_is_served(self) -> None:
        async with gateway() as node:
            for path in ("/_wsgate/package.json", "/_wsgate/../serve.py", "/_wsgate/%2e%2e/x"):
                assert (await ask(node, "GET", path))[0] == 404
            assert (await ask(node, "POST", "/_wsgate"))[0] == 404
            assert (await ask(node, "GET", "/_wsgate/act"))[0] == 405
            assert (await ask(node, "POST", "/_wsgate/look"))[0] == 405

    async def test_a_neighbours_path_is_the_http_apis(self) -> None:
        async with gateway() as node:
            assert (await ask(node, "GET", "/_wsgates"))[2] == b"web /_wsgates"


class TestSameOrigin:
    @pytest.mark.parametrize("path", ["/_wsgate", "/_wsgate/look", "/_wsgate/console.js"])
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example:{port}"},
            {"Host": "evil.example:127.0.0.1"},
            {"Host": ""},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:1"},
            {"Origin": "http://127.0.0.1:{port}", "Host": "localhost:{port}"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "same-origin, cross-site"},
        ],
        ids=str,
    )
    async def test_another_site_is_refused(self, path: str, headers: Headers) -> None:
        async with gateway() as node:
            headers = {name: value.format(port=node.port) for name, value in headers.items()}
            status, _, body = await ask(node, "GET", path, headers)
        assert status == 403
        assert b"127.0.0.1" not in body

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Host": "localhost:{port}"},
            {"Host": "LOCALHOST"},
            {"Host": "[::1]:{port}"},
            {"Host": "127.0.0.1:9999"},  # a port that is forwarded here
            {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
        ],
        ids=str,
    )
    async def test_this_machine_is_not(self, headers: Headers) -> None:
        async with gateway() as node:
            headers = {name: value.format(port=node.port) for name, value in headers.items()}
            assert (await ask(node, "GET", "/_wsgate/look", headers))[0] == 200

    @pytest.mark.parametrize(
        ("headers", "body", "status"),
        [
            ({"Content-Type": "text/plain"}, b'{"do":"close"}', 415),
            ({"Content-Type": "application/x-www-form-urlencoded"}, b'{"do":"close"}', 415),
            ({}, b'{"do":"close"}', 415),
            (JSON, b"{", 415),
            (JSON, b"[]", 415),
            (JSON, b"\xff", 415),
            (JSON, b"[" * 100_000, 415),
            (JSON, b" " * (api.MAX_BYTES + 1), 413),
            ({"Content-Type": "application/json; charset=utf-8"}, b"{}", 200),
        ],
    )
    async def test_a_command_is_a_json_object(
        self, headers: Headers, body: bytes, status: int
    ) -> None:
        async with gateway() as node:
            assert (await ask(node, "POST", "/_wsgate/act", headers, body))[0] == status


async def test_without_the_console_its_path_is_the_http_apis() -> None:
    functions = Functions(web=lambda event: {"statusCode": 200, "body": event["rawPath"]})
    api = plan(websocket_api({"ping": PONG}), {"$default": function("web")})
    node = Node(api, functions, Settings("127.0.0.1:8080", console=False))
    assert (node.console, node.journal) == (None, None)
    async with running(api, functions, console=False) as served:
        assert (await ask(served, "GET", "/_wsgate/look"))[2] == b"/_wsgate/look"
        async with connect(served.url) as client:
            await client.send('{"action":"ping"}')


async def test_environments_tell_how_they_are(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("import time\ndef run(event, _): time.sleep(event)\n")
    told = Function("F", tmp_path, "code.run", timedelta(seconds=30), 128, {})
    environments = Environments({"F": told}, log=lambda *_: None, concurrency=1)
    try:
        assert environments.status()["F"]["environments"] == 0
        first = asyncio.create_task(environments.invoke("F", b"0.3"))
        second = asyncio.create_task(environments.invoke("F", b"0"))
        await asyncio.sleep(0)
        assert environments.status()["F"] == {
            "environments": 1,
            "starting": 1,
            "running": 0,
            "waiting": 1,
        }
        await until(lambda: environments.status()["F"]["running"] == 1)
        await asyncio.gather(first, second)
        assert environments.status()["F"] == {
            "environments": 1,
            "starting": 0,
            "running": 0,
            "waiting": 0,
        }
    finally:
        await environments.close()


async def test_many_connections_are_counted_and_the_latest_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wsgate.console.state.MAX_CONNECTIONS", 2)
    limits = Limits()
    async with gateway(limits=limits) as node:
        clients = [await connect(f"{node.url}?ticket={number}") for number in range(3)]
        connections = (await look(node))["connections"]
        for client in clients:
            await client.close()
    assert (connections["total"], len(connections["shown"])) == (3, 2)
