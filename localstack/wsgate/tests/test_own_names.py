"""Code that builds the API's address on AWS reaches this gateway, whatever library it uses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from gateways import function, plan, websocket_api
from templates import HEAD
from waiting import in_time
from wsgate.functions import worker
from wsgate.model.plan import BasePath, Endpoint, HttpProxyIntegration, Route
from wsgate.model.urls import own_names, with_endpoints
from wsgate.serve import Addresses, Options, serve_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TEMPLATE = """
Resources:
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: live
      RouteSelectionExpression: $request.body.action
      Routes: {$default: {FunctionArn: !GetAtt Main.Arn}}
  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties: {DomainName: ws.example.com}
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {DomainName: !Ref Domain, ApiId: !Ref Socket, Stage: !Ref Socket.Stage}
  Main:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
      Timeout: 60
      MemorySize: 512
"""
# As people write it: each library, an address of its own making, no word of this machine.
HANDLER = '''
import asyncio
import http.client
import json
import os
import socket
import ssl
import urllib.request


def handler(event, context):
    about = event["requestContext"]
    host = f"{about['apiId']}.execute-api.{os.environ['AWS_REGION']}.amazonaws.com"
    way, place = event["body"], f"/{about['stage']}"
    if way.endswith("-domain"):
        host, place = "ws.example.com", ""
    path = f"{place}/@connections/{about['connectionId']}"
    WAYS[way.partition("-")[0]](host, place, path, about["connectionId"], way)
    return {"statusCode": 200}


def boto3_(host, place, path, connection, text):
    import boto3
    client = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{host}{place}")
    client.post_to_connection(ConnectionId=connection, Data=text)


def requests_(host, place, path, connection, text):
    import requests
    requests.post(f"https://{host}{path}", data=text).raise_for_status()


def urllib3_(host, place, path, connection, text):
    import urllib3
    assert urllib3.PoolManager().request("POST", f"https://{host}{path}", body=text).status == 200


def urllib_(host, place, path, connection, text):
    urllib.request.urlopen(f"https://{host}{path}", data=text.encode()).read()


def http_(host, place, path, connection, text):
    client = http.client.HTTPSConnection(host)
    client.request("POST", path, text)
    assert client.getresponse().status == 200


def aiohttp_(host, place, path, connection, text):
    import aiohttp

    async def post():
        async with aiohttp.ClientSession() as session:
            async with session.post(f"https://{host}{path}", data=text) as response:
                assert response.status == 200

    asyncio.run(post())


def streams_(host, place, path, connection, text):
    """As anyio, and so httpx's AsyncClient, connects: to the address, and a port of its own."""

    async def post():
        loop, context = asyncio.get_running_loop(), ssl.create_default_context()
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        reader, writer = await asyncio.open_connection(
            found[0][4][0], 443, ssl=context, server_hostname=host
        )
        await said(writer, host, path, text)
        assert b" 200 " in await reader.readline()
        writer.close()

    asyncio.run(post())


async def said(writer, host, path, text):
    writer.write(request(host, path, text))
    await writer.drain()


def raw_(host, place, path, connection, text):
    with socket.socket() as plain:
        plain.connect((host, 443))
        with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as client:
            client.sendall(request(host, path, text))
            assert b" 200 " in client.recv(100)


def request(host, path, text):
    head = f"POST {path} HTTP/1.1\\r\\nHost: {host}\\r\\nContent-Length: {len(text)}"
    return f"{head}\\r\\n\\r\\n{text}".encode()


WAYS = {name.removesuffix("_"): value for name, value in globals().items() if name.endswith("_")}
'''
WAYS = ("boto3", "requests", "urllib3", "urllib", "http", "aiohttp", "streams", "raw")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    folder = tmp_path_factory.mktemp("own_names")
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text(HANDLER)
    (folder / "template.yaml").write_text(HEAD + TEMPLATE)
    ready: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    options = Options(folder / "template.yaml", port=0, log=print, region="eu-west-1")
    async with serving(options, ready) as addresses:
        yield addresses.websocket


@asynccontextmanager
async def serving(options: Options, ready: asyncio.Future[Addresses]) -> AsyncIterator[Addresses]:
    task = asyncio.create_task(serve_at(options, ready.set_result))
    try:
        yield await in_time(ready)
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("way", [*WAYS, "boto3-domain", "http-domain"])
async def test_a_push_to_the_name_on_aws_comes_here(gateway: str, way: str) -> None:
    async with connect(gateway) as client:
        await client.send(way)
        assert await in_time(client.recv()) == way


def led(code: str) -> list[str]:
    """What `code` prints where no name is asked for outside: the resolver only says what it got."""
    program = f"""
import _socket, errno, runpy, sys
_socket.getaddrinfo = lambda host, *rest, **more: [host]
worker = runpy.run_path({worker.__file__!r}, run_name="worker")
worker["lead_here"]("127.0.0.1:8080", "abc.execute-api.eu-west-1.amazonaws.com", "ws.example.com")
from _socket import getaddrinfo
{code}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_only_names_that_are_ours_lead_here() -> None:
    names = [
        "abc.execute-api.eu-west-1.amazonaws.com",
        "ABC.execute-api.eu-west-1.amazonaws.com.",
        "ws.example.com",
        "abc.execute-api.us-east-1.amazonaws.com",
        "xyz.execute-api.eu-west-1.amazonaws.com",
        "execute-api.eu-west-1.amazonaws.com",
        "a.ws.example.com",
        "dynamodb.eu-west-1.amazonaws.com",
        "a1b2c3d4e5.localhost",
    ]
    found = led(f"for name in {names}: print(getaddrinfo(name, 443)[0])")
    assert found == [worker.STANDS_IN] * 3 + names[3:8] + ["127.0.0.1"]


def test_what_has_no_name_is_passed_on() -> None:
    assert led("for host in (None, b'', b'ws.example.com'): print(*getaddrinfo(host, 1))") == [
        "None",
        "b''",
        worker.STANDS_IN,
    ]


def test_other_ports_of_the_names_are_closed() -> None:
    """On AWS too: nothing but TLS on 443 is there."""
    code = """
import socket
with socket.socket() as client:
    print(errno.errorcode[client.connect_ex(("ws.example.com", 80))])
"""
    assert led(code) == ["ECONNREFUSED"]


def test_sockets_are_as_before() -> None:
    code = """
import asyncio, socket, ssl
one, two = socket.socketpair()
one.send(b"x")
print(two.recv(1).decode(), isinstance(one, socket.SocketType))
with socket.create_server(("127.0.0.1", 0)) as server:
    with socket.socket() as client:
        client.connect(server.getsockname())
        print(server.accept()[0].fileno() > 0)
"""
    assert led(code) == ["x", "True", "True"]


def test_the_names_of_a_plan() -> None:
    api = websocket_api({"act": function("act")})
    other = replace(api, api_id="z9y8x7w6v5", base_paths=(BasePath("WS.example.com", "a"),))
    made = plan(api, {"$default": function("web")}, more=(replace(api, stage="test"), other))
    assert own_names(made) == [
        "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        "z9y8x7w6v5.execute-api.eu-west-1.amazonaws.com",
        "f6g7h8i9j0.execute-api.eu-west-1.amazonaws.com",
        "ws.example.com",
    ]


def test_an_http_integration_finds_them_without_tls() -> None:
    uri = "https://f6g7h8i9j0.execute-api.eu-west-1.amazonaws.com/act"
    proxy = HttpProxyIntegration(Endpoint(uri, "POST"), function("x").timeout)
    api = replace(websocket_api({}), routes={"act": Route("act", proxy, two_way=False)})
    made = with_endpoints(plan(api, {"$default": function("web")}), "127.0.0.1:8080")
    integration = made.websocket.routes["act"].integration
    assert isinstance(integration, HttpProxyIntegration)
    assert integration.endpoint.uri == "http://127.0.0.1:8080/act"
