"""Whole apps on the libraries that people use: connect, push by the API's name on AWS, disconnect.

Powertools and mangum-ws are the packages of PyPI. aws-lambda-graphql is JavaScript: its protocol,
that of subscriptions-transport-ws, is spoken by a function behind an Invoke endpoint.
https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md (2026-11-30)
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from command import ROOT
from waiting import in_time, until
from wsgate.serve import Addresses, Options, serve_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SAMPLES = ROOT / "tests" / "samples_emitters"
PATIENCE_SECONDS = 60
pytestmark = pytest.mark.slow


@asynccontextmanager
async def serving(folder: Path, name: str, **options: Any) -> AsyncIterator[tuple[Addresses, Any]]:
    log: list[str] = []
    shutil.copytree(SAMPLES, folder / "project")
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    asked = Options(folder / "project" / name, port=0, log=log.append, **options)
    task = asyncio.create_task(serve_at(asked, ready.set_result))
    try:
        yield await in_time(ready), log
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("package", "template", "said"),
    [
        ("aws_lambda_powertools", "powertools.yaml", ('"message":"joined"', '"message":"left"')),
        ("mangum_ws", "mangum_ws.yaml", ("joined ", "left ")),
    ],
)
async def test_a_python_library_pushes_by_the_name_on_aws(
    package: str, template: str, said: tuple[str, str], tmp_path: Path
) -> None:
    pytest.importorskip(package)
    async with serving(tmp_path, template, iam=True) as (addresses, log):
        async with connect(addresses.websocket, open_timeout=PATIENCE_SECONDS) as client:
            await client.send('{"action": "sendmessage", "text": "hello"}')
            answer = await asyncio.wait_for(client.recv(), PATIENCE_SECONDS)
            assert answer == "sendmessage hello", log
        await until(lambda: all(any(words in line for line in log) for words in said))


class Invoke(BaseHTTPRequestHandler):
    """POST /2015-03-31/functions/{name}/invocations."""

    protocol_version = "HTTP/1.1"
    server: GraphQL

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(self.server.answer(event)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """No line for each request."""


class GraphQL(ThreadingHTTPServer):
    """A function that answers subscriptions."""

    endpoint = ""
    """Of @connections: it runs outside of wsgate, so it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Invoke)
        self.left: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        where = event["requestContext"]
        if where["eventType"] == "CONNECT":
            return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "graphql-ws"}}
        if where["eventType"] == "DISCONNECT":
            self.left.append(where["connectionId"])
        else:
            self._said(where["connectionId"], json.loads(event["body"]))
        return {"statusCode": 200, "body": ""}

    def _said(self, connection_id: str, operation: dict[str, Any]) -> None:
        match operation:
            case {"type": "connection_init"}:
                self._push(connection_id, {"type": "connection_ack"})
            case {"type": "start", "id": name, "payload": {"variables": variables}}:
                data = {"data": {"said": variables}}
                self._push(connection_id, {"type": "data", "id": name, "payload": data})
            case {"type": "stop", "id": name}:
                self._push(connection_id, {"type": "complete", "id": name})

    def _push(self, connection_id: str, operation: dict[str, Any]) -> None:
        session = boto3.Session("local", "local", region_name="us-east-1")
        client = session.client("apigatewaymanagementapi", endpoint_url=self.endpoint)
        client.post_to_connection(ConnectionId=connection_id, Data=json.dumps(operation).encode())


@contextmanager
def graphql() -> Iterator[GraphQL]:
    with GraphQL() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


async def test_a_subscription_of_graphql_behind_invoke(tmp_path: Path) -> None:
    protocol = Subprotocol("graphql-ws")
    with graphql() as server:
        async with serving(tmp_path, "graphql.json", invoke_endpoint=server.url) as (found, _):
            server.endpoint = found.management
            async with connect(found.websocket, subprotocols=[protocol]) as client:
                assert client.subprotocol == protocol
                answers = [
                    await answered(client, {"type": "connection_init", "payload": {}}),
                    await answered(
                        client, {"type": "start", "id": "1", "payload": {"variables": {"n": 1}}}
                    ),
                    await answered(client, {"type": "stop", "id": "1"}),
                ]
            await until(lambda: server.left)
    assert answers == [
        {"type": "connection_ack"},
        {"type": "data", "id": "1", "payload": {"data": {"said": {"n": 1}}}},
        {"type": "complete", "id": "1"},
    ]


async def answered(client: Any, operation: dict[str, Any]) -> Any:
    await client.send(json.dumps(operation))
    return json.loads(await in_time(client.recv()))
